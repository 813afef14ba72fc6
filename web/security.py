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

from adapters.access.owners import submitter, submitters
from adapters.access.tokens import Actor, digest_of
from adapters.logs import set_log_context
from web.api import MAX_BODY_BYTES, current_operation
from web.app import platform, reading_database

# in the WSGI environment: who is at the other end, whatever a proxy says of its client
PEER = "web.peer"
BAD_PREFIX = "web.bad_prefix"  # there, too: a trusted proxy's X-Forwarded-Prefix that is no path
_USER = re.compile(r"[!-~]{1,64}")  # names and addresses of mail; one word in a line of the log


def asking() -> Actor | None:
    """Who sent the request, None for a stranger; before there are tokens this machine itself may do everything."""
    if not are_tokens_asked_for():
        may_all = platform().settings.open_access or all(
            map(_is_loopback, (_peer(), request.remote_addr))
        )
        return Actor(None, "admin") if may_all else None
    return _by_proxy() or _by_token()


def are_tokens_asked_for() -> bool:
    """Whether who wants something has to say who it is."""
    return bool(platform().settings.auth_proxy_header) or platform().tokens.are_asked_for()


def holder_of(token: str) -> Actor | None:
    """Whose token this is, if it is valid."""
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
        return holder_of(token.strip())
    known = platform().tokens.holder(session["token"], session["id"]) if "id" in session else None
    if known is None:
        session.clear()
    elif current_app.config["SECRET_KEY_FALLBACKS"]:
        session.modified = True  # so that it is sent again, signed with the first key
    return known


def _peer() -> str | None:
    return request.environ.get(PEER, request.remote_addr)


