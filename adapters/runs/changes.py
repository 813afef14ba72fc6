"""What is changed of runs on request: they are cancelled or retried, a thousand in a transaction, or get other tags.

among: which runs are meant, such as those of a batch.

The caller owns the transaction, and repeats the call with the last row's id until it answers with nothing.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from adapters.database import time_of
from adapters.runs.events import event
from adapters.runs.new_runs import insert_tags
from adapters.runs.queries import all_rows, run_status
from adapters.runs.states import RETRIED, failed_values
from adapters.tables import IS_FAILED, IS_LIVING, RUN, Criterion, run_events, run_tags, runs
from contracts.errors import Conflict
from contracts.run_request import MOST_TAGS, TagChange
from contracts.status import ErrorType
from contracts.values import Values

AT_ONCE = 1000  # runs per transaction, so that nobody waits long for their locks


def cancel(connection: Connection, run_id: str) -> RowMapping:
    """FAIL a waiting or running run as cancelled; its process notices at its next heartbeat. Conflict when it ended."""
    if rows := cancel_some(connection, RUN.run_id == run_id):
        return rows[0]
    run_status(connection, run_id)
    raise Conflict(f"run {run_id} has ended already, so there is nothing to cancel")


def retry(connection: Connection, run_id: str) -> RowMapping:
    """Make a FAILED run wait again as its next attempt; Conflict when it has not failed."""
    if rows := retry_some(connection, RUN.run_id == run_id):
        return rows[0]
    run_status(connection, run_id)
    raise Conflict(f"run {run_id} has not failed, so there is nothing to retry")


def cancel_some(
    connection: Connection, among: Criterion, after_id: int = 0
) -> Sequence[RowMapping]:
    """FAIL up to AT_ONCE living runs as cancelled; these as they were, [] at the end."""
    reason = "cancelled on request"
    values = {**failed_values(ErrorType.CANCELLED, reason), "cancel_requested": 1}
    return _changed(connection, among & IS_LIVING, after_id, values, reason)


def retry_some(
    connection: Connection, among: Criterion, after_id: int = 0
) -> Sequence[RowMapping]:
    """Make up to AT_ONCE failed runs wait again; these as they were, [] at the end."""
    return _changed(connection, among & IS_FAILED, after_id, RETRIED, "retried on request")


def _changed(
    connection: Connection,
    which: Criterion,
    after_id: int,
    values: Mapping[str, Any],
    reason: str,
) -> Sequence[RowMapping]:
    """id, run_id, batch_id, attempt, status and request of runs that got these values, as they were before."""
    columns = select(*RUN["id", "run_id", "batch_id", "attempt", "status", "request_json"])
    query = columns.where(which, RUN.id > after_id).order_by(RUN.id).limit(AT_ONCE)
    # nobody else changes these before this transaction ends; SQLite's writers are alone anyway
    rows = connection.execute(query.with_for_update()).mappings().all()
    if not rows:
        return rows
    locked = RUN.run_id.in_([row["run_id"] for row in rows])
    changed = connection.execute(update(runs).where(locked, which).values(**values)).rowcount
    if changed != len(rows):
        raise RuntimeError(f"{changed} of {len(rows)} locked runs were changed")
    at = time_of(connection)
    events = [
        event(row["run_id"], row["attempt"], row["status"], values["status"], reason, at)
        for row in rows
    ]
    connection.execute(insert(run_events), events)
    return rows


def change_tags(connection: Connection, change: TagChange) -> int:
    """Give runs their new tags; how many differ. UnknownRun for one that is not there, Conflict where it has too many.

    Tags are part of a request, which says nothing else of a run once it is recorded: only they are written again.
    """
    columns = select(*RUN["run_id", "request_json"]).with_for_update()
    changed = {}
    for run_id, row in all_rows(connection, columns, change.run_ids).items():
        request = json.loads(row["request_json"])
        tags = _changed_tags(run_id, request, change)
        if tags != request.get("tags", []):
            changed[run_id] = tags
            text = json.dumps(request | {"tags": tags}, ensure_ascii=False)
            own = update(runs).filter_by(run_id=run_id)
            connection.execute(own.values(request_json=text))
    connection.execute(delete(run_tags).where(run_tags.c.run_id.in_(list(changed))))
    insert_tags(connection, changed)
    return len(changed)


def _changed_tags(run_id: str, request: Values, change: TagChange) -> list[str]:
    every = dict.fromkeys([*request.get("tags", []), *change.add])
    tags = [tag for tag in every if tag not in change.remove]
    if len(tags) > MOST_TAGS:
        raise Conflict(
            f"run {run_id} would have {len(tags)} tags; at most {MOST_TAGS} are accepted"
        )
    return tags
