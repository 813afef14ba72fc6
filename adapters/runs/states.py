"""The run repository: each change of a run's state is one UPDATE guarded by the old state, and one event beside it.

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
    """An attempt that runs, for as long as its lease is extended; every change of it asks for this token."""

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
        """True where people look at the rule's lines: of a single run, and of a portfolio's leg."""
        return self.plan_kind in (None, PlanKind.PORTFOLIO)


def claim(
    connection: Connection, waiting: Attempt, token: str, lease_s: float, worker: str
) -> Claim:
    """Move a PENDING attempt to RUNNING under `token`; StaleMessage unless exactly one row matched.

    Asked again under the same token, since the answer to a commit may get lost, it returns the same claim.
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


def extend_lease(connection: Connection, held: Claim, lease_s: float) -> None:
    """Keep the run for `lease_s` more seconds; LeaseLost when it was cancelled or given to somebody else.

    Nothing happens when this very claim has just ended the run.
    """
    extended = update_by(RUN.run_id).where(_is(held))
    if connection.execute(extended.values(lease_until=database_now(lease_s))).rowcount == 1:
        return
    query = select(*RUN["lease_token", "cancel_requested"]).filter_by(run_id=held.run_id)
    row = connection.execute(query).one()
    if row.lease_token != held.token:
        raise LeaseLost(
            "the run was cancelled" if row.cancel_requested else "another process owns the run"
        )


def finish(
    connection: Connection,
    held: Claim,
    result: Values,
    lines: Sequence[bytes] = (),
    failed_metrics: Sequence[str] = (),
) -> None:
    """Record result, lines and SUCCEEDED together; LeaseLost, with nothing to keep, when the lease is gone."""
    reason = f"{METRIC_FAILED}: {', '.join(failed_metrics)}" if failed_metrics else "finished"
    values = {
        **result,
        "status": RunStatus.SUCCEEDED,
        "completed_at": database_now(),
        "lease_until": None,
        **_NO_ERROR,
    }
    if not _move(connection, held, values, reason):
        _check_ended(connection, held, RunStatus.SUCCEEDED)
    elif lines:
        rows = [
            {"run_id": held.run_id, "part": part, "packed": packed}
            for part, packed in enumerate(lines)
        ]
        connection.execute(insert(run_lines), rows)


def save_charts(connection: Connection, run_id: str, charts: Mapping[str, bytes]) -> None:
    """Store the charts of a completed run; DuplicateKey when somebody else has done so."""
    rows = [{"run_id": run_id, "name": name, "png": png} for name, png in charts.items()]
    connection.execute(insert(run_charts), rows)


def fail(connection: Connection, held: Claim, error_type: ErrorType, message: str) -> None:
    """Record that the run cannot succeed, with the reason for people; LeaseLost when the lease is gone."""
    if not _fail(connection, held, error_type, message, lease_token=held.token):
        _check_ended(connection, held, RunStatus.FAILED)


def _check_ended(connection: Connection, held: Claim, status: RunStatus) -> None:
    """Return when this very claim has ended the run so, its commit's answer having been lost; else LeaseLost."""
    if not has_rows(connection, select(RUN.id).where(_is(held, status))):
        raise LeaseLost(f"{held} belongs to another process")


def hand_back(connection: Connection, held: Claim, max_handbacks: int) -> RunStatus:
    """Give the run back as its next attempt, or FAILED after too many; LeaseLost when the lease is gone already."""
    again = {**_WAITING_AGAIN, "handbacks": RUN.handbacks + 1}
    may_go_on = RUN.handbacks < max_handbacks
    if _move(connection, held, again, "handed back", may_go_on):
        return RunStatus.PENDING
    message = f"the run was interrupted {max_handbacks} times by shutdowns"
    fail(connection, held, ErrorType.HANDBACKS, message)
    return RunStatus.FAILED


def lose(connection: Connection, lost: Lease, max_losses: int, reason: str) -> RunStatus:
    """Give a run whose process is dead its next attempt, or FAILED at the last loss; LeaseLost when it is not so."""
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
    """FAIL a run that waits; StaleMessage when it does not wait any more."""
    if not _fail(connection, waiting, error_type, message):
        raise StaleMessage(f"{waiting} is not waiting")


def set_beside(connection: Connection, run_id: str, /, **values: Any) -> None:
    """Change what people say of a run beside its request: title, or pinned; UnknownRun when there is none."""
    changed = update_by(RUN.run_id).filter_by(run_id=run_id).values(**values)
    if connection.execute(changed).rowcount != 1:
        raise UnknownRun(f"no run has the id {run_id}")


def _fail(
    connection: Connection, of: Attempt, error_type: ErrorType, message: str, **also: Any
) -> bool:
    """Whether this attempt, as it was, is FAILED now with the reason for people, and with these values."""
    values = {**failed_values(error_type, message), **also}
    return _move(connection, of, values, f"{error_type}: {message}")


def _move(
    connection: Connection,
    of: Attempt,
    values: Values,
    reason: str,
    *also: Criterion,
) -> bool:
    """Whether this attempt, as it was and as `also` asks, has these values now, with the event of it."""
    change = update_by(RUN.run_id).where(_is(of), *also).values(**values)
    if connection.execute(change).rowcount != 1:
        return False
    row = event(of.run_id, of.attempt, of.status, values["status"], reason, database_now())
    connection.execute(insert(run_events).values(row))
    return True


def _is(of: Attempt, status: RunStatus | None = None) -> Criterion:
    """Of a run: this is its attempt, in its own state or that one, and under its lease if it has one."""
    held = [RUN.lease_token == of.token] if isinstance(of, Lease) else []
    mine = (RUN.run_id == of.run_id, RUN.attempt == of.attempt)
    return and_(*mine, RUN.status == (status or of.status), *held)


def failed_values(error_type: ErrorType, message: str) -> Json:
    """Columns of a run that ends without a result."""
    return {
        "status": RunStatus.FAILED,
        "error_type": error_type,
        "error_message": message[:ERROR_MESSAGE_LENGTH],
        "completed_at": database_now(),
        **_NO_LEASE,
    }
