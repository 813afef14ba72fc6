"""By what a request wants the runs of a batch ranked."""

from dataclasses import replace

from flask import request

from adapters.batches.conditions import parse_condition
from adapters.batches.leaderboard import Ranking, default_goal
from adapters.metrics.table import METRIC_NAMES
from web.arguments import arguments
from web.operation import Argument
from web.parsers import TEXT, Parser, one_of

METRIC = Argument(
    "metric", one_of(*METRIC_NAMES), "to rank by; by default what the batch was submitted with"
)
GOAL = Argument("goal", one_of("max", "min"), "follows from the metric")
CONSTRAINT = Argument(
    "constraint",
    Parser(parse_condition, TEXT),
    "what a ranked run keeps, such as num_trades >= 5",
)
RANKING = (METRIC, GOAL, CONSTRAINT)


def given_ranking(*more: str) -> dict[str, str]:
    """What the query says of it and of `more`, for links that keep it; an empty constraint is one, too."""
    asked = {name: request.args.get(name) for name in ("metric", "goal", "constraint", *more)}
    return {
        name: value
        for name, value in asked.items()
        if value or (name == "constraint" and value is not None)
    }


def asked_ranking(own: Ranking, *narrowed: Argument) -> Ranking:
    """The query's metric, goal and constraints; for what it leaves out, those of the batch's `own` ranking.

    Of another metric than the batch's own the goal is what is better for it. An empty constraint asks for none.
    narrowed: in place of RANKING, for what has fewer metrics.
    """
    by, *others = narrowed or RANKING
    asked = arguments(replace(by, default=own.metric), *others)
    metric, constraint = asked["metric"], asked["constraint"]
    better = own.goal if metric == own.metric else default_goal(metric)
    constraints = list(own.constraints)
    if "constraint" in request.args:
        constraints = [constraint] if constraint else []
    return Ranking(metric, asked["goal"] or better, constraints)
