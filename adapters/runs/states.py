"""The run repository: each change of a run's state is one UPDATE guarded by the old state, and one event beside it.

The caller owns the transaction. Every function says what it raises when another process was faster.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.engine import Connection

from adapters.database import database_now, has_rows
from adapters.runs.events import record_event
from adapters.tables import run_charts, run_lines, runs
from contracts.errors import Conflict, LeaseLost, StaleMessage, UnknownRun
from contracts.run_request import RunRequest
from contracts.status import ErrorType, Kind, RunStatus

ERROR_MESSAGE_LENGTH = 1000  # characters, the width of the column


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a run."""

    run_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Claim(Attempt):
    """The right to work on one attempt of a run, for as long as its lease is extended."""

    token: str
    request: RunRequest
    kind: Kind = Kind.RUN


def claim(
    connection: Connection, waiting: Attempt, token: str, lease_s: float, worker: str
) -> Claim:
    """Move a PENDING attempt to RUNNING under `token`; StaleMessage unless exactly one row matched.

    Asked again under the same token, since the answer to a commit may get lost, it returns the same claim.
    """
    mine = and_(runs.c.run_id == waiting.run_id, runs.c.lease_token == token)
    values = {
        "status": RunStatus.RUNNING,
        "lease_token": token,
        "lease_until": database_now(lease_s),
        "started_at": database_now(),
        "worker": worker[:128],
    }
    _move(connection, waiting, RunStatus.PENDING, values, f"claimed by {worker}")
    row = connection.execute(select(*runs.c["request_json", "kind"]).where(mine)).one_or_none()
    if row is None:
        raise StaleMessage(f"run {waiting.run_id} attempt {waiting.attempt} is not waiting")
    request = RunRequest.from_json(json.loads(row.request_json))
    return Claim(waiting.run_id, waiting.attempt, token, request, Kind(row.kind))


def extend_lease(connection: Connection, held: Claim, lease_s: float) -> None:
    """Keep the run for `lease_s` more seconds; LeaseLost when it was cancelled or given to somebody else.

    Nothing happens when this very claim has just ended the run.
    """
    extended = update(runs).where(_guard(held, RunStatus.RUNNING, _held_by(held.token)))
    if connection.execute(extended.values(lease_until=database_now(lease_s))).rowcount == 1:
        return
    query = select(*runs.c["lease_token", "cancel_requested"]).where(runs.c.run_id == held.run_id)
    row = connection.execute(query).one()
    if row.lease_token != held.token:
        raise LeaseLost(
            "the run was cancelled" if row.cancel_requested else "another process owns the run"
        )


def finish(
    connection: Connection, held: Claim, result: Mapping[str, Any], lines: Sequence[bytes] = ()
) -> None:
    """Record result, lines and SUCCEEDED together; LeaseLost, with nothing to keep, when the lease is gone."""
    values = {
        **result,
        "status": RunStatus.SUCCEEDED,
        "completed_at": database_now(),
        "lease_until": None,
        **_NO_ERROR,
    }
    if not _move(connection, held, RunStatus.RUNNING, values, "finished", _held_by(held.token)):
        _check_ended(connection, held, RunStatus.SUCCEEDED)
    elif lines:
        rows = [
            {"run_id": held.run_id, "part": part, "packed": packed}
            for part, packed in enumerate(lines)
        ]
        connection.execute(insert(run_lines), rows)


def save_charts(connection: Connection, run_id: str, charts: Mapping[str, bytes]) -> None:
    """Store the charts of a completed run; IntegrityError when somebody else has done so."""
    connection.execute(
        insert(run_charts),
        [{"run_id": run_id, "name": name, "png": png} for name, png in charts.items()],
    )


def fail(connection: Connection, held: Claim, error_type: ErrorType, message: str) -> None:
    """Record that the run cannot succeed, with the reason for people; LeaseLost when the lease is gone."""
    values = {**_failure(error_type, message), "lease_token": held.token}
    if not _move(
        connection,
        held,
        RunStatus.RUNNING,
        values,
        f"{error_type}: {message}",
        _held_by(held.token),
    ):
        _check_ended(connection, held, RunStatus.FAILED)


def _check_ended(connection: Connection, held: Claim, status: RunStatus) -> None:
    """Return when this very claim has ended the run so, its commit's answer having been lost; else LeaseLost."""
    if not has_rows(
        connection, select(runs.c.id).where(_guard(held, status, _held_by(held.token)))
    ):
        raise LeaseLost(f"run {held.run_id} attempt {held.attempt} belongs to another process")


def hand_back(connection: Connection, held: Claim, max_handbacks: int) -> RunStatus:
    """Give the run back as its next attempt, or FAILED after too many; LeaseLost when the lease is gone already."""
    may_go_on = (_held_by(held.token), runs.c.handbacks < max_handbacks)
    values = {**_waiting_again(held.attempt + 1), "handbacks": runs.c.handbacks + 1}
    if _move(connection, held, RunStatus.RUNNING, values, "handed back", *may_go_on):
        return RunStatus.PENDING
    fail(
        connection,
        held,
        ErrorType.HANDBACKS,
        f"the run was interrupted {max_handbacks} times by shutdowns",
    )
    return RunStatus.FAILED


