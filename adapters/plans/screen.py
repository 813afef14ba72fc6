"""Screens in the database: the combinations and results of each Job, which has one ticker and a run's row."""

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, func, insert, or_, select

from adapters.columns import unpack
from adapters.declarations import update_by
from adapters.metrics.moments import Array
from adapters.plan_tables import PLAN, plans
from adapters.plans.combinations import Combinations
from adapters.plans.ranking import Ranking
from adapters.plans.store import ranking_of
from adapters.rows import rows_by
from adapters.tables import RUN, runs, screens
from contracts.errors import UnknownScreen
from contracts.status import Kind


def insert_search(
    connection: Connection,
    run_id: str,
    tried: Combinations,
    permuted: Mapping[str, int] | None = None,
) -> None:
    """Record the combinations of a Job; its run was inserted in the same transaction.

    permuted: seed, first and last number of the orders of the bars, of a permutation Job.
    """
    values = insert(screens).values(
        run_id=run_id,
        permuted_json=json.dumps(permuted) if permuted else None,
        **tried.packed(),
    )
    connection.execute(values)


def search_of(
    connection: Connection, run_id: str
) -> tuple[Combinations, Ranking, dict[str, int] | None]:
    """Return the combinations of a Job, the ranking of its plan, and the orders of the bars."""
    mine = select(screens, PLAN.ranking).join(runs, RUN.run_id == screens.c.run_id)
    query = mine.join(plans, PLAN.plan_id == RUN.plan_id).where(screens.c.run_id == run_id)
    row = connection.execute(query).mappings().one()
    permuted = json.loads(row["permuted_json"]) if row["permuted_json"] else None
    return Combinations.unpacked(row), ranking_of(row), permuted


def search_metrics(connection: Connection, run_ids: Sequence[str]) -> dict[str, dict[str, Array]]:
    """Return the metrics of the combinations of Jobs, by run_id; Jobs without a result are left out."""
    query = select(*screens.c["run_id", "metrics"]).where(screens.c.metrics.is_not(None))
    rows = rows_by(connection, query, screens.c.run_id, run_ids)
    return {run_id: unpack(row["metrics"]) for run_id, row in rows.items()}


def screen_jobs(connection: Connection, screen_id: str) -> Sequence[RowMapping]:
    """Return the Jobs of a screen, one per ticker, in the order of the sweep; UnknownScreen if there is none.

    screen_id: the screen's id, or the run_id of one of its Jobs. Each row also has the plan's ranking.
    """
    of_job = select(RUN.plan_id).where(RUN.run_id == screen_id).scalar_subquery()
    columns = (column for column in RUN if column.name not in screens.c)
    query = (
        select(screens, *columns, PLAN.ranking)
        .join(screens, screens.c.run_id == RUN.run_id)
        .join(plans, PLAN.plan_id == RUN.plan_id)
        .where(or_(RUN.plan_id == screen_id, RUN.plan_id == of_job), RUN.kind == Kind.SCREEN)
        .order_by(RUN.id)
    )
    jobs = connection.execute(query).mappings().all()
    if not jobs:
        raise UnknownScreen(f"no screen has the id {screen_id}")
    return jobs


def count_differing(connection: Connection, run_id: str, differing: int) -> None:
    """Record the number of combinations whose runs gave other metrics, unless a larger one is recorded."""
    fewer = (screens.c.run_id == run_id, screens.c.differing < differing)
    connection.execute(update_by(screens.c.run_id).where(*fewer).values(differing=differing))


def all_differing(connection: Connection) -> int:
    """Sum of the differing combinations over all screens."""
    seen = select(func.sum(screens.c.differing)).where(screens.c.differing > 0)
    return int(connection.scalar(seen) or 0)
