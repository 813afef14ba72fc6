"""The pages of batches: the list with progress; one with times, best runs and a map of parameters."""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from math import ceil
from statistics import median
from typing import Any

from flask import render_template
from markupsafe import Markup
from sqlalchemy import Connection

from adapters.metrics.table import METRICS, METRICS_BY_NAME
from adapters.money import CENTS
from adapters.plans.batch import (
    Batch,
    batch_named,
    batch_tickers,
    batches_of,
    leaders,
    list_batches,
    measured_runs,
    surface_of,
)
from adapters.plans.combinations import Surface, ordered
from adapters.plans.export import batch_evidence
from adapters.plans.ranking import Goal, Ranking
from adapters.plans.store import ranking_of
from adapters.runs.queries import run_row
from adapters.runs.series import significant
from adapters.runs.times import utc_text
from contracts.portfolio_request import MAX_LEGS
from contracts.values import Json, picked
from web.api import Argument, arguments, operation, read_argument
from web.app import ask_database, reading_database
from web.batches.api import (
    BATCH,
    RANKING,
    filter_runs,
    note_of,
    origin_of,
    ranking_query,
    read_ranking,
    titled_summary,
)
from web.formats import (
    account_decimals,
    flag,
    line,
    number,
    one_of,
    picture,
    plain,
    scale,
    text,
    ticker_among,
    whole_number,
)
from web.titles import FIELDS, SHARING, batch_title, short

pages = BATCH.pages

MOST_LEADERS = 500  # rows of the ranked table
SHADES = 5
SCALE_STEPS = 6  # of the legend of a map
MOST_CELLS = 20_000  # of a map; a browser renders it in a second
MAX_SLICED = 8  # parameters that the metric is drawn against
TOP = Argument("top", whole_number(1, MOST_LEADERS), "rows; 20 by default", 20)
# variables of every batch page
OFFERED: Json = {
    "metrics": METRICS,
    "has_runs": True,
    "fields": FIELDS,
    "most_legs": MAX_LEGS,
    "most_leaders": MOST_LEADERS,
    **SHARING,
}
INTERNAL = Argument("internal", flag, "also those that studies and portfolios made", False)
# of a chart of slices, as wide as its narrowest place, so that text is never scaled down
WIDTH, HEIGHT = 320, 170
LEFT, RIGHT, EDGE, BOTTOM = 62, 14, 10, 26
LETTER = 9  # width; as many labels are drawn as fit


def _as_json(batch: Batch) -> Json:
    named = ("run_id", "ticker", "rule_type")
    return {
        "batch_id": batch.batch_id,
        "title": batch_title(batch),
        "runs": batch.runs,
        "counts": batch.counts,
        "cancelled": batch.cancelled,
        "progress_pct": round(batch.ended / batch.runs * 100, 2),
        "created_at": utc_text(batch.first["created_at"]),
        "last_activity_at": utc_text(batch.last_activity),
        "first_run": picked(batch.first, named),
        "last_run": picked(batch.last, named),
    }


BATCH.add_list(
    lambda rows: [(batch, _as_json(batch)) for batch in ask_database(batches_of, rows)],
    filters=(INTERNAL,),
    query=lambda *page: list_batches(*page, internal=arguments()["internal"]),
)


@pages.get("/batches/<batch_id>")
@operation(asks=(*RANKING, TOP))
def page(batch_id: str) -> str:
    """A batch, ranked and mapped: ?metric=sharpe_ratio&constraint=num_trades>=5&ticker=AAPL&x=period&top=500."""
    with reading_database() as connection:
        batch = batch_named(connection, batch_id)
        plan_id, ranking = batch.plan_id, read_ranking(ranking_of(batch.plan))
        summary = titled_summary(connection, batch)
        tickers = batch_tickers(connection, plan_id)
        ticker: str | None = read_argument("ticker", ticker_among(tickers), None)
        measured = measured_runs(connection, plan_id, ranking, ticker)
        chosen, where = filter_runs(connection, plan_id, measured, ranking)
        best = leaders(connection, chosen, ranking, arguments()["top"])
        decimals = _metric_decimals(connection, ranking.metric, best)
        origin = origin_of(batch.plan)
        is_judged = not (batch.living or origin)
        evidence = batch_evidence(connection, plan_id, ticker) if is_judged else None
    completed = tickers[ticker].completed if ticker else batch.counts["completed"]
    return render_template(
        "batches/batch.html",
        **OFFERED,
        batch=batch,
        summary=summary,
        origin=origin,
        leaders=best,
        evidence=evidence,
        tickers={name: row.runs for name, row in tickers.items()},
        ticker=ticker,
        where=where,
        query=ranking_query("ticker"),
        chosen=len(chosen),
        measured=len(measured),
        note=note_of(batch, completed, len(measured)),
        metric_decimals=decimals,
        **shown_parameters(surface_of(measured), ranking, decimals),
    )


