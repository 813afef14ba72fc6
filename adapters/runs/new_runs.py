"""Submission of runs: record them as PENDING with their tags, and stamp them once their messages are enqueued."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert

from adapters.database import database_now, portions, time_of
from adapters.declarations import update_by
from adapters.queue.messages import RunMessage
from adapters.runs.events import event
from adapters.runs.turns import announce
from adapters.tables import IS_WAITING, RUN, run_events, run_tags, runs
from contracts.run_request import RunRequest
from contracts.status import Kind, RunStatus
from contracts.values import Json, frozen, picked


@frozen
class NewRun:
    """A validated request that is about to be recorded."""

    request: RunRequest
    request_hash: str
    idempotency_key: str | None = None
    reproduces: str | None = None
    submitted_by: str | None = None
    kind: Kind = Kind.RUN

    @property
    def run_id(self) -> str:
        """Return the id as text."""
        return str(self.request.run_id)

    @property
    def message(self) -> RunMessage:
        """Return the message of its first attempt."""
        return RunMessage.of(self.request)


def insert_runs(
    connection: Connection, new_runs: Sequence[NewRun], plan_id: str | None = None
) -> None:
    """Record requests as PENDING, as runs of a plan if it is given; DuplicateKey when one exists already."""
    created_at = time_of(connection)
    # a statement has about 1 MB, far below every server's max_allowed_packet
    for some in portions(new_runs):
        connection.execute(insert(runs), [_row(new, plan_id, created_at) for new in some])
        tags = {new.run_id: new.request.tags for new in some}
        events = [
            event(run_id, 1, None, RunStatus.PENDING, "submitted", created_at) for run_id in tags
        ]
        connection.execute(insert(run_events), events)
        insert_tags(connection, tags)


def insert_tags(connection: Connection, tags: Mapping[str, Sequence[str]]) -> None:
    """Let lists find runs by their tags."""
    rows = [
        {"run_id": run_id, "tag": tag}
        for run_id, tags_of_run in tags.items()
        for tag in tags_of_run
    ]
    if rows:
        connection.execute(insert(run_tags), rows)


def _row(new: NewRun, plan_id: str | None, created_at: datetime) -> Json:
    request = new.request.to_json()
    return {
        # columns of the request by which runs are searched
        **picked(request, RUN.keys()),
        "request_hash": new.request_hash,
        "idempotency_key": new.idempotency_key,
        "reproduces": new.reproduces,
        "submitted_by": new.submitted_by,
        "kind": new.kind,
        "plan_id": plan_id,
        "params_json": json.dumps(request["params"], ensure_ascii=False),
        "request_json": json.dumps(request, ensure_ascii=False),
        "status": RunStatus.PENDING,
        "waiting_since": created_at,
        "created_at": created_at,
    }


def now_waiting(connection: Connection, run_ids: Sequence[str]) -> None:
    """Restart the wait of runs that this transaction inserted; for transactions with many inserts."""
    mine = update_by(RUN.run_id).where(RUN.run_id.in_(run_ids))
    connection.execute(mine.values(waiting_since=database_now()))


def mark_enqueued(connection: Connection, messages: Sequence[RunMessage]) -> None:
    """Stamp the time at which these messages were enqueued, and announce their plans to fair scheduling.

    Runs that have moved on to a later attempt are not changed.
    """
    run_ids: dict[int, list[str]] = {}
    for message in messages:
        run_ids.setdefault(message.attempt, []).append(message.run_id)
    for attempt, sent in run_ids.items():  # nearly always one
        change = update_by(RUN.run_id).where(RUN.run_id.in_(sent), RUN.attempt == attempt)
        connection.execute(change.where(IS_WAITING).values(enqueued_at=database_now()))
    announce(connection, [message.run_id for message in messages if message.is_bulk])
