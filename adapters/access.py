"""Access: the audit, owners of runs and plans, and tokens with their scopes.

Only digests of tokens are stored; they are random, so they need no slow hash.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from adapters.access_tables import audit, ended_sessions, tokens
from adapters.budgets import Budget
from adapters.database import database_now, has_rows, insert_if_new, reading
from adapters.plan_tables import PLAN
from adapters.rows import latest_rows
from adapters.tables import RUN
from contracts.errors import Conflict, InvalidRequest
from contracts.status import PlanKind
from contracts.values import frozen

ADDRESS_LENGTH, SUBJECT_LENGTH = 45, 255  # characters, the widths of the columns
PORTION = 1000  # rows per query of an export, and per transaction that deletes


def record_entry(connection: Connection, /, address: str, subject: str, **others: Any) -> None:
    """Append one row at the database's time; `others`: its other columns."""
    cut = {"address": address[:ADDRESS_LENGTH], "subject": subject[:SUBJECT_LENGTH]}
    connection.execute(insert(audit).values(at=database_now(), **cut, **others))


def list_entries(
    connection: Connection, after: int | None, limit: int, **equal: Any
) -> Sequence[RowMapping]:
    """List rows before the one numbered `after`, latest first, whose named columns have these values."""
    return latest_rows(connection, after, limit, select(audit).filter_by(**equal), audit)


def all_entries(engine: Engine, after: int | None, **equal: Any) -> Iterator[RowMapping]:
    """Yield all such rows, read in portions."""
    while True:
        with reading(engine) as connection:
            rows = list_entries(connection, after, PORTION, **equal)
        yield from rows
        if len(rows) < PORTION:
            return
        after = rows[-1]["id"]


def delete_old_entries(connection: Connection, days: float, *, dry_run: bool) -> int:
    """Delete up to PORTION rows older than `days` and return their number; a dry run counts all of them."""
    too_old = database_now(-days * 86_400)
    if dry_run:
        return connection.execute(select(func.count()).where(audit.c.at < too_old)).scalar_one()
    # ids grow with time
    oldest = select(*audit.c["id", "at"]).order_by(audit.c.id).limit(PORTION).subquery()
    last = select(func.max(oldest.c.id)).where(oldest.c.at < too_old)
    last_id = connection.scalar(last) or 0
    return connection.execute(delete(audit).where(audit.c.id <= last_id)).rowcount


# by the names in URLs; any Job of a screen identifies the screen
_COLUMNS = {
    **dict.fromkeys((f"{kind}_id" for kind in PlanKind), PLAN.plan_id),
    "run_id": RUN.run_id,
    "screen_id": RUN.run_id,
    "batch_id": PLAN.name,
}


def submitter(connection: Connection, kind: str, name: str) -> str | None:
    """Return the submitter of a run, by its run_id, or of a plan, by its batch_id, study_id, …; None if unknown."""
    column = _COLUMNS[kind]
    query = select(column.table.c.submitted_by).where(column == name)
    return connection.scalar(query)


def submitters(connection: Connection, run_ids: Sequence[str]) -> set[str | None]:
    """Return the submitters of those of these runs that exist."""
    query = select(RUN.submitted_by).where(RUN.run_id.in_(run_ids)).distinct()
    return {*connection.scalars(query)}


SCOPES = ("read", "submit", "admin")  # each includes those before it
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")  # no colon, which only names from other sources have
CHECK_INTERVAL_S = 5.0  # between looks for the very first token
MOST_DAYS = 36_500
SESSION_DAYS = 31  # Flask takes no older cookie
_DAY_S = 86_400.0


@frozen
class Actor:
    """Sender of a request: name of a token or user, scope and budget; no name where none is required."""

    name: str | None
    scope: str
    budget: Budget = Budget()  # None in it: the limit of the settings

    def may(self, scope: str) -> bool:
        """Tell whether the actor's scope includes this one."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


def digest_of(token: str) -> str:
    """Return the SHA-256 by which a token is stored and looked up."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_token(
    connection: Connection,
    name: str,
    scope: str,
    days: int | None = None,
    budget: Budget = Budget(),  # noqa: B008  # it is frozen
) -> str:
    """Make a token, valid for `days` or forever, and return it once; Conflict when the name was ever used."""
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
    if not insert_if_new(connection, tokens, **row, expires_at=expires_at, **asdict(budget)):
        raise Conflict(f"the token name {name!r} has been used before; choose another")
    return token


def set_budget(connection: Connection, name: str, budget: Budget) -> None:
    """Replace the budget of a token from its next submission on; Conflict when no valid token has this name."""
    _change_token(connection, name, **asdict(budget))


def revoke_token(connection: Connection, name: str) -> None:
    """Revoke a token and its sessions; Conflict when no valid token has this name."""
    _change_token(connection, name, revoked_at=database_now())


def _change_token(connection: Connection, name: str, **values: Any) -> None:
    valid = update(tokens).filter_by(name=name, revoked_at=None)
    if connection.execute(valid.values(**values)).rowcount != 1:
        raise Conflict(f"no valid token is called {name!r}")


def list_tokens(connection: Connection) -> Sequence[RowMapping]:
    """List all tokens ever made, oldest first, without their digests."""
    columns = (each for each in tokens.c if each is not tokens.c.digest)
    return connection.execute(select(*columns).order_by(tokens.c.made_at)).mappings().all()


class TokenStore:
    """The tokens of the settings and those of the database."""

    def __init__(self, engine: Engine, configured: Sequence[str]) -> None:
        self._engine = engine
        self._configured = dict(_configured(*each) for each in enumerate(configured, 1))
        self._auth_required = bool(self._configured)
        self._checked_at = float("-inf")

    def holder(self, digest: str, session_id: str | None = None) -> Actor | None:
        """Return the holder of a token by its digest; None if unknown, expired or revoked, or the session ended."""
        configured = self._configured.get(digest)
        if configured and not session_id:
            return configured
        ended = select(ended_sessions.c.at).filter_by(session_id=session_id)
        with reading(self._engine) as connection:
            if session_id and has_rows(connection, ended):
                return None
            return configured or _holder(connection, digest)

    def end_session(self, session_id: str) -> None:
        """End a session, and delete records of sessions whose cookies have expired anyway."""
        with suppress(IntegrityError), self._engine.begin() as connection:  # ended twice
            too_old = ended_sessions.c.at < database_now(-(SESSION_DAYS + 1) * _DAY_S)
            connection.execute(delete(ended_sessions).where(too_old))
            connection.execute(
                insert(ended_sessions).values(session_id=session_id, at=database_now())
            )

    def auth_required(self) -> bool:
        """Tell whether requests need a token: once a token was made, they always do."""
        if not self._auth_required and time.monotonic() - self._checked_at > CHECK_INTERVAL_S:
            with reading(self._engine) as connection:
                self._auth_required = has_rows(connection, select(tokens.c.name))
            self._checked_at = time.monotonic()
        return self._auth_required


def _holder(connection: Connection, digest: str) -> Actor | None:
    is_current = or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > database_now())
    valid = select(tokens).filter_by(digest=digest, revoked_at=None)
    row = connection.execute(valid.where(is_current)).one_or_none()
    if row is None:
        return None
    return Actor(row.name, row.scope, Budget(row.daily_combinations, row.daily_cpu_s))


def _configured(place: int, entry: str) -> tuple[str, Actor]:
    """Digest and holder of an entry of API_TOKENS: a token, or NAME:sha256:<digest>."""
    name, hashed, digest = entry.partition(":sha256:")
    if not hashed:
        name, digest = str(place), digest_of(entry)
    return digest, Actor(f"environment:{name}", "admin")
