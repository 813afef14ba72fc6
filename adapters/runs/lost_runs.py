"""Runs that need repair: expired leases, and waiting runs that may have no message."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from adapters.database import database_now
from adapters.queue.messages import Attempt, RunMessage
from adapters.runs.states import Lease
from adapters.tables import IS_LIVING, IS_WAITING, RUN, Criterion
from contracts.status import RunStatus

PAGE = 5_000  # rows that are in memory at a time, where many are read
SUBMISSION_S = 5.0  # a submission may take so long from its rows to its messages


def expired_leases(connection: Connection, limit: int) -> list[Lease]:
    """Lock and return up to `limit` running attempts whose lease has expired, the longest expired first.

    Rows locked by another transaction are skipped; a later call returns them.
    """
    query = (
        select(*RUN["run_id", "attempt", "lease_token"])
        .where(RUN.status == RunStatus.RUNNING, RUN.lease_until < database_now())
        .order_by(RUN.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)  # SQLite, with one writer, ignores this
    )
    return [Lease(*row) for row in connection.execute(query)]


def overdue_attempts(connection: Connection, grace_s: float) -> Iterator[Attempt]:
    """Yield waiting attempts whose message was enqueued more than `grace_s` ago, or never, the oldest run first.

    Most of them simply wait in a long queue, so rows are read in pages.
    """
    never = and_(
        RUN.enqueued_at.is_(None), _is_over(RUN.waiting_since, min(grace_s, SUBMISSION_S))
    )
    query = (
        select(*RUN["run_id", "attempt"])
        .where(IS_WAITING, or_(never, _is_over(RUN.enqueued_at, grace_s)))
        .order_by(RUN.id)
        .execution_options(yield_per=PAGE)
    )
    return (Attempt(*row) for row in connection.execute(query))


def _is_over(since: ColumnElement[Any], seconds: float) -> Criterion:
    """Select times more than so many seconds ago, or in the future, as after the clock was set back."""
    return or_(since < database_now(-seconds), since > database_now())


def messages_for(connection: Connection, run_ids: Sequence[str]) -> list[RunMessage]:
    """Return the messages of those runs that are waiting now, oldest run first."""
    rows = connection.execute(
        select(*RUN["run_id", "attempt", "request_json"])
        .where(RUN.run_id.in_(run_ids), IS_WAITING)
        .order_by(RUN.id)
    )
    return [
        RunMessage.of_stored(run_id, attempt, json.loads(request))
        for run_id, attempt, request in rows
    ]


def unqueueable(connection: Connection, waited_s: float, limit: int) -> list[Attempt]:
    """Return up to `limit` attempts that have been waiting for longer than `waited_s`."""
    waits = (IS_WAITING, RUN.waiting_since < database_now(-waited_s))
    query = select(*RUN["run_id", "attempt"]).where(*waits).limit(limit)
    return [Attempt(*row) for row in connection.execute(query)]


def live_attempts(connection: Connection, run_ids: Sequence[str]) -> list[Attempt]:
    """Return the attempts of these runs that still wait or run."""
    query = select(*RUN["run_id", "attempt"]).where(RUN.run_id.in_(run_ids), IS_LIVING)
    return [Attempt(*row) for row in connection.execute(query)]
