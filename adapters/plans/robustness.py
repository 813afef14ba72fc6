"""Robustness of a run: a plan of one Job, whose id follows from the run's."""

from uuid import UUID, uuid5

from sqlalchemy import Connection, RowMapping, select

from adapters.plan_tables import PLAN
from adapters.plans.store import plan_row, spec_of
from adapters.runs.queries import run_row
from adapters.runs.series import unpacked_json
from adapters.runs.times import utc_text
from contracts.status import PlanKind, RunStatus
from contracts.values import Json

METHOD = (
    1  # raised when the same run may get other figures: its robustness is then computed again
)


def robustness_id_of(run_id: str) -> str:
    """Return the id of a run's robustness, which it has at most once."""
    return str(uuid5(UUID(run_id), f"robustness {METHOD}"))


def read_robustness(connection: Connection, robustness_id: str) -> Json:
    """Read a robustness in the form of the API; Unknown when there is none.

    Its result is null before it has completed, and after it was deleted for its age.
    """
    plan = plan_row(connection, PlanKind.ROBUSTNESS, robustness_id)
    job = run_row(connection, robustness_id)
    result = unpacked_json(plan["result"]) if plan["result"] else None
    return {
        "robustness_id": robustness_id,
        "run_id": spec_of(plan)["run_id"],
        "status": RunStatus(job["status"]).public,
        "sentence": plan["sentence"],
        "error_type": job["error_type"],
        "error_message": job["error_message"],
        "created_at": utc_text(plan["created_at"]),
        "completed_at": utc_text(job["completed_at"]),
        "result": result,
    }


def robustness_of(connection: Connection, run_id: str) -> RowMapping | None:
    """Return id, as `robustness_id`, and sentence of a run's robustness; None when it has none."""
    columns = select(PLAN.plan_id.label("robustness_id"), PLAN.sentence)
    query = columns.filter_by(plan_id=robustness_id_of(run_id))
    return connection.execute(query).mappings().one_or_none()
