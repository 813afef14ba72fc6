"""Tokens: who may ask for what. Only their digests are kept; being random, they need no slow hash."""

import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from adapters.access_tables import ended_sessions, tokens
from adapters.database import database_now, has_rows, inserted, reading
from contracts.errors import Conflict, InvalidRequest
from contracts.values import frozen

SCOPES = ("read", "submit", "admin")  # each may what those before it may
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")  # without the colon of names from elsewhere
REMEMBERED_S = 5.0  # for so long a process may not notice that the very first token was made
MOST_DAYS = 36_500
SESSION_DAYS = 31  # Flask takes no older cookie
_DAY_S = 86_400.0


@frozen
class Actor:
    """Who asks, by the name of a token or of a user, and what that allows; no name where nobody needs one."""

    name: str | None
    scope: str

    def may(self, scope: str) -> bool:
        """Whether what needs this scope is allowed."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


def digest_of(token: str) -> str:
    """SHA-256 of a token, by which it is known."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_token(connection: Connection, name: str, scope: str, days: int | None = None) -> str:
    """A new token, valid for so many days or forever; it cannot be read again. Conflict when the name was used."""
    if not NAME.fullmatch(name):
        raise InvalidRequest(
            {"name": name}, f"{name!r} is not accepted; accepted: 1 to 64 of A-Z a-z 0-9 . _ -"
        )
    if days is not None and not 0 < days <= MOST_DAYS:
        raise InvalidRequest(
            {"days": str(days)}, f"{days} days are not accepted; accepted: 1 to {MOST_DAYS}"
        )
    token = secrets.token_urlsafe(32)
    expires_at = None if days is None else database_now(days * _DAY_S)
    row = {"name": name, "scope": scope, "digest": digest_of(token), "made_at": database_now()}
    if not inserted(connection, tokens, **row, expires_at=expires_at):
        raise Conflict(f"a token was called {name!r} already; names are not used again")
    return token


def revoke_token(connection: Connection, name: str) -> None:
    """End a token, and with it the sessions that were begun by it; Conflict when none such is valid."""
    valid = update(tokens).filter_by(name=name, revoked_at=None)
    revoked = valid.values(revoked_at=database_now())
    if connection.execute(revoked).rowcount != 1:
        raise Conflict(f"no token that could be revoked is called {name!r}")


def list_tokens(connection: Connection) -> Sequence[RowMapping]:
    """All tokens there ever were, oldest first, without their digests."""
    columns = tokens.c["name", "scope", "made_at", "expires_at", "revoked_at"]
    return connection.execute(select(*columns).order_by(tokens.c.made_at)).mappings().all()


class TokenStore:
    """The tokens of the settings and those of the database."""

    def __init__(self, engine: Engine, configured: Sequence[str]) -> None:
        self._engine = engine
        self._configured = dict(_configured(*each) for each in enumerate(configured, 1))
        self._are_asked_for = bool(self._configured)
        self._looked_at = float("-inf")

    def holder(self, digest: str, session_id: str | None = None) -> Actor | None:
        """Whose token has this digest; None of an unknown, expired or revoked one, and in a session that has ended."""
        known = self._configured.get(digest)
        if known and not session_id:
            return known
        ended = select(ended_sessions.c.at).filter_by(session_id=session_id)
        with reading(self._engine) as connection:
            if session_id and has_rows(connection, ended):
                return None
            return known or _holder(connection, digest)

    def end_session(self, session_id: str) -> None:
        """Let nobody be known by this session's cookie any more, and forget sessions whose cookies are too old."""
        with suppress(IntegrityError), self._engine.begin() as connection:  # ended twice
            too_old = ended_sessions.c.at < database_now(-(SESSION_DAYS + 1) * _DAY_S)
            connection.execute(delete(ended_sessions).where(too_old))
            connection.execute(
                insert(ended_sessions).values(session_id=session_id, at=database_now())
            )

    def are_asked_for(self) -> bool:
        """Whether there is, or ever was, a token: once there was one, it stays so."""
        if not self._are_asked_for and time.monotonic() - self._looked_at > REMEMBERED_S:
            with reading(self._engine) as connection:
                self._are_asked_for = has_rows(connection, select(tokens.c.name))
            self._looked_at = time.monotonic()
        return self._are_asked_for


def _holder(connection: Connection, digest: str) -> Actor | None:
    has_time = or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > database_now())
    valid = select(*tokens.c["name", "scope"]).filter_by(digest=digest, revoked_at=None)
    row = connection.execute(valid.where(has_time)).one_or_none()
    return Actor(row.name, row.scope) if row else None


def _configured(place: int, entry: str) -> tuple[str, Actor]:
    """Digest and holder of an entry of API_TOKENS: a token, or NAME:sha256:<digest>."""
    name, hashed, digest = entry.partition(":sha256:")
    if not hashed:
        name, digest = str(place), digest_of(entry)
    return digest, Actor(f"environment:{name}", "admin")
