"""Runs of a batch against each other: ranks, and a metric over two parameters. Standard library only."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from statistics import median
from typing import Any, Literal, TypedDict

from adapters.results.metrics.table import METRICS_BY_NAME

Goal = Literal["max", "min"]

RUIN_PCT = 100.0  # maximum drawdown at which equity was 0 or less


class Heatmap(TypedDict):
    """cells[y][x] is the median metric of the runs with these two values; None where no run has completed."""

    x: str
    y: str
    x_values: list[Any]
    y_values: list[Any]
    cells: list[list[float | None]]
    runs_per_cell: int  # the most runs that one cell stands for: 1 for a plain two-parameter grid of one ticker


def default_goal(metric: str) -> Goal:
    """Whether more or less of a metric is better."""
    return "min" if METRICS_BY_NAME[metric].better == "low" else "max"


def rank(listed: Iterable[dict[str, Any]], metric: str, goal: Goal, top: int) -> list[dict[str, Any]]:
    """The `top` runs by a metric, best first; runs without a finite value of it, and ruined ones, are left out."""
    valued = (run for run in listed if run["metrics"] and _is_value(run["metrics"].get(metric)))
    sound = (run for run in valued if not is_ruined(run["metrics"]))
    choose = heapq.nlargest if goal == "max" else heapq.nsmallest
    return choose(top, sound, key=lambda run: run["metrics"][metric])


def is_ruined(metrics: Mapping[str, Any]) -> bool:
    """Whether a run once had nothing left: whatever it came to afterwards, no broker would have let it go on."""
    return (metrics.get("max_drawdown_pct") or 0.0) >= RUIN_PCT


def _is_value(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def tried_note(tried: int) -> str:
    """What to bear in mind when reading the best of `tried` runs."""
    runs = "1 run was" if tried == 1 else f"{tried:,} runs were"
    return (
        f"{runs} tried: the best of many looks better than it is (selection bias), so confirm it on dates "
        "that took no part in the choice."
    )


def flat_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Params by name, those inside another one by a dotted name: {"inputs": {"fast": 5}} has inputs.fast.

    Of an input with bounds, {value, min, max}, it is the value.
    """
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{part}": _plain(given) for part, given in value.items()}
        else:
            flat[name] = value
    return flat


def _plain(given: Any) -> Any:
    return given.get("value") if isinstance(given, Mapping) else given


def heatmap(
    points: Sequence[tuple[Mapping[str, Any], float | None]], axes: tuple[str, str] | None = None
) -> Heatmap | None:
    """The metric over two parameters, given (params, metric) of each run; None when fewer than two parameters vary."""
    varying = _varying(points)
    if axes is None and len(varying) < 2:
        return None
    x, y = axes or sorted(varying, key=lambda name: -len(varying[name]))[:2]
    xs, ys = (_ordered({params[name] for params, _ in points if name in params}) for name in (x, y))
    cells = _cells(points, x, y)
    return {
        "x": x,
        "y": y,
        "x_values": xs,
        "y_values": ys,
        "cells": [[_median(cells.get((across, up), [])) for across in xs] for up in ys],
        "runs_per_cell": max(map(len, cells.values()), default=0),
    }


def _varying(points: Sequence[tuple[Mapping[str, Any], float | None]]) -> dict[str, set[Any]]:
    values: dict[str, set[Any]] = {}
    for params, _ in points:
        for name, value in params.items():
            if isinstance(value, int | float | str):
                values.setdefault(name, set()).add(value)
    return {name: found for name, found in values.items() if len(found) > 1}


def _cells(
    points: Sequence[tuple[Mapping[str, Any], float | None]], x: str, y: str
) -> dict[tuple[Any, Any], list[float]]:
    cells: dict[tuple[Any, Any], list[float]] = {}
    for params, value in points:
        if x in params and y in params and _is_value(value):
            cells.setdefault((params[x], params[y]), []).append(float(value or 0.0))
    return cells


def _ordered(values: set[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (isinstance(value, str), value))


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