def _is_loopback(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOGGED = frozenset(
    {"run_id", "batch_id", "study_id", "portfolio_id"}
)  # of a request's address, on each line that it causes
_NO_TOKEN_YET = (
    "there is no token yet, so only this machine itself is answered: make one with "
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

# over TLS alone: elsewhere browsers must ignore it
_HSTS = {"Strict-Transport-Security": "max-age=31536000"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        """Over TLS the session's cookie is never sent in the clear."""
        return request.is_secure

    def get_cookie_path(self, app: Flask) -> str:
        """Return the path that a proxy serves the platform at: other sites on its host do not get the cookie."""
        return request.script_root or "/"


def protect(app: Flask) -> None:
    """Check each request before its view, and send the security headers with each answer."""
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
    app.after_request(_harden)


def _check_prefix() -> None:
    """Refuse a path that the trusted proxy names and that is none: links could not be written with it."""
    if (prefix := request.environ.get(BAD_PREFIX)) is not None:
        g.actor = None
        raise BadRequest(
            f"X-Forwarded-Prefix {prefix[:100]!r} is not a path such as /backtests; correct it in the proxy"
        )


def _check_host() -> None:
    """Refuse names that are not ours: a page elsewhere whose name is made to lead here would count as our own."""
    host = request.headers.get("Host", "")
    if not current_operation().any_host and not _is_ours(host, platform().settings.trusted_hosts):
        g.actor = None  # whoever it is, the page is a stranger
        _check_rate()
        raise BadRequest(
            f"the host {host[:100]!r} is not known here; TRUSTED_HOSTS names those that are"
        )


def _is_ours(host: str, configured: Collection[str]) -> bool:
    """Whether a host, with or without its port, is configured; `.example.com` stands for all names that end so."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    domains = tuple(each for each in configured if each.startswith("."))
    return name in _LOOPBACK or name in configured or name.endswith(domains)


def _check_origin() -> None:
    if request.method in _SAFE_METHODS:
        return
    own = f"{request.scheme}://{request.headers.get('Host')}"
    # sent by every browser with a request that changes something
    origin = request.headers.get("Origin", own)
    if origin != own or request.headers.get("Sec-Fetch-Site", "none") not in (
        "none",
        "same-origin",
    ):
        hint = (
            "; behind a proxy that speaks TLS, TRUSTED_PROXY must name it"
            if origin[:5] == "https"
            else ""
        )
        raise Forbidden(
            f"cross-site requests are refused: {origin[:100]!r} is not {own[:100]!r}{hint}"
        )


def _identify() -> None:
    named = {name: value for name, value in (request.view_args or {}).items() if name in _LOGGED}
    set_log_context(**named)  # the thread has worked for others before
    g.actor = None if current_operation().unguarded else asking()
    set_log_context(actor=g.actor and g.actor.name, **named)


def _check_rate() -> None:
    if current_operation().unguarded:
        return
    kind = kind_of_request()
    wait_s = platform().rates.wait_s(
        kind, (g.actor and g.actor.name) or request.remote_addr or ""
    )
    if wait_s:
        raise TooManyRequests(
            f"too many {kind} within a minute; again in {wait_s} s", retry_after=wait_s
        )


def _check_scope() -> None:
    """Refuse a stranger, and a token for what goes beyond its scope."""
    needed = needed_scope()
    if needed is None:
        return
    if g.actor is None and not are_tokens_asked_for():
        raise Forbidden(_NO_TOKEN_YET)
    if needed == "read" and platform().settings.open_reads:
        return
    if g.actor is None:
        raise Unauthorized(
            "a token is needed: send it as 'Authorization: Bearer <token>', or log in at "
            + url_for("access.login")
        )
    if not g.actor.may(needed):
        raise Forbidden(f"{g.actor.name} may {g.actor.scope}; the scope {needed} is needed here")
    if current_operation().owned:
        [(kind, name)] = (request.view_args or {}).items()
        with reading_database() as connection:
            refuse_others(connection, kind, name)


def is_welcome(app: Flask, environ: WSGIEnvironment) -> bool:
    """Whether a request that brings a large body may do so: asked before the body is read, and uncounted."""
    with app.request_context(environ):
        try:
            for check in (_check_prefix, _check_host, _identify, _check_origin, _check_scope):
                check()
        except HTTPException:
            return False
    return True


def needed_scope() -> str | None:
    """The scope that the request needs; None where everybody may ask."""
    declared = current_operation()
    if declared.unguarded or declared.needs == "anybody":
        return None
    return declared.needs or ("submit" if changes_something() else "read")


def kind_of_request() -> str:
    """What requests are limited and counted by: logins, changes, reads."""
    if not changes_something():
        return "reads"
    return "logins" if request.endpoint == "access.login" else "changes"


def changes_something() -> bool:
    """Whether the request would change what is stored."""
    return request.method not in _SAFE_METHODS and current_operation().needs != "read"


def _harden(response: Response) -> Response:
    """Send the security headers, and keep what was shown to somebody with a name out of the browser's disk."""
    if (actor := g.get("actor")) and actor.name:
        if response.mimetype == "text/html":
            response.headers["Cache-Control"] = "no-store"
        response.headers.setdefault("Cache-Control", "no-store")
    for name, value in (_HEADERS | (_HSTS if request.is_secure else {})).items():
        response.headers.setdefault(name, value)
    return response


def refuse_others(connection: Connection, kind: str, name: str) -> None:
    """Forbidden when what has this run_id, batch_id or study_id is somebody else's; what is nobody's is everybody's."""
    refuse_actor_but(submitter(connection, kind, name))


def refuse_runs_of_others(connection: Connection, run_ids: Sequence[str]) -> None:
    """Forbidden when one of these runs is somebody else's."""
    if not g.actor.may("admin"):
        _refuse(submitters(connection, run_ids))


def refuse_actor_but(submitted_by: str | None) -> None:
    """Forbidden unless the actor is this submitter or an admin; what is nobody's is everybody's."""
    if not g.actor.may("admin"):
        _refuse({submitted_by})


def _refuse(submitted_by: AbstractSet[str | None]) -> None:
    if submitted_by - {None, g.actor.name}:
        raise Forbidden(
            f"this was submitted by somebody else; {g.actor.name} would need the scope admin"
        )
