"""Runs on their way in: recorded as PENDING, and stamped once their messages are on the queue."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.engine import Connection

from adapters.database import database_now, time_of
from adapters.queue.messages import RunMessage
from adapters.runs.events import event
from adapters.tables import run_events, runs
from contracts.run_request import RunRequest
from contracts.status import RunStatus


@dataclass(frozen=True, slots=True)
class NewRun:
    """A validated request that is about to be recorded."""

    request: RunRequest
    request_hash: str
    idempotency_key: str | None = None
    reproduces: str | None = None
    submitted_by: str | None = None


def insert_runs(connection: Connection, new_runs: Sequence[NewRun]) -> datetime:
    """Record requests as PENDING; returns the database's time of it. IntegrityError when one exists already."""
    created_at = time_of(connection)
    connection.execute(insert(runs), [_row(new, created_at) for new in new_runs])
    events = [
        event(str(new.request.run_id), 1, None, RunStatus.PENDING, "submitted") | {"at": created_at} for new in new_runs
    ]
    connection.execute(insert(run_events), events)
    return created_at


def _row(new: NewRun, created_at: datetime) -> dict[str, Any]:
    request = new.request
    return {
        "run_id": request.run_id,
        "batch_id": request.batch_id,
        "label": request.label,
        "idempotency_key": new.idempotency_key,
        "ticker": request.ticker,
        "timeframe": request.timeframe,
        "rule_type": request.rule_type,
        "rule_id": request.rule_id,
        "params_json": json.dumps(request.params, ensure_ascii=False),
        "request_json": json.dumps(request.to_json(), ensure_ascii=False),
        "request_hash": new.request_hash,
        "data_hash": request.data_hash,
        "benchmark_hash": request.benchmark_hash,
        "status": RunStatus.PENDING,
        "attempt": 1,
        "reproduces": new.reproduces,
        "submitted_by": new.submitted_by,
        "waiting_since": created_at,
        "created_at": created_at,
    }


def now_waiting(connection: Connection, run_ids: Sequence[str]) -> None:
    """Let runs that this transaction has inserted wait since now; for one whose inserts took their time."""
    connection.execute(update(runs).where(runs.c.run_id.in_(run_ids)).values(waiting_since=database_now()))


def mark_enqueued(connection: Connection, messages: Iterable[RunMessage]) -> None:
    """Stamp the time at which these messages were put on the queue; a later attempt than theirs stays as it is."""
    run_ids: dict[int, list[str]] = {}
    for message in messages:
        run_ids.setdefault(message.attempt, []).append(message.run_id)
    for attempt, sent in run_ids.items():  # nearly always one
        waiting = (runs.c.run_id.in_(sent), runs.c.attempt == attempt, runs.c.status == RunStatus.PENDING)
        connection.execute(update(runs).where(*waiting).values(enqueued_at=database_now()))
