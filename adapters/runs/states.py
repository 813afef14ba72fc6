"""Changes of a run's state: each one UPDATE guarded by the old state, and one event; and runs that need repair.

The caller owns the transaction. Every function says what it raises when another process was faster.
"""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select

from adapters.database import database_now, has_rows
from adapters.declarations import update_by
from adapters.plan_tables import PLAN, plans
from adapters.queue.messages import Attempt, RunMessage
from adapters.tables import (
    IS_LIVING,
    IS_WAITING,
    RUN,
    Criterion,
    run_charts,
    run_events,
    run_lines,
    runs,
)
from contracts.errors import LeaseLost, StaleMessage, UnknownRun
from contracts.run_request import RunRequest
from contracts.status import ErrorType, Kind, PlanKind, RunStatus
from contracts.values import Json, Values, frozen

HOST = socket.gethostname()[:128]
REASON_LENGTH = 255  # characters, the width of the column
# first words of the reason of a run that finished without some of its metrics
METRIC_FAILED = "finished, could not compute"


def event(
    run_id: str,
    attempt: int,
    from_status: RunStatus | None,
    to_status: RunStatus,
    reason: str,
    at: datetime | database_now,
) -> dict[str, Any]:
    """Make the row of one event."""
    return {
        "run_id": run_id,
        "attempt": attempt,
        "from_status": from_status,
        "to_status": to_status,
        "reason": reason[:REASON_LENGTH],
        "host": HOST,
        "at": at,
    }


ERROR_MESSAGE_LENGTH = 1000  # characters, the width of the column

_NO_LEASE = {"lease_token": None, "lease_until": None}
_NO_ERROR = {"error_type": None, "error_message": None}
_WAITING_AGAIN = {
    "status": RunStatus.PENDING,
    "attempt": RUN.attempt + 1,
    "waiting_since": database_now(),
    "enqueued_at": None,
    "started_at": None,
    **_NO_LEASE,
}
# columns that reset a failed run for its next attempt
RETRIED = {
    **_WAITING_AGAIN,
    **_NO_ERROR,
    "losses": 0,
    "handbacks": 0,
    "cancel_requested": 0,
    "completed_at": None,
}


@frozen
class Lease(Attempt):
    """Lease of a running attempt, valid while it is extended; every change of the run requires its token."""

    status: ClassVar = RunStatus.RUNNING

    token: str


@frozen
class Claim(Lease):
    """The right to work on one attempt of a run."""

    request: RunRequest
    kind: Kind = Kind.RUN
    plan_kind: PlanKind | None = None  # of its plan, if it has one
    plan_id: str | None = None
    submitted_by: str | None = None

    @property
    def study_id(self) -> str | None:
        """The study that it belongs to, if any."""
        return self.plan_id if self.plan_kind is PlanKind.STUDY else None

    @property
    def keeps_lines(self) -> bool:
        """Tell whether the rule's lines are stored: for single runs and the legs of portfolios."""
        return self.plan_kind in (None, PlanKind.PORTFOLIO)


def claim(
    connection: Connection, waiting: Attempt, token: str, lease_s: float, worker: str
) -> Claim:
    """Move a PENDING attempt to RUNNING under `token`; StaleMessage unless exactly one row matched.

    Called again with the same token, as after a lost answer to a commit, it returns the same claim.
    """
    values = {
        "status": RunStatus.RUNNING,
        "lease_token": token,
        "lease_until": database_now(lease_s),
        "started_at": database_now(),
        "worker": worker[:128],
    }
    _move(connection, waiting, values, f"claimed by {worker}")
    columns = select(
        *RUN["request_json", "kind", "plan_id", "submitted_by"], PLAN.kind.label("plan_kind")
    )
    mine = columns.outerjoin_from(runs, plans, PLAN.plan_id == RUN.plan_id).where(
        RUN.run_id == waiting.run_id, RUN.lease_token == token
    )
    row = connection.execute(mine).one_or_none()
    if row is None:
        raise StaleMessage(f"{waiting} is not waiting")
    request = RunRequest.from_json(json.loads(row.request_json))
    plan_kind = PlanKind(row.plan_kind) if row.plan_kind else None
    return Claim(
        waiting.run_id,
        waiting.attempt,
        token,
        request,
        Kind(row.kind),
        plan_kind,
        row.plan_id,
        row.submitted_by,
    )


def extend_lease(connection: Connection, lease: Claim, lease_s: float) -> None:
    """Keep the run for `lease_s` more seconds; LeaseLost when it was cancelled or given to somebody else.

    Does nothing when this claim has just ended the run.
    """
    extended = update_by(RUN.run_id).where(_is(lease))
    if connection.execute(extended.values(lease_until=database_now(lease_s))).rowcount == 1:
        return
    query = select(*RUN["lease_token", "cancel_requested"]).filter_by(run_id=lease.run_id)
    row = connection.execute(query).one()
    if row.lease_token != lease.token:
        raise LeaseLost(
            "the run was cancelled" if row.cancel_requested else "another process owns the run"
        )


