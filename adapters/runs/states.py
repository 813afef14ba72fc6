"""The run repository: each change of a run's state is one UPDATE guarded by the old state, and one event.

The caller owns the transaction. Every function says what it raises when another process was faster.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Connection, and_, insert, select

from adapters.database import database_now, has_rows
from adapters.declarations import update_by
from adapters.plan_tables import PLAN, plans
from adapters.queue.messages import Attempt
from adapters.runs.events import METRIC_FAILED, event
from adapters.tables import RUN, Criterion, run_charts, run_events, run_lines, runs
from contracts.errors import LeaseLost, StaleMessage, UnknownRun
from contracts.run_request import RunRequest
from contracts.status import ErrorType, Kind, PlanKind, RunStatus
from contracts.values import Json, Values, frozen

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
# columns of a failed run that is to wait again as its next attempt
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
    columns = select(*RUN["request_json", "kind"], PLAN.kind.label("plan_kind"))
    mine = columns.outerjoin_from(runs, plans, PLAN.plan_id == RUN.plan_id).where(
        RUN.run_id == waiting.run_id, RUN.lease_token == token
    )
    row = connection.execute(mine).one_or_none()
    if row is None:
        raise StaleMessage(f"{waiting} is not waiting")
    request = RunRequest.from_json(json.loads(row.request_json))
    plan_kind = PlanKind(row.plan_kind) if row.plan_kind else None
    return Claim(waiting.run_id, waiting.attempt, token, request, Kind(row.kind), plan_kind)


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
) -> None:
    """Record result, lines and SUCCEEDED together; LeaseLost, with nothing recorded, when the lease is gone."""
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
    elif lines:
        rows = [
            {"run_id": lease.run_id, "part": part, "packed": packed}
            for part, packed in enumerate(lines)
        ]
        connection.execute(insert(run_lines), rows)


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
