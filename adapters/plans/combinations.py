"""Combinations that one Job tries, and their metrics, in columns: 100,000 of them take a few megabytes."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, count, product
from statistics import fmean, pvariance
from typing import Any

import numpy as np

from adapters.columns import pack, unpack
from adapters.metrics.moments import Array
from adapters.plans.ranking import RUIN_PCT, Ranking, Reader, flat_params
from contracts.values import Json, Values, frozen, side_by_side

# metrics of a combination that are equal to those of its run
CORE = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades")
# metrics of a screen; the last one shows how far the trials differ
MEASURED = (*CORE, "timing_sharpe_ratio")
CORE_CONDITIONS = Reader("metrics of a screen", CORE)
MAX_COMBINATIONS = 100_000


@dataclass(frozen=True)
class Combinations:
    """Combinations by parameter. values: distinct values of each. places: (combinations, parameters), their indexes."""

    values: Mapping[str, Sequence[Any]]
    places: Array

    @classmethod
    def of(cls, members: Sequence[Json]) -> "Combinations":
        """Build from the combinations of a sweep, with dotted names for nested params; None for a missing parameter."""
        values, places = dict[str, list[Any]](), list[list[int]]()
        for name, column in side_by_side(members).items():
            distinct = {repr(value): value for value in column}
            ranks = dict(zip(distinct, count()))
            values[name] = list(distinct.values())
            places.append([ranks[repr(value)] for value in column])
        return cls(values, np.array(places, dtype=np.int64).reshape(len(values), len(members)).T)

    def __len__(self) -> int:
        return len(self.places)

    def member(self, number: int) -> Json:
        """Return the combination of this number."""
        columns = zip(self.values.items(), self.places[number].tolist(), strict=True)
        return {
            name: values[place] for (name, values), place in columns if values[place] is not None
        }

    def column(self, name: str, numbers: Array) -> list[Any]:
        """Return the value of a parameter in each of these combinations."""
        values, places = self.values[name], self.places[:, list(self.values).index(name)]
        return [values[place] for place in places[numbers].tolist()]

    def hash_with(self, request_hash: str) -> str:
        """Return the SHA-256 over a request and all its combinations."""
        text = f"{request_hash} {json.dumps(self.values, ensure_ascii=False)}"
        return sha256(text.encode() + self.places.tobytes()).hexdigest()

    def packed(self) -> Json:
        """Return the columns of the database."""
        return {
            "combinations": len(self),
            "values_json": json.dumps(self.values, ensure_ascii=False),
            "places": pack(dict(zip(self.values, self.places.T, strict=True))),
        }

    @classmethod
    def unpacked(cls, row: Mapping[Any, Any]) -> "Combinations":
        """Restore the combinations from the columns of `packed`."""
        places = np.array([*unpack(row["places"]).values()], np.int64)
        return cls(json.loads(row["values_json"]), places.reshape(-1, row["combinations"]).T)


def packed_metrics(measured: Array, names: Sequence[str] = MEASURED) -> bytes:
    """Compress metrics. measured: (combinations, names) float64, NaN where a metric has no value."""
    return pack(dict(zip(names, measured.T, strict=True)))


def ranked_places(
    metrics: Mapping[str, Array], ranking: Ranking, params: Sequence[Values] = ()
) -> Array:
    """Return the numbers of the ranked combinations, best first, equal ones in their order.

    metrics: by number, NaN where there is no value. A combination is not ranked if it made no trade, lost everything,
    or has no value of a metric in the ranking or its constraints. params: of all combinations, to score each by the
    mean over itself and its neighbours at most one step away in each parameter, so that an isolated peak is not chosen.
    """
    scores = metrics[ranking.metric]
    is_ruined = metrics["max_drawdown_pct"] >= RUIN_PCT
    kept = (metrics["num_trades"] > 0) & ~is_ruined & np.isfinite(scores)
    if params:
        scores = _smoothed(params, np.where(kept, scores, np.nan))
    for each in ranking.constraints:
        masked = {name: np.ma.masked_invalid(metrics[name]) for name in each.names}
        for holds in each.over(masked):  # masked where a metric is missing, or at a division by 0
            kept &= np.ma.filled(holds, False)
    numbers = np.flatnonzero(kept)
    values = scores[numbers]
    return numbers[np.argsort(-values if ranking.goal == "max" else values, kind="stable")]


def _smoothed(params: Sequence[Values], values: Array) -> Array:
    """Replace each value by the mean over its neighbourhood, which extends along numeric params only."""
    cells = _cells(params)
    by_cell = {
        cell: value for cell, value in zip(cells, values.tolist(), strict=True) if value == value
    }

    def mean_around(cell: tuple[Any, ...]) -> float:
        steps = ((at - 1, at, at + 1) if isinstance(at, int) else (at,) for at in cell)
        return fmean(by_cell[other] for other in product(*steps) if other in by_cell)

    return np.array([mean_around(cell) if cell in by_cell else np.nan for cell in cells])


def _cells(params: Sequence[Values]) -> list[tuple[Any, ...]]:
    """Return each combination as positions on the axes.

    A parameter that never changes is no axis, which keeps neighbourhoods small.
    """
    columns = side_by_side(list(map(flat_params, params))).values()
    axes = [_places(column) for column in columns if len({*map(repr, column)}) > 1]
    return list(zip(*axes, strict=True)) if axes else [()] * len(params)


def _places(column: Sequence[Any]) -> list[int | str]:
    """Return the rank of each number among the values tried; texts and flags as text."""
    numbers = sorted({value for value in column if type(value) in (int, float)})
    ranks = dict(zip(numbers, count()))
    return [ranks[value] if type(value) in (int, float) else repr(value) for value in column]


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
