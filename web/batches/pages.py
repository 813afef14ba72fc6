"""Batches as pages: all of them with their progress; one with its times, its best runs and a map of parameters."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from adapters.results.leaderboard import Cell, Heatmap, tried_note
from adapters.results.metrics.table import HEADLINES, METRICS, METRICS_BY_NAME
from adapters.results.times import utc_text
from adapters.store.batch_list import BatchPage, ListedBatch, list_batches
from adapters.store.batches import batch_grid, batch_leaderboard, batch_summary, batch_tickers
from adapters.store.database import reading
from web.answers import conditional
from web.arguments import MAX_DIGITS, asked_ranking, one_of, read_argument, reading_arguments, whole_number
from web.platform import platform

blueprint = Blueprint("batches", __name__)

LEADERS = 20
SHADES = 5
BATCHES, MOST_BATCHES = 25, 100  # on one page, by default and at most


@blueprint.get("/batches")
def listed() -> str:
    """All batches with their progress, newest first: ?after=<next_after>&limit=25."""
    found = _asked_batches()
    return render_template(
        "batches/list.html",
        batches=[(batch, told_apart(_counts(batch), batch.cancelled)) for batch in found.batches],
        next_after=found.next_after,
        asked={name: request.args[name] for name in ("after", "limit") if request.args.get(name)},
        is_live=any(batch.is_live for batch in found.batches),
    )


@blueprint.get("/api/batches")
def listed_api() -> Response:
    """All batches, newest first, a page at a time: ?limit=25, then &after=<next_after>."""
    found = _asked_batches()
    return conditional(
        jsonify({"batches": [_as_json(batch) for batch in found.batches], "next_after": found.next_after})
    )


def _asked_batches() -> BatchPage:
    with reading_arguments(request.args) as read:
        after: int | None = read("after", whole_number(0, 10**MAX_DIGITS), None)
        limit = read("limit", whole_number(1, MOST_BATCHES), BATCHES)
    with reading(platform().engine) as connection:
        return list_batches(connection, after, limit)


def _counts(batch: ListedBatch) -> dict[str, int]:
    return {status.public: runs for status, runs in batch.counts.items()}


def told_apart(counts: Mapping[str, int], cancelled: int) -> dict[str, int]:
    """Counts with a word of its own for the cancelled runs, which the API counts as failed."""
    return {**counts, "failed": counts["failed"] - cancelled, "cancelled": cancelled}


def _as_json(batch: ListedBatch) -> dict[str, Any]:
    ends = {"first_run": batch.first, "last_run": batch.last}
    return {
        "batch_id": batch.batch_id,
        "runs": batch.runs,
        "counts": _counts(batch),
        "cancelled": batch.cancelled,
        "progress_pct": round(batch.ended / batch.runs * 100, 2),
        "created_at": utc_text(batch.first["created_at"]),
        "last_activity_at": utc_text(batch.last_activity),
        **{which: {name: run[name] for name in ("run_id", "ticker", "rule_type")} for which, run in ends.items()},
    }


@blueprint.get("/batches/<batch_id>")
def page(batch_id: str) -> str:
    """Progress, leaderboard and heatmap of a batch: ?metric=sharpe_ratio&goal=max&ticker=AAPL."""
    metric, goal = asked_ranking()
    with reading(platform().engine) as connection:
        tickers = batch_tickers(connection, batch_id)
        ticker: str | None = read_argument("ticker", one_of(*tickers), None)
        summary = batch_summary(connection, batch_id)
        leaders = batch_leaderboard(connection, batch_id, metric, goal, LEADERS, ticker)
        grid = batch_grid(connection, batch_id, metric, ticker=ticker)
    heatmap = grid.heatmap() if grid else None
    return render_template(
        "batches/batch.html",
        batch=summary,
        counts=told_apart(summary["counts"], summary["cancelled"]),
        leaders=leaders,
        metric=METRICS_BY_NAME[metric],
        metrics=METRICS,
        headline=[each for each in HEADLINES.values() if each.name != metric],
        tickers=tickers,
        ticker=ticker,
        grid=heatmap,
        rows=heat_rows(heatmap, grid.best_runs(goal)) if grid and heatmap else [],
        note=tried_note(tickers[ticker] if ticker else summary["runs"]),
        is_live=bool(summary["counts"]["pending"] or summary["counts"]["running"]),
    )


def heat_rows(grid: Heatmap, cells: Mapping[Cell, str]) -> list[dict[str, Any]]:
    """Rows of the map: the value of each cell, its shade, and the run behind it."""
    known = [value for row in grid["cells"] for value in row if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return [
        {
            "y": y,
            "cells": [
                {"value": value, "shade": shade(value, low, high), "run_id": cells.get((x, y))}
                for x, value in zip(grid["x_values"], row, strict=True)
            ],
        }
        for y, row in zip(grid["y_values"], grid["cells"], strict=True)
    ]


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
