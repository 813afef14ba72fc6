"""One batch as a page: progress, times, the best runs, and a map over two parameters."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request

from adapters.batch_cells import Cell, best_cells
from adapters.batch_queries import batch_heatmap, batch_leaderboard, batch_summary
from adapters.database import reading
from adapters.leaderboard import METRIC_NAMES, Heatmap, tried_note
from adapters.metric_catalog import METRICS_BY_NAME
from web.bulk import asked_goal, asked_metric
from web.platform import platform
from web.run_view import SIGNED_METRICS

blueprint = Blueprint("batches", __name__)

LEADERS = 20
SHADES = 5


@blueprint.get("/batches/<batch_id>")
def page(batch_id: str) -> str:
    """Progress, leaderboard and heatmap of a batch: ?metric=sharpe_ratio&goal=max."""
    metric, goal = asked_metric(), asked_goal()
    with reading(platform().engine) as connection:
        summary = batch_summary(connection, batch_id)
        leaders = batch_leaderboard(connection, batch_id, metric, goal, LEADERS)
        grid = batch_heatmap(connection, batch_id, metric)
        cells = best_cells(connection, batch_id, metric, goal, (grid["x"], grid["y"])) if grid else {}
    return render_template(
        "batch.html",
        batch=summary,
        leaders=leaders,
        metric=METRICS_BY_NAME[metric],
        metrics=[METRICS_BY_NAME[name] for name in METRIC_NAMES],
        goal=goal,
        asked={name: request.args[name] for name in ("metric", "goal") if request.args.get(name)},
        grid=grid,
        rows=heat_rows(grid, cells) if grid else [],
        signed_metrics=SIGNED_METRICS,
        note=tried_note(summary["runs"]),
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
