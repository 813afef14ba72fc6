"""Batches as pages: all of them with their progress; one with its times, its best runs and a map of parameters."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, render_template, request

from adapters.batches.evidence import batch_evidence
from adapters.batches.leaderboard import Goal, Ranking
from adapters.batches.lists import BatchPage, ListedBatch, list_batches
from adapters.batches.queries import (
    batch_summary,
    batch_tickers,
    leaders,
    measured_runs,
    surface_of,
)
from adapters.batches.rankings import ranking_of
from adapters.batches.surface import Grid, Surface
from adapters.metrics.table import HEADLINES, METRICS, METRICS_BY_NAME
from adapters.runs.times import utc_text
from contracts.portfolio_request import MAX_LEGS
from contracts.status import ErrorType
from contracts.values import Json
from web.answers import conditional
from web.arguments import AFTER, arguments, limit, read_argument
from web.batches.api import living_of, note_of, shown_summary
from web.batches.exploring import chosen_runs
from web.batches.origins import origin_of
from web.batches.ranking import asked_ranking, given_ranking
from web.batches.slices import slices_svg
from web.operation import operation
from web.parsers import one_of, whole_number
from web.platform import ask_database, reading_database
from web.request_fields import FIELDS, SHARING
from web.titles import batch_title

blueprint = Blueprint("batches", __name__)

LEADERS, MOST_LEADERS = 20, 500  # rows of the ranked table, and those that ?top= may ask for
SHADES = 5
SCALE_STEPS = 6  # of the legend of a map
MOST_CELLS = 20_000  # of a map, which a browser lays out in a second
MAX_SLICED = 8  # parameters that the metric is drawn against
LISTED = (AFTER, limit(most=100, default=25))


@blueprint.get("/batches")
@operation(asks=LISTED)
def listed() -> str:
    """All batches with their progress, newest first: ?after=<next_after>&limit=25."""
    found = _asked_batches()
    return render_template(
        "batches/list.html",
        batches=[
            (batch, separate_cancelled(batch.counts, batch.cancelled)) for batch in found.batches
        ],
        title_of=listed_title,
        next_after=found.next_after,
        asked={name: request.args[name] for name in ("after", "limit") if request.args.get(name)},
        is_live=any(batch.is_live for batch in found.batches),
    )


@blueprint.get("/api/batches")
@operation("200 Batches: batches, newest first, a page at a time", asks=LISTED)
def listed_api() -> Response:
    """All batches, newest first, a page at a time: ?limit=25, then &after=<next_after>."""
    found = _asked_batches()
    return conditional(
        {"batches": [_as_json(batch) for batch in found.batches], "next_after": found.next_after}
    )


def _asked_batches() -> BatchPage:
    asked = arguments()
    return ask_database(list_batches, asked["after"], asked["limit"])


def listed_title(batch: ListedBatch) -> str:
    """What a batch of a list is called."""
    return batch_title(batch.title, batch.first, batch.last)


def separate_cancelled(counts: Mapping[str, int], cancelled: int) -> dict[str, int]:
    """Counts with a word of its own for the cancelled runs, which the API counts as failed."""
    return {**counts, "failed": counts["failed"] - cancelled, "cancelled": cancelled}


def _as_json(batch: ListedBatch) -> Json:
    ends = {"first_run": batch.first, "last_run": batch.last}
    return {
        "batch_id": batch.batch_id,
        "title": listed_title(batch),
        "runs": batch.runs,
        "counts": batch.counts,
        "cancelled": batch.cancelled,
        "progress_pct": round(batch.ended / batch.runs * 100, 2),
        "created_at": utc_text(batch.first["created_at"]),
        "last_activity_at": utc_text(batch.last_activity),
        **{
            which: {name: run[name] for name in ("run_id", "ticker", "rule_type")}
            for which, run in ends.items()
        },
    }


@blueprint.get("/batches/<batch_id>")
def page(batch_id: str) -> str:
    """A batch, ranked and mapped: ?metric=sharpe_ratio&constraint=num_trades>=5&ticker=AAPL&x=period&top=500."""
    with reading_database() as connection:
        ranking = asked_ranking(ranking_of(connection, batch_id))
        summary = batch_summary(connection, batch_id)
        tickers = batch_tickers(connection, batch_id)
        ticker: str | None = read_argument("ticker", one_of(*tickers), None)
        measured = measured_runs(connection, batch_id, ranking, ticker)
        chosen, where = chosen_runs(connection, batch_id, measured, ranking)
        top = read_argument("top", whole_number(1, MOST_LEADERS), LEADERS)
        best = leaders(connection, chosen, ranking, top)
        is_live = living_of(summary["counts"]) > 0
        origin = origin_of(batch_id)
        evidence = None if is_live or origin else batch_evidence(connection, batch_id, ticker)
    metric = METRICS_BY_NAME[ranking.metric]
    completed = tickers[ticker].completed if ticker else summary["counts"]["completed"]
    return render_template(
        "batches/batch.html",
        batch=shown_summary(summary),
        written=summary["title"],
        origin=origin,
        counts=separate_cancelled(summary["counts"], summary["cancelled"]),
        leaders=best,
        evidence=evidence,
        metric=metric,
        metrics=METRICS,
        headline=[each for each in HEADLINES.values() if each is not metric],
        tickers={name: row.runs for name, row in tickers.items()},
        ticker=ticker,
        failures={
            name: count
            for name, count in summary["failures"].items()
            if name != ErrorType.CANCELLED
        },
        is_live=is_live,
        constraints=[each.text for each in ranking.constraints],
        where=where,
        given=given_ranking("ticker"),
        chosen=len(chosen),
        measured=len(measured),
        has_runs=True,
        fields=FIELDS,
        most_legs=MAX_LEGS,
        most_leaders=MOST_LEADERS,
        **SHARING,
        note=note_of(summary, completed, len(measured)),
        **shown_parameters(surface_of(measured), ranking),
    )


def shown_parameters(surface: Surface, ranking: Ranking) -> Json:
    """The metric against each parameter that varies, and the map over two of them unless it has too many cells."""
    varying = surface.varying()
    grid = surface.grid(*_axes(varying)) if len(varying) > 1 else None
    if grid and len(grid.x_values) * len(grid.y_values) > MOST_CELLS:
        grid = None
    rows, legend = heat_rows(grid, ranking.goal) if grid else ([], [])
    return {
        "varying": varying,
        "slices": [
            (name, surface.importance(name), slices_svg(surface.slices(name)))
            for name in varying[:MAX_SLICED]
        ],
        "grid": grid,
        "rows": rows,
        "scale": legend,
    }


def _axes(varying: Sequence[str]) -> tuple[str, str]:
    """The two parameters that the map is asked for, else those that vary most."""
    x = read_argument("x", one_of(*varying), varying[0])
    others = [name for name in varying if name != x]
    y = read_argument("y", one_of(*varying), others[0])
    return x, others[0] if y == x else y


def heat_rows(grid: Grid, goal: Goal) -> tuple[list[Json], list[tuple[str, float]]]:
    """Rows of the map, and its legend: values from the lowest to the highest, each with its shade.

    A cell is (median, shade, run_id of the best run): tuples, since a map has thousands of them.
    """
    medians, best = grid.medians(), grid.best_runs(goal)
    low, high = min(medians.values(), default=0.0), max(medians.values(), default=0.0)
    values = (low + (high - low) * step / SCALE_STEPS for step in range(SCALE_STEPS + 1))
    rows = [
        {
            "y": y,
            "cells": [
                (value, shade(value, low, high), best.get((x, y)))
                for x in grid.x_values
                for value in [medians.get((x, y))]
            ],
        }
        for y in grid.y_values
    ]
    return rows, [(shade(value, low, high), value) for value in values]


def shade(value: float | None, low: float, high: float) -> str:
    """up-1 to up-5 between the lowest and the highest value; below zero down-1 to down-5; none without a value."""
    if value is None:
        return "none"
    if value < 0:
        return f"down-{_level(value / low)}"
    floor = max(low, 0.0)
    return f"up-{_level((value - floor) / (high - floor))}" if high > floor else f"up-{SHADES}"


def _level(share: float) -> int:
    return 1 + min(int(share * SHADES), SHADES - 1)
