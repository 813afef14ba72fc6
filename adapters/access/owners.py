"""Owners of runs and plans: whoever submitted them."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from adapters.plan_tables import PLAN
from adapters.tables import RUN
from contracts.status import PlanKind

# by the names in URLs; any Job of a screen identifies the screen
_COLUMNS = {
    **dict.fromkeys((f"{kind}_id" for kind in PlanKind), PLAN.plan_id),
    "run_id": RUN.run_id,
    "screen_id": RUN.run_id,
    "batch_id": PLAN.name,
}


def submitter(connection: Connection, kind: str, name: str) -> str | None:
    """Return the submitter of a run, by its run_id, or of a plan, by its batch_id, study_id, …; None if unknown."""
    column = _COLUMNS[kind]
    query = select(column.table.c.submitted_by).where(column == name)
    return connection.scalar(query)


def submitters(connection: Connection, run_ids: Sequence[str]) -> set[str | None]:
    """Return the submitters of those of these runs that exist."""
    query = select(RUN.submitted_by).where(RUN.run_id.in_(run_ids)).distinct()
    return {*connection.scalars(query)}
