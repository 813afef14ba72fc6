"""Who may ask and change: by a name of ours only, never from another site, not too often, with a token of the scope."""

import secrets
from collections.abc import Collection
from urllib.parse import urlsplit
from wsgiref.types import WSGIEnvironment

from flask import (
    Blueprint,
    Flask,
    Response,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    TooManyRequests,
    Unauthorized,
)

from adapters.access.tokens import digest_of
from adapters.logs import set_log_context
from web.actors import BAD_PREFIX, are_tokens_asked_for, asking, holder_of
from web.arguments import read_body
from web.operation import MAX_BODY_BYTES, current_operation, operation
from web.ownership import refuse_others
from web.platform import platform, reading_database

blueprint = Blueprint("access", __name__)

MAX_LOGIN_BYTES = 4096  # of a form with one field, the token
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


@blueprint.route("/login", methods=["GET", "POST"])
@operation(needs="anybody")
def login() -> ResponseReturnValue:
    """Let a browser show its token once."""
    if request.method == "GET":
        return render_template("access/login.html")
    read_body(MAX_LOGIN_BYTES)
    token = request.form.get("token", "")
    g.actor = holder_of(token)
    if g.actor is None:
        raise Unauthorized("this token is not known, or not valid any more")
    # this browser asks as its holder from now on, while the token is valid and nobody has logged out
    session.update(id=secrets.token_urlsafe(16), token=digest_of(token))
    return redirect(url_for("form.page"))


@blueprint.post("/logout")
@operation(needs="anybody")
def logout() -> ResponseReturnValue:
    """End this browser's session, for whoever has its cookie; the token itself stays valid."""
    if "id" in session:
        platform().tokens.end_session(session["id"])
    session.clear()
    return redirect(url_for("access.login"))
