"""Request checks: prefix, Host, actor, rate limit, cross-site, token scope and ownership."""

import re
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from ipaddress import ip_address
from urllib.parse import urlsplit
from wsgiref.types import WSGIEnvironment

from flask import (
    Flask,
    Response,
    current_app,
    g,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import Connection
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    TooManyRequests,
    Unauthorized,
)

from adapters.access import Actor, digest_of, submitter, submitters
from adapters.logs import set_log_context
from web.api import MAX_BODY_BYTES, current_operation
from web.app import platform, reading_database

# key of the WSGI environment: the address at the other end of the connection, whatever a proxy says of its client
PEER = "web.peer"
# likewise: the X-Forwarded-Prefix of a trusted proxy, if it is not a path
BAD_PREFIX = "web.bad_prefix"
_USER = re.compile(r"[!-~]{1,64}")  # a name or an e-mail address; one word of a log line
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# path arguments that every log line of a request has
_LOGGED = frozenset({"run_id", "batch_id", "study_id", "portfolio_id"})
_NO_TOKEN_YET = (
    "there is no token yet, so only requests from this machine are answered: create one with "
    "'python -m adapters.tokens make NAME --scope admin', or set OPEN_ACCESS=true to answer everybody"
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

# sent over TLS only: elsewhere browsers must ignore it
_HSTS = {"Strict-Transport-Security": "max-age=31536000"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def identify_actor() -> Actor | None:
    """Return the sender of the request, None for anonymous clients; without any tokens, localhost is an admin."""
    if not auth_required():
        may_all = platform().settings.open_access or all(
            map(_is_loopback, (_peer(), request.remote_addr))
        )
        return Actor(None, "admin") if may_all else None
    return _by_proxy() or _by_token()


def auth_required() -> bool:
    """Return whether requests need a token or a login by the proxy."""
    return bool(platform().settings.auth_proxy_header) or platform().tokens.auth_required()


def token_holder(token: str) -> Actor | None:
    """Return the holder of a token, None when it is not valid."""
    return platform().tokens.holder(digest_of(token))


def _by_proxy() -> Actor | None:
    settings = platform().settings
    user = (
        request.headers.get(settings.auth_proxy_header, "") if settings.auth_proxy_header else ""
    )
    if _peer() != settings.trusted_proxy or not _USER.fullmatch(user):
        return None
    return Actor(f"proxy:{user}", settings.auth_proxy_scope)


def _by_token() -> Actor | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token_holder(token.strip())
    actor = platform().tokens.holder(session["token"], session["id"]) if "id" in session else None
    if actor is None:
        session.clear()
    elif current_app.config["SECRET_KEY_FALLBACKS"]:
        session.modified = True  # sends it again, signed with the first key
    return actor


def _peer() -> str | None:
    return request.environ.get(PEER, request.remote_addr)


def _is_loopback(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        """Mark the session cookie Secure over TLS."""
        return request.is_secure

    def get_cookie_path(self, app: Flask) -> str:
        """Return the path at which a proxy serves the platform: other sites on its host do not get the cookie."""
        return request.script_root or "/"


def protect(app: Flask) -> None:
    """Check each request before its view, and add the security headers to each response."""
    app.config.update(
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
    )
    app.session_interface = _Sessions()
    for check in (
        _check_prefix,
        _check_host,
        _identify,
        _check_rate,
        _check_origin,
        _check_scope,
    ):
        app.before_request(check)
    app.after_request(_add_security_headers)


def _check_prefix() -> None:
    """Refuse an X-Forwarded-Prefix of the trusted proxy that is not a path: links would not work with it."""
    if (prefix := request.environ.get(BAD_PREFIX)) is not None:
        g.actor = None
        raise BadRequest(
            f"X-Forwarded-Prefix {prefix[:100]!r} is not a path such as /backtests; correct it in the proxy"
        )


def _check_host() -> None:
    """Refuse hosts that are not allowed, against DNS rebinding: a foreign name that resolves to this machine."""
    host = request.headers.get("Host", "")
    if not current_operation().any_host and not _is_allowed_host(
        host, platform().settings.trusted_hosts
    ):
        g.actor = None  # the page belongs to another site, whoever opens it
        _check_rate()
        raise BadRequest(f"host {host[:100]!r} is not allowed; add it to TRUSTED_HOSTS")


def _is_allowed_host(host: str, configured: Collection[str]) -> bool:
    """Return whether a host, with or without a port, is allowed; `.example.com` stands for all its subdomains."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    domains = tuple(each for each in configured if each.startswith("."))
    return name in _LOOPBACK or name in configured or name.endswith(domains)


def _check_origin() -> None:
    if request.method in _SAFE_METHODS:
        return
    platform_origin = f"{request.scheme}://{request.headers.get('Host')}"
    # every browser sends it with a request that changes something
    origin = request.headers.get("Origin", platform_origin)
    if origin != platform_origin or request.headers.get("Sec-Fetch-Site", "none") not in (
        "none",
        "same-origin",
    ):
        hint = (
            "; behind a proxy that terminates TLS, set TRUSTED_PROXY to its address"
            if origin[:5] == "https"
            else ""
        )
        raise Forbidden(
            f"cross-site requests are refused: {origin[:100]!r} is not {platform_origin[:100]!r}{hint}"
        )


def _identify() -> None:
    ids = {name: value for name, value in (request.view_args or {}).items() if name in _LOGGED}
    set_log_context(**ids)  # replaces the context of the thread's previous request
    g.actor = None if current_operation().unguarded else identify_actor()
    set_log_context(actor=g.actor and g.actor.name, **ids)


def _check_rate() -> None:
    if current_operation().unguarded:
        return
    kind = kind_of_request()
    wait_s = platform().rate_limits.wait_s(
        kind, (g.actor and g.actor.name) or request.remote_addr or ""
    )
    if wait_s:
        raise TooManyRequests(
            f"too many {kind} within a minute; try again in {wait_s} s", retry_after=wait_s
        )


def _check_scope() -> None:
    """Refuse anonymous clients, tokens whose scope is too small, and plans and runs of other submitters."""
    scope = required_scope()
    if scope is None:
        return
    if g.actor is None and not auth_required():
        raise Forbidden(_NO_TOKEN_YET)
    if scope == "read" and platform().settings.open_reads:
        return
    if g.actor is None:
        raise Unauthorized(
            "a token is needed: send it as 'Authorization: Bearer <token>', or log in at "
            + url_for("access.login")
        )
    if not g.actor.may(scope):
        raise Forbidden(f"{g.actor.name} has the scope {g.actor.scope}; this needs {scope}")
    if current_operation().owned:
        [(kind, name)] = (request.view_args or {}).items()
        with reading_database() as connection:
            require_owner(connection, kind, name)


def may_send_body(app: Flask, environ: WSGIEnvironment) -> bool:
    """Return whether a request may send a large body; checked before it is read, and not counted by the rate limit."""
    with app.request_context(environ):
        try:
            for check in (_check_prefix, _check_host, _identify, _check_origin, _check_scope):
                check()
        except HTTPException:
            return False
    return True


def required_scope() -> str | None:
    """Return the scope that the request needs; None where no token is needed."""
    declared = current_operation()
    if declared.unguarded or declared.needs == "anybody":
        return None
    return declared.needs or ("submit" if changes_something() else "read")


def kind_of_request() -> str:
    """Return the kind by which requests are limited and counted: logins, changes or reads."""
    if not changes_something():
        return "reads"
    return "logins" if request.endpoint == "access.login" else "changes"


def changes_something() -> bool:
    """Return whether the request would change stored data."""
    return request.method not in _SAFE_METHODS and current_operation().needs != "read"


def _add_security_headers(response: Response) -> Response:
    """Add the security headers, and keep pages of authenticated users out of browser caches."""
    if (actor := g.get("actor")) and actor.name:
        if response.mimetype == "text/html":
            response.headers["Cache-Control"] = "no-store"
        response.headers.setdefault("Cache-Control", "no-store")
    for name, value in (_HEADERS | (_HSTS if request.is_secure else {})).items():
        response.headers.setdefault(name, value)
    return response


def require_owner(connection: Connection, kind: str, name: str) -> None:
    """Raise Forbidden when the run or plan with this id was submitted by somebody else, not by nobody."""
    require_submitter(submitter(connection, kind, name))


def require_owner_of_runs(connection: Connection, run_ids: Sequence[str]) -> None:
    """Raise Forbidden when one of these runs was submitted by somebody else."""
    if not g.actor.may("admin"):
        _refuse(submitters(connection, run_ids))


def require_submitter(submitted_by: str | None) -> None:
    """Raise Forbidden unless the actor is this submitter or an admin, or there is no submitter."""
    if not g.actor.may("admin"):
        _refuse({submitted_by})


def _refuse(submitted_by: AbstractSet[str | None]) -> None:
    if submitted_by - {None, g.actor.name}:
        raise Forbidden(
            f"this was submitted by somebody else; {g.actor.name} needs the scope admin to change it"
        )