def finish(
    connection: Connection,
    lease: Claim,
    result: Values,
    lines: Sequence[bytes] = (),
    failed_metrics: Sequence[str] = (),
) -> bool:
    """Record result, lines and SUCCEEDED together; LeaseLost, with nothing recorded, when the lease is gone.

    False when this claim has recorded them before, as after a lost answer to a commit.
    """
    reason = f"{METRIC_FAILED}: {', '.join(failed_metrics)}" if failed_metrics else "finished"
    values = {
        **result,
        "status": RunStatus.SUCCEEDED,
        "completed_at": database_now(),
        "lease_until": None,
        **_NO_ERROR,
    }
    if not _move(connection, lease, values, reason):
        _check_ended(connection, lease, RunStatus.SUCCEEDED)
        return False
    if lines:
        rows = [
            {"run_id": lease.run_id, "part": part, "packed": packed}
            for part, packed in enumerate(lines)
        ]
        connection.execute(insert(run_lines), rows)
    return True


def save_charts(connection: Connection, run_id: str, charts: Mapping[str, bytes]) -> None:
    """Store the charts of a completed run; DuplicateKey when somebody else has done so."""
    rows = [{"run_id": run_id, "name": name, "png": png} for name, png in charts.items()]
    connection.execute(insert(run_charts), rows)


def fail(connection: Connection, lease: Claim, error_type: ErrorType, message: str) -> None:
    """Record that the run cannot succeed, with the reason for people; LeaseLost when the lease is gone."""
    if not _fail(connection, lease, error_type, message, lease_token=lease.token):
        _check_ended(connection, lease, RunStatus.FAILED)


def _check_ended(connection: Connection, lease: Claim, status: RunStatus) -> None:
    """Return if this claim has ended the run this way already, as after a lost answer to a commit; else LeaseLost."""
    if not has_rows(connection, select(RUN.id).where(_is(lease, status))):
        raise LeaseLost(f"{lease} belongs to another process")


def hand_back(connection: Connection, lease: Claim, max_handbacks: int) -> RunStatus:
    """Return the run to PENDING as its next attempt, or FAIL it after too many; LeaseLost without the lease."""
    again = {**_WAITING_AGAIN, "handbacks": RUN.handbacks + 1}
    may_go_on = RUN.handbacks < max_handbacks
    if _move(connection, lease, again, "handed back", may_go_on):
        return RunStatus.PENDING
    message = f"the run was interrupted {max_handbacks} times by shutdowns"
    fail(connection, lease, ErrorType.HANDBACKS, message)
    return RunStatus.FAILED


def lose(connection: Connection, lost: Lease, max_losses: int, reason: str) -> RunStatus:
    """Return a run whose process died to PENDING, or FAIL it at the last loss; LeaseLost when the lease changed."""
    losses = RUN.losses + 1
    again = {**_WAITING_AGAIN, "losses": losses}
    may_go_on = RUN.losses < max_losses - 1
    if _move(connection, lost, again, reason, may_go_on):
        return RunStatus.PENDING
    message = f"the process that ran it died {max_losses} times; last: {reason}"
    if _fail(connection, lost, ErrorType.WORKER_LOST, message, losses=losses):
        return RunStatus.FAILED
    raise LeaseLost(f"{lost} is not running under this lease")


def give_up(
    connection: Connection, waiting: Attempt, error_type: ErrorType, message: str
) -> None:
    """FAIL a waiting run; StaleMessage when it no longer waits."""
    if not _fail(connection, waiting, error_type, message):
        raise StaleMessage(f"{waiting} is not waiting")


def set_annotations(connection: Connection, run_id: str, /, **values: Any) -> None:
    """Set a run's title or pin, which are not part of its request; UnknownRun when there is no such run."""
    changed = update_by(RUN.run_id).filter_by(run_id=run_id).values(**values)
    if connection.execute(changed).rowcount != 1:
        raise UnknownRun(f"no run has the id {run_id}")


def _fail(
    connection: Connection, of: Attempt, error_type: ErrorType, message: str, **also: Any
) -> bool:
    """FAIL this attempt with a message for people and `also`; return whether it was still in its state."""
    values = {**failed_values(error_type, message), **also}
    return _move(connection, of, values, f"{error_type}: {message}")


def _move(
    connection: Connection,
    of: Attempt,
    values: Values,
    reason: str,
    *also: Criterion,
) -> bool:
    """Change this attempt, with an event; return whether it was still in its state and met the conditions."""
    change = update_by(RUN.run_id).where(_is(of), *also).values(**values)
    if connection.execute(change).rowcount != 1:
        return False
    row = event(of.run_id, of.attempt, of.status, values["status"], reason, database_now())
    connection.execute(insert(run_events).values(row))
    return True


def _is(of: Attempt, status: RunStatus | None = None) -> Criterion:
    """Select this attempt of its run, in its own state or `status`, and under its lease if it has one."""
    is_leased = [RUN.lease_token == of.token] if isinstance(of, Lease) else []
    mine = (RUN.run_id == of.run_id, RUN.attempt == of.attempt)
    return and_(*mine, RUN.status == (status or of.status), *is_leased)


def failed_values(error_type: ErrorType, message: str) -> Json:
    """Return the columns of a run that ends without a result."""
    return {
        "status": RunStatus.FAILED,
        "error_type": error_type,
        "error_message": message[:ERROR_MESSAGE_LENGTH],
        "completed_at": database_now(),
        **_NO_LEASE,
    }


PAGE = 5_000  # rows that are in memory at a time, where many are read
SUBMISSION_S = 5.0  # longest time from a submission's rows to its messages


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
