"""Runs as the web tier would submit them, for tests of later steps, and their rows in the tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, select, text
from sqlalchemy.engine import Engine

from adapters.database import connect_database, reading
from adapters.plans.store import join_batch
from adapters.queue.messages import RunMessage
from adapters.queue.run_queue import RunQueue
from adapters.runs.changes import NewRun, insert_runs, mark_enqueued
from adapters.settings import Settings, load_settings
from adapters.tables import run_events, runs
from contracts.run_request import RunRequest, request_hash
from contracts.status import RunStatus


def new_request(**fields: Any) -> RunRequest:
    """A valid request for thirteen years of AAPL, without charts."""
    defaults: dict[str, Any] = {
        "run_id": str(uuid4()),
        "ticker": "AAPL",
        "rule_type": "RSI",
        "params": {"period": 14},
        "rule_id": "RSI_14_30_70",
        "start_date": date(2000, 3, 1),
        "end_date": date(2013, 3, 1),
        "charts": False,
    }
    return RunRequest(**(defaults | fields))


def plan_of(connection: Connection, batch_id: str | None, actor: str | None = None) -> str | None:
    """The plan of a batch, new if there is none of this name; None without a batch."""
    if batch_id is None:
        return None
    return str(join_batch(connection, batch_id, str(uuid4()), actor)["plan_id"])


class Submitter:
    """Records and enqueues runs the way that the web tier does it, and reads their story back."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.settings: Settings = load_settings(environ)
        self.engine: Engine = connect_database(self.settings.database_url)
        self.queue = RunQueue(self.settings)

    def record(self, count: int = 1, actor: str | None = None, **fields: Any) -> list[str]:
        """Insert PENDING runs without telling the queue, as a web process does that dies in between."""
        requests = [new_request(**fields) for _ in range(count)]
        # they tell runs of a batch apart
        hashes = [request_hash(each, {"run_id": each.run_id}) for each in requests]
        new = [
            NewRun(each, its, submitted_by=actor)
            for each, its in zip(requests, hashes, strict=True)
        ]
        with self.engine.begin() as connection:
            insert_runs(connection, new, plan_of(connection, fields.get("batch_id"), actor))
        return [str(request.run_id) for request in requests]

    def enqueue(self, run_ids: Sequence[str], attempt: int = 1, *, is_bulk: bool = False) -> None:
        """Put messages on the queue and stamp them."""
        request = new_request().to_json()
        messages = [RunMessage(run_id, attempt, request, is_bulk) for run_id in run_ids]
        self.queue.enqueue(messages)
        with self.engine.begin() as connection:
            mark_enqueued(connection, messages)

    def submit(self, count: int = 1, **fields: Any) -> list[str]:
        """Record and enqueue runs; returns their ids."""
        run_ids = self.record(count, **fields)
        self.enqueue(run_ids, is_bulk=fields.get("batch_id") is not None)
        return run_ids

    @contextmanager
    def locked(self, run_id: str) -> Iterator[None]:
        """Hold the run's row for as long as wanted, as the console of a person can."""
        with self.engine.begin() as console:
            console.execute(text("SET SESSION wait_timeout = 3600"))
            console.execute(select(runs.c.id).where(runs.c.run_id == run_id).with_for_update())
            yield

    def row(self, run_id: str) -> dict[str, Any]:
        """The run's row."""
        with reading(self.engine) as connection:
            return dict(
                connection.execute(select(runs).where(runs.c.run_id == run_id)).mappings().one()
            )

    def status(self, run_id: str) -> str:
        """The run's state."""
        return str(self.row(run_id)["status"])

    def statuses(self) -> dict[str, int]:
        """Number of runs in each state."""
        with reading(self.engine) as connection:
            rows = connection.execute(select(runs.c.status)).scalars().all()
        return {status: rows.count(status) for status in set(rows)}

    def all_ended(self) -> bool:
        """True when no run waits or works any more."""
        return not {RunStatus.PENDING, RunStatus.RUNNING} & set(self.statuses())

    def events(self, run_id: str) -> list[tuple[int, str | None, str]]:
        """(attempt, from, to) of each change of the run's state."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(run_events.c.attempt, run_events.c.from_status, run_events.c.to_status)
                .where(run_events.c.run_id == run_id)
                .order_by(run_events.c.id)
            )
            return [(row.attempt, row.from_status, row.to_status) for row in rows]
