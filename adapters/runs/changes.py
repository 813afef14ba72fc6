"""Record runs as PENDING, and change them on request: cancel or retry, a thousand per transaction, and change tags.

among: a condition that selects the runs, such as those of a batch. The caller owns the transaction, and repeats the
call with the last row's id until it returns no rows.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select

from adapters.database import database_now, portions, time_of
from adapters.declarations import read_from, unique_index, update_by
from adapters.queue.messages import RunMessage
from adapters.runs.queries import all_rows, run_status
from adapters.runs.scheduling import announce
from adapters.runs.states import RETRIED, event, failed_values
from adapters.tables import (
    IS_FAILED,
    IS_LIVING,
    IS_WAITING,
    PLAN_INDEX,
    RUN,
    Criterion,
    run_events,
    run_others,
    run_tags,
    runs,
)
from contracts.errors import Conflict
from contracts.run_request import MOST_TAGS, RunRequest, TagChange
from contracts.status import ErrorType, Kind, RunStatus
from contracts.values import Json, Values, frozen, picked


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
        others = [
            {"run_id": new.run_id, "ticker": ticker, "data_hash": data_hash}
            for new in some
            for ticker, data_hash in (new.request.others or {}).items()
        ]
        if others:
            connection.execute(insert(run_others), others)


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


def actor_key(key: str, actor: str | None) -> str:
    """Return a key as it is stored for its actor; anonymous clients share their keys."""
    return hashlib.sha256(f"{actor}\0{key}".encode()).hexdigest() if actor else key


def row_with_key(connection: Connection, table: Table, key: str) -> RowMapping | None:
    """Return the row with this stored key; None when there is none."""
    query = select(table).filter_by(idempotency_key=key)
    return connection.execute(query).mappings().one_or_none()


AT_ONCE = 1000  # runs per transaction, so that nobody waits long for their locks


@frozen
class Change:
    """A bulk transition: which runs qualify, what it sets, and the reason of the event.

    refusal: end of the error for a run that does not qualify.
    """

    which: Criterion
    values: Values
    reason: str
    refusal: str

    def one(self, connection: Connection, run_id: str) -> RowMapping:
        """Change one run and return its row from before; UnknownRun, or Conflict when it does not qualify."""
        if rows := self.some(connection, RUN.run_id == run_id):
            return rows[0]
        run_status(connection, run_id)
        raise Conflict(f"run {run_id} {self.refusal}")

    def some(
        self, connection: Connection, among: Criterion, after_id: int = 0
    ) -> Sequence[RowMapping]:
        """Change up to AT_ONCE runs and return their rows from before; [] at the end.

        A row has id, run_id, attempt, status and request_json.
        """
        columns = select(*RUN["id", "run_id", "attempt", "status", "request_json"])
        query = columns.where(among, self.which, RUN.id > after_id).order_by(RUN.id)
        # nobody else changes these before this transaction ends; SQLite's writers are alone anyway
        locked = query.limit(AT_ONCE).with_for_update()
        # by id or plan; an index of the state would wait for the locks of others
        by_either = f"{unique_index(RUN.run_id)}, {PLAN_INDEX}"
        rows = connection.execute(read_from(by_either, runs, locked)).mappings().all()
        if not rows:
            return rows
        these = RUN.run_id.in_([row["run_id"] for row in rows])
        change = update_by(RUN.run_id).where(these, among, self.which).values(**self.values)
        changed = connection.execute(change).rowcount
        if changed != len(rows):
            raise RuntimeError(f"{changed} of {len(rows)} locked runs were changed")
        at, status = time_of(connection), self.values["status"]
        events = [
            event(row["run_id"], row["attempt"], row["status"], status, self.reason, at)
            for row in rows
        ]
        connection.execute(insert(run_events), events)
        return rows


_CANCELLED = "cancelled on request"
CANCEL = Change(
    IS_LIVING,
    {**failed_values(ErrorType.CANCELLED, _CANCELLED), "cancel_requested": 1},
    _CANCELLED,
    "has ended already, so there is nothing to cancel",
)
RETRY = Change(
    IS_FAILED,
    RETRIED,
    "retried on request",
    "has not failed, so there is nothing to retry",
)


def change_tags(connection: Connection, change: TagChange) -> int:
    """Change the tags of runs and return how many differ; UnknownRun, or Conflict where one gets too many.

    Tags are the only part of a recorded request that ever changes.
    """
    columns = select(*RUN["run_id", "request_json"]).with_for_update()
    changed = {}
    for run_id, row in all_rows(connection, columns, change.run_ids).items():
        request = json.loads(row["request_json"])
        had: list[str] = request.get("tags", [])
        tags = [tag for tag in dict.fromkeys([*had, *change.add]) if tag not in change.remove]
        if len(tags) > MOST_TAGS:
            fault = f"run {run_id} would have {len(tags)} tags"
            raise Conflict(f"{fault}; at most {MOST_TAGS} are accepted")
        if tags != had:
            changed[run_id] = tags
            text = json.dumps(request | {"tags": tags}, ensure_ascii=False)
            change_row = update_by(RUN.run_id).filter_by(run_id=run_id)
            connection.execute(change_row.values(request_json=text))
    connection.execute(delete(run_tags).where(run_tags.c.run_id.in_(list(changed))))
    insert_tags(connection, changed)
    return len(changed)
