"""A metric over the parameters of many runs, in columns, since Python is quick with those."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import fmean, pvariance
from typing import Any

from contracts.values import frozen

Cell = tuple[Any, Any]  # the values of two parameters


@frozen
class Surface:
    """Runs side by side: the metric of each, None where it has none, its run_id, and its parameters by name."""

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
        """The share of the metric's variance that lies between a parameter's values, from 0 to 1 (eta squared).

        Each parameter by itself: of two that only matter together neither has a large share. None where the metric is
        the same everywhere.
        """
        groups = self.groups(name).values()
        metrics = list(chain.from_iterable(groups))
        if len(metrics) < 2 or not (total := pvariance(metrics) * len(metrics)):
            return None
        middle = fmean(metrics)
        return min(sum(len(each) * (fmean(each) - middle) ** 2 for each in groups) / total, 1.0)

    def groups(self, name: str) -> dict[Any, list[float]]:
        """The metrics that there are by a parameter's values; None for runs without the parameter."""
        found = defaultdict[Any, list[float]](list)
        for value, metric in zip(self.params[name], self.metrics, strict=True):
            if metric is not None:
                found[value].append(metric)
        return found

    def cells(self, x: str, y: str) -> dict[Cell, list[tuple[float, str]]]:
        """Metric and run_id of each run that has the metric, by its values of two parameters."""
        found = defaultdict[Cell, list[tuple[float, str]]](list)
        cells = zip(self.params[x], self.params[y], strict=True)
        for cell, metric, run_id in zip(cells, self.metrics, self.run_ids, strict=True):
            if metric is not None and None not in cell:
                found[cell].append((metric, run_id))
        return found


def ordered(values: Iterable[Any]) -> list[Any]:
    """Each value once, without None, numbers before words."""
    return sorted({*values} - {None}, key=lambda value: (isinstance(value, str), value))
