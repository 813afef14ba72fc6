"""Choice of the runs of a batch by the query: ranking, conditions, and all of them as points of charts."""

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
    """Declare the arguments of a ranking by a metric of these conditions; what: the kind of plan."""
    about = f"to rank by; by default the one that the {what} was submitted with"
    kept = "a condition on ranked runs, such as num_trades >= 5"
    return (
        Argument("metric", one_of(*conditions.names), about),
        Argument("goal", one_of("max", "min"), "follows from the metric"),
        Argument("constraint", Parser(conditions.parse, TEXT), kept),
    )


RANKING = ranking_arguments(METRIC_CONDITIONS, "batch")
MOST_POINTS = 3000  # in one chart; more would overlap
MOST_AXES = 6  # parameters in addition to the metrics
EVERY_RUN = Condition("", frozenset(), ())
WHERE = Argument(
    "where",
    any_text,
    "which runs, by parameters and metrics: period >= 10 and num_trades > 20",
)
TICKER = Argument("ticker", ticker_symbol, "of this ticker only")


def ranking_query(*more: str) -> dict[str, str]:
    """Return the ranking arguments of the query, and `more` of it, for links; an empty constraint counts."""
    values = picked(request.args, (*(each.name for each in RANKING), *more))
    return {name: value for name, value in values.items() if value or name == "constraint"}


def read_ranking(default: Ranking) -> Ranking:
    """Read metric, goal and constraints from the query, each by default from the plan's ranking.

    The default goal of another metric is the better direction of it. An empty constraint means no constraint.
    """
    query = arguments()
    metric, constraint = query["metric"] or default.metric, query["constraint"]
    better = default.goal if metric == default.metric else default_goal(metric)
    constraints = default.constraints
    if "constraint" in request.args:
        constraints = [constraint] if constraint else []
    return Ranking(metric, query["goal"] or better, constraints)


def filter_runs(
    connection: Connection, plan_id: str, measured: Sequence[Measurement], ranking: Ranking
) -> tuple[Sequence[Measurement], Condition]:
    """Return the measured runs of a batch that fulfil `?where=`, and its condition."""
    if not request.args.get("where"):
        return measured, EVERY_RUN
    columns = columns_of(connection, plan_id, surface_of(measured), ranking.metric)
    kept, where = _apply_where(columns)
    return list(compress(measured, kept)), where


def _apply_where(columns: Mapping[str, Sequence[Any]]) -> tuple[list[bool], Condition]:
    """Return for each row of these columns whether it fulfils `?where=`, and its condition; InvalidRequest."""
    reader = Reader("parameters and metrics of these runs", columns, (int, float, str))
    where = read_argument("where", Parser(reader.parse, TEXT), EVERY_RUN)
    rows = zip(*columns.values(), strict=True)
    return [where.holds(dict(zip(columns, row, strict=True))) for row in rows], where


@blueprint.get("/api/batches/<batch_id>/points")
@operation("200 Points: runs as columns", "404 no such batch", asks=(*RANKING, WHERE, TICKER))
def points(batch_id: str) -> Response:
    """The completed runs of a batch as columns of varying parameters and metrics; at most 3,000, evenly thinned."""
    ticker = arguments()["ticker"]
    with reading_database() as connection:
        plan = plan_of_batch(connection, batch_id)
        ranking, plan_id = read_ranking(ranking_of(plan)), plan["plan_id"]
        surface = surface_of(measured_runs(connection, plan_id, ranking, ticker))
        columns = columns_of(connection, plan_id, surface, ranking.metric)
    kept, _ = _apply_where(columns)
    every = max(1, -(-len(kept) // MOST_POINTS))
    thinned = {name: column[::every] for name, column in columns.items()}
    about = {name: METRICS_BY_NAME[name] for name in (ranking.metric, *HEADLINE_NAMES)}
    return conditional(
        {
            "batch_id": batch_id,
            "runs": len(kept),
            "chosen": sum(kept),
            "run_ids": surface.run_ids[::every],
            "params": picked(thinned, surface.varying()[:MOST_AXES]),
            "metrics": picked(thinned, about),
            "about": {
                name: {"title": each.title, "better": each.better} for name, each in about.items()
            },
        }
    )
