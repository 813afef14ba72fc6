"""Screens in the database: the row of a run is the Job of one ticker, and here is what it tries and has found."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, or_, select

from adapters.batches.leaderboard import Ranking, ranking_by
from adapters.declarations import update_by
from adapters.metrics.measured import Array
from adapters.rows import rows_by
from adapters.screens.columns import Combinations, unpacked_metrics
from adapters.tables import RUN, screens
from contracts.errors import UnknownScreen
from contracts.status import Kind


def insert_screen(
    connection: Connection,
    run_id: str,
    tried: Combinations,
    ranking: Ranking,
    permuted: Mapping[str, int] | None = None,
    screen_id: str | None = None,
) -> None:
    """Record what a Job is to try; its run was inserted in the same transaction.

    permuted: seed, first and last of the orders of the bars, of a Job of that kind. screen_id: the run_id of the first
    ticker's; None for that one.
    """
    values = insert(screens).values(
        run_id=run_id,
        screen_id=screen_id or run_id,
        ranking_json=json.dumps(ranking.to_json()),
        permuted_json=json.dumps(permuted) if permuted else None,
        **tried.packed(),
    )
    connection.execute(values)


def asked_of(
    connection: Connection, run_id: str
) -> tuple[Combinations, Ranking, dict[str, int] | None]:
    """What a Job is to try, by what that is ranked, and in which orders of the bars."""
    columns = select(
        *screens.c["combinations", "values_json", "places", "ranking_json", "permuted_json"]
    )
    row = connection.execute(columns.filter_by(run_id=run_id)).mappings().one()
    permuted = json.loads(row["permuted_json"]) if row["permuted_json"] else None
    return Combinations.unpacked(row), stored_ranking(row), permuted


def stored_ranking(row: Mapping[Any, Any]) -> Ranking:
    """The ranking that was submitted."""
    return ranking_by(**json.loads(row["ranking_json"]))


def found_by(connection: Connection, run_ids: Sequence[str]) -> dict[str, dict[str, Array]]:
    """What Jobs have found, by run_id; those that have not ended well are left out."""
    query = select(*screens.c["run_id", "metrics"]).where(screens.c.metrics.is_not(None))
    found = rows_by(connection, query, screens.c.run_id, run_ids)
    return {run_id: unpacked_metrics(row["metrics"]) for run_id, row in found.items()}


def screen_jobs(connection: Connection, screen_id: str) -> Sequence[RowMapping]:
    """The Jobs of a screen, one for each ticker, in the order of the sweep; UnknownScreen when there is none.

    screen_id: its own, or that of one of its Jobs.
    """
    named = select(screens.c.screen_id).where(
        or_(screens.c.run_id == screen_id, screens.c.screen_id == screen_id)
    )
    query = (
        select(screens, *(column for column in RUN if column.name not in screens.c))
        .join(screens, screens.c.run_id == RUN.run_id)
        .where(screens.c.screen_id.in_(named), RUN.kind == Kind.SCREEN)
        .order_by(RUN.id)
    )
    jobs = connection.execute(query).mappings().all()
    if not jobs:
        raise UnknownScreen(f"no screen has the id {screen_id}")
    return jobs


def count_differing(connection: Connection, run_id: str, differing: int) -> None:
    """Record that so many combinations' runs came to other metrics, if no more were seen before."""
    fewer = (screens.c.run_id == run_id, screens.c.differing < differing)
    connection.execute(update_by(screens.c.run_id).where(*fewer).values(differing=differing))


def all_differing(connection: Connection) -> int:
    """How many were seen so, of all screens."""
    seen = select(func.sum(screens.c.differing)).where(screens.c.differing > 0)
    return int(connection.scalar(seen) or 0)
