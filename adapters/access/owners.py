"""Whose runs, batches and studies are."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from adapters.plan_tables import PORTFOLIO, STUDY
from adapters.tables import RUN

_NAMED = {
    "run_id": RUN.run_id,
    "batch_id": RUN.batch_id,
    "study_id": STUDY.study_id,
    "screen_id": RUN.run_id,
    "portfolio_id": PORTFOLIO.run_id,
}


def submitter(connection: Connection, kind: str, name: str) -> str | None:
    """Who submitted what has this run_id or study_id, or the first run of this batch_id; None when nobody knows.

    A screen is the run of its first ticker. The batch of a study or portfolio is its submitter's, also while it has no
    runs.
    """
    plan, _, plan_id = name.partition("-")
    is_of_plan = kind == "batch_id" and plan in ("study", "portfolio")
    if is_of_plan and (by := submitter(connection, f"{plan}_id", plan_id)):
        return by
    column = _NAMED[kind]
    table = column.table
    query = select(table.c.submitted_by).where(column == name).order_by(table.c.id)
    return connection.scalar(query.limit(1))


def submitters(connection: Connection, run_ids: Sequence[str]) -> set[str | None]:
    """Who submitted these runs, those that exist."""
    query = select(RUN.submitted_by).where(RUN.run_id.in_(run_ids)).distinct()
    return {*connection.scalars(query)}
