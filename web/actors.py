"""Who is asking: the holder of a token, of a session begun with one, or somebody whom a proxy has logged in."""

import re
from ipaddress import ip_address

from flask import current_app, request, session

from adapters.access.tokens import Actor, digest_of
from web.platform import platform

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
