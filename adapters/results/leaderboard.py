"""Runs of a batch against each other: ranks, and a metric over two parameters. Standard library only."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median
from typing import Any, Literal, TypedDict

from adapters.results.metrics.table import METRICS_BY_NAME

Goal = Literal["max", "min"]
Params = Mapping[str, Any]
Cell = tuple[Any, Any]  # the values of two parameters
Measured = tuple[float, str]  # the metric of a run, and its run_id

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


@dataclass(frozen=True, slots=True)
class Grid:
    """Completed runs of a batch by the values of two parameters: metric and run_id of each that has the metric."""

    x: str
    y: str
    x_values: list[Any]
    y_values: list[Any]
    cells: Mapping[Cell, Sequence[Measured]]

    def heatmap(self) -> Heatmap:
        """The median of each cell."""
        medians = {cell: median(value for value, _ in measured) for cell, measured in self.cells.items()}
        return {
            "x": self.x,
            "y": self.y,
            "x_values": self.x_values,
            "y_values": self.y_values,
            "cells": [[medians.get((across, up)) for across in self.x_values] for up in self.y_values],
            "runs_per_cell": max(map(len, self.cells.values()), default=0),
        }

    def best_runs(self, goal: Goal) -> dict[Cell, str]:
        """The run_id of the best run of each cell."""
        choose = max if goal == "max" else min
        return {cell: choose(measured, key=_metric)[1] for cell, measured in self.cells.items()}


def grid_of(groups: Sequence[tuple[Params, Sequence[Measured]]], axes: tuple[str, str] | None = None) -> Grid | None:
    """The runs over the parameters of `axes`, else over the two that vary most; None when fewer than two vary.

    groups: the runs by their parameters, which may be without a run that has the metric.
    """
    varying = _varying([params for params, _ in groups])
    if axes is None and len(varying) < 2:
        return None
    x, y = axes or sorted(varying, key=lambda name: -len(varying[name]))[:2]
    cells: dict[Cell, list[Measured]] = {}
    for params, measured in groups:
        if measured and x in params and y in params:
            cells.setdefault((params[x], params[y]), []).extend(measured)
    xs, ys = (_ordered({params[name] for params, _ in groups if name in params}) for name in (x, y))
    return Grid(x, y, xs, ys, cells)


def _metric(measured: Measured) -> float:
    return measured[0]


def _varying(listed: Sequence[Params]) -> dict[str, set[Any]]:
    values: dict[str, set[Any]] = {}
    for params in listed:
        for name, value in params.items():
            if isinstance(value, int | float | str):
                values.setdefault(name, set()).add(value)
    return {name: found for name, found in values.items() if len(found) > 1}


def _ordered(values: set[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (isinstance(value, str), value))
