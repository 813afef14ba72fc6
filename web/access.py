"""Who may change something: cross-site requests never, others when they know a token (if any is configured)."""

import hmac

from flask import Flask, Response, request, session
from werkzeug.exceptions import Forbidden, Unauthorized

from web.platform import platform

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def protect(app: Flask) -> None:
    """Check each request that changes something, and send the security headers with each answer."""
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Strict")
    app.before_request(_check)
    app.after_request(_harden)


def _check() -> None:
    if request.method in _SAFE_METHODS:
        return
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise Forbidden("cross-site requests are refused")
    if request.endpoint != "pages.login" and not is_allowed():
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
    given = token.strip().encode()
    return any(hmac.compare_digest(given, known.encode()) for known in platform().settings.api_tokens)


def _harden(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
