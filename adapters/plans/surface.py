"""A metric over the parameters of many runs, in columns, which Python processes fast."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import fmean, pvariance
from typing import Any

from contracts.values import frozen

Cell = tuple[Any, Any]  # the values of two parameters


@frozen
class Surface:
    """Runs as columns: metric, None where a run has none, run_id, and parameters by name."""

    metrics: Sequence[float | None]
    run_ids: Sequence[str]
    params: Mapping[str, Sequence[Any]]  # None for a run without the parameter

    def varying(self) -> list[str]:
        """The parameters that have more than one value, the one with the most values first."""
        counts = {
            name: len({*column} - {None})
            for name, column in self.params.items()
            if not {list, dict} & {*map(type, column)}
        }
        several = (name for name in counts if counts[name] > 1)
        return sorted(several, key=counts.__getitem__, reverse=True)

    def importance(self, name: str) -> float | None:
        """Share of the metric's variance between a parameter's values, from 0 to 1 (eta squared).

        Each parameter is considered alone: two that matter only in combination both have a small share. None where the
        metric is constant.
        """
        groups = self.groups(name).values()
        metrics = list(chain.from_iterable(groups))
        if len(metrics) < 2 or not (total := pvariance(metrics) * len(metrics)):
            return None
        middle = fmean(metrics)
        return min(sum(len(each) * (fmean(each) - middle) ** 2 for each in groups) / total, 1.0)

    def groups(self, name: str) -> dict[Any, list[float]]:
        """Return the metrics by a parameter's values; the key None has runs without the parameter."""
        groups = defaultdict[Any, list[float]](list)
        for value, metric in zip(self.params[name], self.metrics, strict=True):
            if metric is not None:
                groups[value].append(metric)
        return groups

    def cells(self, x: str, y: str) -> dict[Cell, list[tuple[float, str]]]:
        """Return metric and run_id of each run with the metric, by its values of two parameters."""
        by_cell = defaultdict[Cell, list[tuple[float, str]]](list)
        cells = zip(self.params[x], self.params[y], strict=True)
        for cell, metric, run_id in zip(cells, self.metrics, self.run_ids, strict=True):
            if metric is not None and None not in cell:
                by_cell[cell].append((metric, run_id))
        return by_cell


def ordered(values: Iterable[Any]) -> list[Any]:
    """Sort the distinct values, without None, numbers before texts."""
    return sorted({*values} - {None}, key=lambda value: (isinstance(value, str), value))
