"""The runs of a batch among each other: points for pictures that lead to a choice, and the choice, `?where=`."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from adapters.batches.conditions import Condition, Reader
from adapters.batches.leaderboard import Ranking
from adapters.batches.queries import (
    Measurement,
    measured_runs,
    require_batch,
    surface_of,
    values_of,
)
from adapters.batches.rankings import ranking_of
from adapters.metrics.table import HEADLINE_NAMES, METRICS_BY_NAME
from contracts.values import Values
from web.answers import conditional
from web.arguments import arguments, read_argument
from web.batches.ranking import RANKING, asked_ranking
from web.operation import Argument, operation
from web.parsers import TEXT, Parser, ticker_symbol
from web.platform import reading_database

blueprint = Blueprint("exploring", __name__)

MOST_POINTS = 3000  # in one picture, in which more could not be told apart
MOST_AXES = 6  # parameters beside the metrics
WHERE = Argument(
    "where",
    Parser(str, TEXT),
    "which runs, by parameters and metrics: period >= 10 and num_trades > 20",
)
TICKER = Argument("ticker", ticker_symbol, "of this ticker only")


def asked_where(found: Sequence[Values]) -> Condition | None:
    """The condition of the address; None without one, InvalidRequest for one that names what these runs do not have."""
    names = [*dict.fromkeys(chain.from_iterable(found))]
    reader = Reader("parameters and metrics of these runs", names, (int, float, str))
    return read_argument("where", Parser(reader.parse, TEXT), None)


def chosen_runs(
    connection: Connection, batch_id: str, measured: Sequence[Measurement], ranking: Ranking
) -> tuple[Sequence[Measurement], Condition | None]:
    """What `?where=` leaves of the measured runs of a batch, and what it says."""
    if not request.args.get("where"):
        return measured, None
    found = values_of(connection, batch_id, measured, ranking.metric)
    where = asked_where(found)
    pairs = zip(measured, found, strict=True)
    return [each for each, values in pairs if where is None or where.holds(values)], where


@blueprint.get("/api/batches/<batch_id>/points")
@operation("200 Points: runs as columns", "404 no such batch", asks=(*RANKING, WHERE, TICKER))
def points(batch_id: str) -> Response:
    """The completed runs of a batch as columns: their varying parameters and their metrics; at most 3,000, evenly."""
    ticker = arguments()["ticker"]
    with reading_database() as connection:
        require_batch(connection, batch_id)
        ranking = asked_ranking(ranking_of(connection, batch_id))
        measured = measured_runs(connection, batch_id, ranking, ticker)
        found = values_of(connection, batch_id, measured, ranking.metric)
    where, varying = asked_where(found), surface_of(measured).varying()
    every = max(1, -(-len(found) // MOST_POINTS))
    metrics = dict.fromkeys([ranking.metric, *HEADLINE_NAMES])
    about = ((name, METRICS_BY_NAME[name]) for name in metrics)

    def columns(names: Iterable[str]) -> dict[str, list[Any]]:
        return {name: [values.get(name) for values in found[::every]] for name in names}

    return conditional(
        {
            "batch_id": batch_id,
            "runs": len(found),
            "chosen": sum(where is None or where.holds(values) for values in found),
            "run_ids": [run_id for _, run_id, _ in measured[::every]],
            "params": columns(varying[:MOST_AXES]),
            "metrics": columns(metrics),
            "about": {name: {"title": each.title, "better": each.better} for name, each in about},
        }
    )
