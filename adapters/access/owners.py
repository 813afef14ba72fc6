"""Owners of runs and plans: whoever submitted them."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from adapters.plan_tables import PLAN
from adapters.tables import RUN

# by the names that addresses use; any Job of a screen names it, too
_NAMED = {
    "run_id": RUN.run_id,
    "screen_id": RUN.run_id,
    "batch_id": PLAN.name,
    "study_id": PLAN.plan_id,
    "portfolio_id": PLAN.plan_id,
}


def submitter(connection: Connection, kind: str, name: str) -> str | None:
    """The submitter of a run, by its run_id, or of a plan, by its batch_id, study_id and so on; None if unknown."""
    column = _NAMED[kind]
    query = select(column.table.c.submitted_by).where(column == name)
    return connection.scalar(query)


def submitters(connection: Connection, run_ids: Sequence[str]) -> set[str | None]:
    """The submitters of these runs, those that exist."""
    query = select(RUN.submitted_by).where(RUN.run_id.in_(run_ids)).distinct()
    return {*connection.scalars(query)}
