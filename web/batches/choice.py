"""What a request asks of the runs of a batch: by what they are ranked, which of them, or all as points of pictures."""

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from adapters.metrics.table import HEADLINE_NAMES, METRICS_BY_NAME
from adapters.plans.batch import (
    Measurement,
    columns_of,
    measured_runs,
    plan_of_batch,
    surface_of,
)
from adapters.plans.conditions import METRIC_CONDITIONS, Condition, Reader
from adapters.plans.ranking import Ranking, default_goal
from adapters.plans.store import ranking_of
from contracts.values import picked
from web.api import Argument, arguments, conditional, operation, read_argument
from web.app import reading_database
from web.formats import TEXT, Parser, any_text, one_of, ticker_symbol

blueprint = Blueprint("exploring", __name__)


def ranking_arguments(conditions: Reader, what: str) -> tuple[Argument, ...]:
    """A metric that these conditions know, its goal and its constraints; what: has its own ranking."""
    about = f"to rank by; by default what the {what} was submitted with"
    kept = "what a ranked run keeps, such as num_trades >= 5"
    return (
        Argument("metric", one_of(*conditions.names), about),
        Argument("goal", one_of("max", "min"), "follows from the metric"),
        Argument("constraint", Parser(conditions.parse, TEXT), kept),
    )


RANKING = ranking_arguments(METRIC_CONDITIONS, "batch")
MOST_POINTS = 3000  # in one picture, in which more could not be told apart
MOST_AXES = 6  # parameters beside the metrics
EVERY_RUN = Condition("", frozenset(), ())
WHERE = Argument(
    "where",
    any_text,
    "which runs, by parameters and metrics: period >= 10 and num_trades > 20",
)
TICKER = Argument("ticker", ticker_symbol, "of this ticker only")


def ranking_query(*more: str) -> dict[str, str]:
    """What the query says of it and of `more`, for links that keep it; an empty constraint is one, too."""
    given = picked(request.args, (*(each.name for each in RANKING), *more))
    return {name: value for name, value in given.items() if value or name == "constraint"}


def read_ranking(own: Ranking) -> Ranking:
    """The query's metric, goal and constraints; for what it leaves out, those of the batch's `own` ranking.

    Of another metric than the batch's own the goal is what is better for it. An empty constraint asks for none.
    """
    asked = arguments()
    metric, constraint = asked["metric"] or own.metric, asked["constraint"]
    better = own.goal if metric == own.metric else default_goal(metric)
    constraints = own.constraints
    if "constraint" in request.args:
        constraints = [constraint] if constraint else []
    return Ranking(metric, asked["goal"] or better, constraints)


def filter_runs(
    connection: Connection, plan_id: str, measured: Sequence[Measurement], ranking: Ranking
) -> tuple[Sequence[Measurement], Condition]:
    """What `?where=` leaves of the measured runs of a batch, and what it says."""
    if not request.args.get("where"):
        return measured, EVERY_RUN
    columns = columns_of(connection, plan_id, surface_of(measured), ranking.metric)
    kept, where = _chosen(columns)
    return list(compress(measured, kept)), where


def _chosen(columns: Mapping[str, Sequence[Any]]) -> tuple[list[bool], Condition]:
    """Which rows of these columns `?where=` chooses, and what it says; InvalidRequest for a name that is no column."""
    reader = Reader("parameters and metrics of these runs", columns, (int, float, str))
    where = read_argument("where", Parser(reader.parse, TEXT), EVERY_RUN)
    rows = zip(*columns.values(), strict=True)
    return [where.holds(dict(zip(columns, row, strict=True))) for row in rows], where


@blueprint.get("/api/batches/<batch_id>/points")
@operation("200 Points: runs as columns", "404 no such batch", asks=(*RANKING, WHERE, TICKER))
def points(batch_id: str) -> Response:
    """The completed runs of a batch as columns: their varying parameters and their metrics; at most 3,000, evenly."""
    ticker = arguments()["ticker"]
    with reading_database() as connection:
        plan = plan_of_batch(connection, batch_id)
        ranking, plan_id = read_ranking(ranking_of(plan)), plan["plan_id"]
        surface = surface_of(measured_runs(connection, plan_id, ranking, ticker))
        columns = columns_of(connection, plan_id, surface, ranking.metric)
    kept, _ = _chosen(columns)
    every = max(1, -(-len(kept) // MOST_POINTS))
    shown = {name: column[::every] for name, column in columns.items()}
    about = {name: METRICS_BY_NAME[name] for name in (ranking.metric, *HEADLINE_NAMES)}
    return conditional(
        {
            "batch_id": batch_id,
            "runs": len(kept),
            "chosen": sum(kept),
            "run_ids": surface.run_ids[::every],
            "params": picked(shown, surface.varying()[:MOST_AXES]),
            "metrics": picked(shown, about),
            "about": {
                name: {"title": each.title, "better": each.better} for name, each in about.items()
            },
        }
    )