def _metric_decimals(connection: Connection, metric: str, best: Sequence[Json]) -> int:
    """Return the decimals of a metric: of the best run's account if it is money, else 2."""
    if METRICS_BY_NAME[metric].unit != "money" or not best:
        return CENTS
    return account_decimals(json.loads(run_row(connection, best[0]["run_id"])["request_json"]))


def shown_parameters(surface: Surface, ranking: Ranking, decimals: int = CENTS) -> Json:
    """Return the metric, its constraints, its slices by each varying parameter and its map over two of them."""
    varying = surface.varying()
    return {
        "metric": METRICS_BY_NAME[ranking.metric],
        "constraints": [each.text for each in ranking.constraints],
        "varying": varying,
        "slices": [
            (name, surface.importance(name), slices_svg(surface.groups(name), decimals))
            for name in varying[:MAX_SLICED]
        ],
        "grid": (heat_map(surface, *_axes(varying), ranking.goal) if len(varying) > 1 else None),
    }


def _axes(varying: Sequence[str]) -> tuple[str, str]:
    """Return the two parameters of the map: those of the query, else those that vary most."""
    x = read_argument("x", one_of(*varying), varying[0])
    others = [name for name in varying if name != x]
    y = read_argument("y", one_of(*varying), others[0])
    return x, others[0] if y == x else y


def heat_map(surface: Surface, x: str, y: str, goal: Goal) -> Json | None:
    """Return the map over two parameters: rows of cells, and a legend of values with their shades.

    A cell is a tuple (median, shade, run_id of the best run), since a map has thousands. None above MOST_CELLS.
    """
    across, down = ordered(surface.params[x]), ordered(surface.params[y])
    if len(across) * len(down) > MOST_CELLS:
        return None
    cells, choose = surface.cells(x, y), max if goal == "max" else min
    medians = {cell: median([metric for metric, _ in members]) for cell, members in cells.items()}
    low, high = min(medians.values(), default=0.0), max(medians.values(), default=0.0)
    steps = (low + (high - low) * step / SCALE_STEPS for step in range(SCALE_STEPS + 1))

    def describe(*cell: Any) -> tuple[float | None, str, str | None]:
        if (value := medians.get(cell)) is None:
            return None, "none", None
        return value, shade(value, low, high), choose(cells[cell])[1]

    return {
        "x": x,
        "y": y,
        "across": across,
        "rows": [(value, [describe(each, value) for each in across]) for value in down],
        "runs_per_cell": max(map(len, cells.values()), default=0),
        "scale": [(shade(value, low, high), value) for value in steps],
    }


def shade(value: float, low: float, high: float) -> str:
    """Return the class of a cell: up-1 to up-5 by its value, below zero down-1 to down-5."""
    if value < 0:
        return f"down-{_level(value / low)}"
    floor = max(low, 0.0)
    return f"up-{_level((value - floor) / (high - floor))}" if high > floor else f"up-{SHADES}"


def _level(share: float) -> int:
    return 1 + min(int(share * SHADES), SHADES - 1)


def slices_svg(groups: Mapping[Any, Sequence[float]], decimals: int = CENTS) -> Markup:
    """Draw one column per value of a parameter: a line from the lowest to the highest metric, a dot at the median."""
    if not (values := ordered(groups)):
        return Markup("")
    metrics = [*chain.from_iterable(map(groups.__getitem__, values))]
    low, high = min(metrics), max(metrics)
    y = scale(low, high, HEIGHT - BOTTOM, EDGE)
    x = scale(0, len(values), LEFT, WIDTH - RIGHT)
    parts = [
        _axis(y(value), value, decimals) for value in dict.fromkeys((high, (low + high) / 2, low))
    ]
    labels = list(map(short, values))
    every = ceil(len(values) * (max(map(len, labels)) + 1) * LETTER / (WIDTH - RIGHT - LEFT))
    for place, value in enumerate(values):
        middle, metrics_here = x(place + 0.5), groups[value]
        parts.append(line("base", middle, y(max(metrics_here)), middle, y(min(metrics_here))))
        height = y(median(metrics_here))
        parts.append(f'<circle class="f-accent" cx="{middle}" cy="{height}" r="3.5"/>')
        if place % every == 0:
            parts.append(text(middle, HEIGHT - 6, labels[place]))
    return picture(parts, f'viewBox="0 0 {WIDTH} {HEIGHT}"')


def _axis(y: float, value: float, decimals: int) -> str:
    # four digits fit for amounts with more decimals
    words = number(value) if decimals == CENTS else plain(significant(value, 4))
    return line("rule", LEFT, y, WIDTH - RIGHT, y) + text(LEFT - 6, y, words, "end", dy=5)
