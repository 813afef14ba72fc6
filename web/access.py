"""Who may ask and change: by a name of ours only, never from another site, and with a token if any is configured."""

import hmac
from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized

from web.arguments import MAX_BODY_BYTES, read_body
from web.platform import platform

blueprint = Blueprint("access", __name__)

MAX_LOGIN_BYTES = 4096  # of a form with one field, the token
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_ENDPOINTS = frozenset({"access.login", "rule_api.check"})  # posts that change nothing that a token protects
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_HSTS = {"Strict-Transport-Security": "max-age=31536000"}  # over TLS alone: elsewhere browsers must ignore it
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROBES = frozenset({"health.health", "health.ready", "health.metrics"})  # asked for by the address of a pod


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        """Over TLS the session's cookie is never sent in the clear."""
        return request.is_secure


def protect(app: Flask) -> None:
    """Check each request that changes something, and send the security headers with each answer."""
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Strict", MAX_CONTENT_LENGTH=MAX_BODY_BYTES)
    app.session_interface = _Sessions()
    app.before_request(_check_host)
    app.before_request(_check)
    app.after_request(_harden)


def _check_host() -> None:
    """Refuse names that are not ours: a page elsewhere whose name is made to lead here would count as our own."""
    host = request.headers.get("Host", "")
    if request.endpoint not in _PROBES and not _is_ours(host, platform().settings.trusted_hosts):
        raise BadRequest(f"the host {host[:100]!r} is not known here; TRUSTED_HOSTS names those that are")


def _is_ours(host: str, configured: Collection[str]) -> bool:
    """Whether a host, with or without its port, is configured; `.example.com` stands for all names that end so."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    domains = tuple(each for each in configured if each.startswith("."))
    return name in _LOOPBACK or name in configured or name.endswith(domains)


def _check() -> None:
    if request.method in _SAFE_METHODS:
        return
    origin = request.headers.get("Origin")  # sent by every browser with a request that changes something
    if origin is not None and origin.partition("://")[2] != request.headers.get("Host"):
        raise Forbidden("cross-site requests are refused")
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise Forbidden("cross-site requests are refused")
    if request.endpoint not in _OPEN_ENDPOINTS and not is_allowed():
        raise Unauthorized("a token is needed: send it as 'Authorization: Bearer <token>', or log in at /login")


def is_allowed() -> bool:
    """Whether this client may change something: no token is configured, or it has shown one."""
    tokens = platform().settings.api_tokens
    return not tokens or session.get("allowed") is True or knows_token(request.headers.get("Authorization", ""))


def knows_token(authorization: str) -> bool:
    """Whether an Authorization header carries one of the configured tokens."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return False
    return _is_token(token.strip())


def _is_token(text: str) -> bool:
    given = text.encode()
    return any(hmac.compare_digest(given, known.encode()) for known in platform().settings.api_tokens)


def _harden(response: Response) -> Response:
    for name, value in (_HEADERS | (_HSTS if request.is_secure else {})).items():
        response.headers.setdefault(name, value)
    return response


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Let a browser show its token once."""
    if request.method == "GET":
        return render_template("login.html")
    read_body(MAX_LOGIN_BYTES)
    if not _is_token(request.form.get("token", "")):
        raise Unauthorized("this token is not known")
    session["allowed"] = True
    return redirect(url_for("form.page"))
