"""A metric over the parameters of many runs, in columns, since Python is quick with those. Standard library only."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, median, pvariance
from typing import Any, TypedDict

from adapters.batches.leaderboard import Goal
from contracts.values import frozen

Cell = tuple[Any, Any]  # the values of two parameters


class Heatmap(TypedDict):
    """cells[y][x] is the median metric of the runs with these two values; None where no run has completed."""

    x: str
    y: str
    x_values: list[Any]
    y_values: list[Any]
    cells: list[list[float | None]]
    # the most runs that one cell stands for: 1 for a plain two-parameter grid of one ticker
    runs_per_cell: int


@frozen
class Slice:
    """The lowest, median and highest metric of the runs with one value of a parameter."""

    value: Any
    low: float
    middle: float
    high: float


@frozen
class Surface:
    """Runs side by side: the metric of each, None where it has none, its run_id, and its parameters by name."""

    metrics: Sequence[float | None]
    run_ids: Sequence[str]
    params: Mapping[str, Sequence[Any]]  # None for a run without the parameter

    def varying(self) -> list[str]:
        """The parameters that have more than one value, the one with the most values first."""
        plain = {
            name: column
            for name, column in self.params.items()
            if not {list, dict} & set(map(type, column))
        }
        counts = {name: len(set(column) - {None}) for name, column in plain.items()}
        return sorted(
            (name for name in counts if counts[name] > 1), key=lambda name: -counts[name]
        )

    def slices(self, name: str) -> list[Slice]:
        """The metric against one parameter, by its values in order; values without a measured run are left out."""
        found = defaultdict[Any, list[float]](list)
        for value, metric in zip(self.params[name], self.metrics, strict=True):
            if metric is not None and value is not None:
                found[value].append(metric)
        measured = [(value, sorted(found[value])) for value in _ordered(set(found))]
        return [
            Slice(value, metrics[0], median(metrics), metrics[-1]) for value, metrics in measured
        ]

    def importance(self, name: str) -> float | None:
        """The share of the metric's variance that lies between a parameter's values, from 0 to 1 (eta squared).

        Each parameter by itself: of two that only matter together neither has a large share. None where the metric is
        the same everywhere.
        """
        found = defaultdict[Any, list[float]](list)
        for value, metric in zip(self.params[name], self.metrics, strict=True):
            if metric is not None:
                found[value].append(metric)
        metrics = [metric for group in found.values() for metric in group]
        if len(metrics) < 2 or not (total := pvariance(metrics) * len(metrics)):
            return None
        middle = fmean(metrics)
        return min(
            sum(len(group) * (fmean(group) - middle) ** 2 for group in found.values()) / total,
            1.0,
        )

    def grid(self, x: str, y: str) -> "Grid":
        """The runs over two parameters."""
        absent = [None] * len(self.metrics)
        across, down = self.params.get(x, absent), self.params.get(y, absent)
        cells = defaultdict[Cell, list[tuple[float, str]]](list)
        for cell, metric, run_id in zip(
            zip(across, down, strict=True), self.metrics, self.run_ids, strict=True
        ):
            if metric is not None and None not in cell:
                cells[cell].append((metric, run_id))
        return Grid(x, y, _ordered(set(across) - {None}), _ordered(set(down) - {None}), cells)


@frozen
class Grid:
    """Completed runs of a batch by the values of two parameters: metric and run_id of each that has the metric."""

    x: str
    y: str
    x_values: list[Any]
    y_values: list[Any]
    cells: Mapping[Cell, Sequence[tuple[float, str]]]

    def heatmap(self) -> Heatmap:
        """The median of each cell."""
        medians = {
            cell: median([metric for metric, _ in measured])
            for cell, measured in self.cells.items()
        }
        return {
            "x": self.x,
            "y": self.y,
            "x_values": self.x_values,
            "y_values": self.y_values,
            "cells": [
                [medians.get((across, up)) for across in self.x_values] for up in self.y_values
            ],
            "runs_per_cell": max(map(len, self.cells.values()), default=0),
        }

    def best_runs(self, goal: Goal) -> dict[Cell, str]:
        """The run_id of the best run of each cell."""
        choose = max if goal == "max" else min
        return {cell: choose(measured)[1] for cell, measured in self.cells.items()}


def _ordered(values: set[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (isinstance(value, str), value))
