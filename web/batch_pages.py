"""Batches as pages: all of them with their progress; one with its times, its best runs and a map of parameters."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from adapters.results.leaderboard import METRIC_NAMES, Cell, Heatmap, tried_note
from adapters.results.metrics import METRICS_BY_NAME
from adapters.results.times import utc_text
from adapters.store.batch_list import BatchPage, ListedBatch, list_batches
from adapters.store.batches import batch_grid, batch_leaderboard, batch_summary, batch_tickers
from adapters.store.database import reading
from contracts.errors import InvalidRequest
from web.api import conditional
from web.bulk import asked_goal, asked_metric, asked_number
from web.platform import platform
from web.run_view import LEADING_METRICS, SIGNED_METRICS

blueprint = Blueprint("batches", __name__)

LEADERS = 20
SHADES = 5
BATCHES, MOST_BATCHES = 25, 100  # on one page, by default and at most


@blueprint.get("/batches")
def listed() -> str:
    """All batches with their progress, newest first: ?after=<next_after>&limit=25."""
    found = _asked_batches()
    return render_template(
        "batches.html",
        batches=[(batch, _counts(batch)) for batch in found.batches],
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
    after, limit = _asked_after(), asked_number("limit", BATCHES, 1, MOST_BATCHES)
    with reading(platform().engine) as connection:
        return list_batches(connection, after, limit)


def _asked_after() -> int | None:
    text = request.args.get("after") or None
    if text is not None and (not text.isascii() or not text.isdigit() or len(text) > 18):
        raise InvalidRequest({"after": f"{text[:60]!r} is not accepted: take next_after of the page before"})
    return None if text is None else int(text)


def _counts(batch: ListedBatch) -> dict[str, int]:
    return {status.public: runs for status, runs in batch.counts.items()}


def _as_json(batch: ListedBatch) -> dict[str, Any]:
    ends = {"first_run": batch.first, "last_run": batch.last}
    return {
        "batch_id": batch.batch_id,
        "runs": batch.runs,
        "counts": _counts(batch),
        "progress_pct": round(batch.ended / batch.runs * 100, 2),
        "created_at": utc_text(batch.first["created_at"]),
        "last_activity_at": utc_text(batch.last_activity),
        **{which: {name: run[name] for name in ("run_id", "ticker", "rule_type")} for which, run in ends.items()},
    }


@blueprint.get("/batches/<batch_id>")
def page(batch_id: str) -> str:
    """Progress, leaderboard and heatmap of a batch: ?metric=sharpe_ratio&goal=max&ticker=AAPL."""
    metric, goal = asked_metric(), asked_goal()
    with reading(platform().engine) as connection:
        tickers = batch_tickers(connection, batch_id)
        ticker = _asked_ticker(tickers)
        summary = batch_summary(connection, batch_id)
        leaders = batch_leaderboard(connection, batch_id, metric, goal, LEADERS, ticker)
        grid = batch_grid(connection, batch_id, metric, ticker=ticker)
    heatmap = grid.heatmap() if grid else None
    return render_template(
        "batch.html",
        batch=summary,
        leaders=leaders,
        metric=METRICS_BY_NAME[metric],
        metrics=[METRICS_BY_NAME[name] for name in METRIC_NAMES],
        goal=goal,
        headline=[METRICS_BY_NAME[name] for name in LEADING_METRICS if name != metric],
        tickers=tickers,
        ticker=ticker,
        grid=heatmap,
        rows=heat_rows(heatmap, grid.best_runs(goal)) if grid and heatmap else [],
        signed_metrics=SIGNED_METRICS,
        note=tried_note(tickers[ticker] if ticker else summary["runs"]),
        is_live=bool(summary["counts"]["pending"] or summary["counts"]["running"]),
    )


def _asked_ticker(tickers: Mapping[str, int]) -> str | None:
    ticker = request.args.get("ticker") or None
    if ticker is not None and ticker not in tickers:
        raise InvalidRequest({"ticker": f"{ticker[:60]!r} is not one of this batch's: {', '.join(tickers)}"})
    return ticker


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