def lose(
    connection: Connection, lost: Attempt, token: str, max_losses: int, reason: str
) -> RunStatus:
    """Give a run whose process is dead its next attempt, or FAILED at the last loss; LeaseLost when it is not so."""
    losses = {"losses": runs.c.losses + 1}
    again = {**_waiting_again(lost.attempt + 1), **losses}
    if _move(
        connection,
        lost,
        RunStatus.RUNNING,
        again,
        reason,
        _held_by(token),
        runs.c.losses < max_losses - 1,
    ):
        return RunStatus.PENDING
    message = f"the process that ran it died {max_losses} times; last: {reason}"
    failed = {**_failure(ErrorType.WORKER_LOST, message), **losses}
    if _move(
        connection,
        lost,
        RunStatus.RUNNING,
        failed,
        f"{ErrorType.WORKER_LOST}: {message}",
        _held_by(token),
    ):
        return RunStatus.FAILED
    raise LeaseLost(f"run {lost.run_id} attempt {lost.attempt} is not running under this lease")


def give_up(
    connection: Connection, waiting: Attempt, error_type: ErrorType, message: str
) -> None:
    """FAIL a run that waits; StaleMessage when it does not wait any more."""
    failed = _failure(error_type, message)
    if not _move(connection, waiting, RunStatus.PENDING, failed, f"{error_type}: {message}"):
        raise StaleMessage(f"run {waiting.run_id} attempt {waiting.attempt} is not waiting")


def cancel(connection: Connection, run_id: str) -> Attempt:
    """FAIL a waiting or running run as cancelled; its process notices at its next heartbeat. Conflict when it ended."""
    living, status = _locked(connection, run_id)
    if status.is_terminal or not _move(
        connection, living, status, cancelled_values(), "cancelled on request"
    ):
        raise Conflict(f"run {run_id} has ended already, so there is nothing to cancel")
    return living


def retry(connection: Connection, run_id: str) -> Attempt:
    """Make a FAILED run wait again as its next attempt; Conflict when it has not failed."""
    failed, _ = _locked(connection, run_id)
    values = retried_values(failed.attempt + 1)
    if not _move(connection, failed, RunStatus.FAILED, values, "retried on request"):
        raise Conflict(f"run {run_id} has not failed, so there is nothing to retry")
    return Attempt(run_id, failed.attempt + 1)


def set_pinned(connection: Connection, run_id: str, pinned: bool) -> None:
    """Keep a run from being pruned, or no longer; UnknownRun when there is none."""
    mine = update(runs).where(runs.c.run_id == run_id)
    if connection.execute(mine.values(pinned=1 if pinned else None)).rowcount != 1:
        raise UnknownRun(f"no run has the id {run_id}")


def set_title(connection: Connection, run_id: str, title: str | None) -> None:
    """Call a run so from now on, None: as its request says; UnknownRun when there is none."""
    _locked(connection, run_id)  # an UPDATE that changes nothing matches no row in MySQL
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(title=title))


def _locked(connection: Connection, run_id: str) -> tuple[Attempt, RunStatus]:
    """A run's attempt and state, which nobody else can change in this transaction; UnknownRun when there is none."""
    # SQLite ignores FOR UPDATE: there the transaction has had the only write lock since it began
    query = select(*runs.c["attempt", "status"]).where(runs.c.run_id == run_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownRun(f"no run has the id {run_id}")
    return Attempt(run_id, row.attempt), RunStatus(row.status)


def _move(
    connection: Connection,
    of: Attempt,
    before: RunStatus,
    values: Mapping[str, Any],
    reason: str,
    *also: ColumnElement[bool],
) -> bool:
    """Whether this attempt, in the state `before` and as `also` asks, was given these values, with the event of it."""
    changed = (
        connection.execute(
            update(runs).where(_guard(of, before, *also)).values(**values)
        ).rowcount
        == 1
    )
    if changed:
        record_event(connection, of.run_id, of.attempt, before, values["status"], reason)
    return changed


def _guard(of: Attempt, status: RunStatus, *also: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(
        runs.c.run_id == of.run_id, runs.c.attempt == of.attempt, runs.c.status == status, *also
    )


def _held_by(token: str) -> ColumnElement[bool]:
    return runs.c.lease_token == token


_NO_LEASE = {"lease_token": None, "lease_until": None}
_NO_ERROR = {"error_type": None, "error_message": None}


def _failure(error_type: ErrorType, message: str) -> dict[str, Any]:
    return {
        "status": RunStatus.FAILED,
        "error_type": error_type,
        "error_message": message[:ERROR_MESSAGE_LENGTH],
        "completed_at": database_now(),
        **_NO_LEASE,
    }


def cancelled_values() -> dict[str, Any]:
    """Columns of a run that somebody has cancelled."""
    return {**_failure(ErrorType.CANCELLED, "cancelled on request"), "cancel_requested": 1}


def retried_values(next_attempt: int | ColumnElement[int]) -> dict[str, Any]:
    """Columns of a failed run that is to wait again as its next attempt."""
    fresh = {"losses": 0, "handbacks": 0, "cancel_requested": 0, "completed_at": None}
    return {**_waiting_again(next_attempt), **_NO_ERROR, **fresh}


def _waiting_again(attempt: int | ColumnElement[int]) -> dict[str, Any]:
    return {
        "status": RunStatus.PENDING,
        "attempt": attempt,
        "waiting_since": database_now(),
        "enqueued_at": None,
        "started_at": None,
        **_NO_LEASE,
    }
