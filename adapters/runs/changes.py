"""Changes of many runs at once: the transitions and events of single runs, a thousand in a transaction.

among: which runs are meant, such as those of a batch.

The caller owns the transaction, and repeats the call with the last row's id until it answers with nothing.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.engine import Connection, RowMapping

from adapters.database import time_of
from adapters.runs.events import event
from adapters.runs.states import cancelled_values, retried_values
from adapters.tables import IS_LIVING, run_events, runs
from contracts.status import RunStatus

AT_ONCE = 1000  # runs per transaction, so that nobody waits long for their locks


def cancel_some(
    connection: Connection, among: ColumnElement[bool], after_id: int
) -> Sequence[RowMapping]:
    """FAIL up to AT_ONCE living runs as cancelled; id, run_id and attempt of each, [] at the end."""
    rows = _locked(connection, among, IS_LIVING, after_id)
    _change(
        connection, IS_LIVING, rows, cancelled_values(), RunStatus.FAILED, "cancelled on request"
    )
    return rows


def retry_some(
    connection: Connection, among: ColumnElement[bool], after_id: int
) -> Sequence[RowMapping]:
    """Make up to AT_ONCE failed runs wait again; id, run_id, batch_id, attempt, request of each, [] at the end."""
    failed = runs.c.status == RunStatus.FAILED
    rows = _locked(connection, among, failed, after_id)
    _change(
        connection,
        failed,
        rows,
        retried_values(runs.c.attempt + 1),
        RunStatus.PENDING,
        "retried on request",
    )
    return rows


def _locked(
    connection: Connection, among: ColumnElement[bool], which: ColumnElement[bool], after_id: int
) -> Sequence[RowMapping]:
    """Rows that nobody else changes before this transaction ends; SQLite's writers are alone anyway."""
    columns = select(*runs.c["id", "run_id", "batch_id", "attempt", "status", "request_json"])
    query = columns.where(among, runs.c.id > after_id, which).order_by(runs.c.id).limit(AT_ONCE)
    return connection.execute(query.with_for_update()).mappings().all()


def _change(
    connection: Connection,
    guard: ColumnElement[bool],
    rows: Sequence[RowMapping],
    values: dict[str, Any],
    to_status: RunStatus,
    reason: str,
) -> None:
    if not rows:
        return
    locked = runs.c.run_id.in_([row["run_id"] for row in rows])
    changed = connection.execute(update(runs).where(locked, guard).values(**values)).rowcount
    if changed != len(rows):
        raise RuntimeError(f"{changed} of {len(rows)} locked runs were changed")
    at = {"at": time_of(connection)}
    events = (
        event(row["run_id"], row["attempt"], row["status"], to_status, reason) for row in rows
    )
    connection.execute(insert(run_events), [each | at for each in events])
