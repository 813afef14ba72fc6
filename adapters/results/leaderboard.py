"""Runs of a batch against each other: ranks, and a metric over two parameters. Standard library only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def is_ruined(metrics: Mapping[str, Any]) -> bool:
    """Whether a run once had nothing left: whatever it came to afterwards, no broker would have let it go on."""
    return (metrics.get("max_drawdown_pct") or 0.0) >= RUIN_PCT


def tried_note(tried: int, completed: int = 0, kept: int = 0) -> str:
    """What to bear in mind when reading the best of `tried` runs, `kept` of the completed ones being ranked."""
    runs = "1 run was" if tried == 1 else f"{tried:,} runs were"
    note = (
        f"{runs} tried: the best of many looks better than it is (selection bias), so confirm it on dates "
        "that took no part in the choice."
    )
    broken = f" {completed - kept:,} of {completed:,} completed runs break a constraint or lost everything."
    return note + (broken if kept < completed else "")


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
    varying = varying_params(groups)
    if axes is None and len(varying) < 2:
        return None
    x, y = axes or list(varying)[:2]
    cells: dict[Cell, list[Measured]] = {}
    for params, measured in groups:
        if measured and x in params and y in params:
            cells.setdefault((params[x], params[y]), []).extend(measured)
    xs, ys = (_ordered({params[name] for params, _ in groups if name in params}) for name in (x, y))
    return Grid(x, y, xs, ys, cells)


def _metric(measured: Measured) -> float:
    return measured[0]


@dataclass(frozen=True, slots=True)
class Slice:
    """The lowest, median and highest metric of the runs with one value of a parameter."""

    value: Any
    low: float
    middle: float
    high: float


def slices(groups: Sequence[tuple[Params, Sequence[Measured]]], name: str) -> list[Slice]:
    """The metric against one parameter, by its values in order; values without a measured run are left out."""
    found: dict[Any, list[float]] = {}
    for params, measured in groups:
        if measured and name in params:
            found.setdefault(params[name], []).extend(map(_metric, measured))
    ordered = ((value, found[value]) for value in _ordered(set(found)))
    return [Slice(value, min(metrics), median(metrics), max(metrics)) for value, metrics in ordered]


def varying_params(groups: Sequence[tuple[Params, Sequence[Measured]]]) -> list[str]:
    """The parameters that have more than one value, the one with the most values first."""
    values: dict[str, set[Any]] = {}
    for params, _ in groups:
        for name, value in params.items():
            if isinstance(value, int | float | str):
                values.setdefault(name, set()).add(value)
    varying = [name for name, found in values.items() if len(found) > 1]
    return sorted(varying, key=lambda name: -len(values[name]))


def _ordered(values: set[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (isinstance(value, str), value))
