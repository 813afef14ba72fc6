"""Which of many tried combinations is chosen: by a metric, under constraints, the same way each time."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import isfinite
from statistics import fmean
from typing import Any

from adapters.batches.flat_params import flat_params
from adapters.batches.leaderboard import Ranking, is_ruined
from contracts.values import Values

Metrics = Mapping[str, float | int | None]


def ranked(
    params: Sequence[Values],
    tried: Sequence[Metrics | None],
    ranking: Ranking,
    *,
    by_neighbourhood: bool = False,
) -> list[int]:
    """Places of the combinations that may be chosen, the best first; of equal ones the one listed first.

    tried: metrics by place, None for a run that failed. Left out are runs without trades, which are best at nothing,
    ruined ones, those without the metric, and those that break a constraint. by_neighbourhood: a score is the mean over
    the combination and those tried that are at most one step away in each of the parameters, so that a lone peak
    between bad neighbours is not chosen.
    """
    values = [_value(metrics, ranking.metric) for metrics in tried]
    scores = _smoothed(params, values) if by_neighbourhood else values
    sign = -1.0 if ranking.goal == "max" else 1.0
    open_to = [
        (sign * score, place)
        for place, (metrics, score) in enumerate(zip(tried, scores, strict=True))
        if metrics
        and score is not None
        and all(each.holds(metrics) for each in ranking.constraints)
    ]
    return [place for _, place in sorted(open_to)]


def _value(metrics: Metrics | None, name: str) -> float | None:
    value = (
        metrics.get(name)
        if metrics and metrics["num_trades"] and not is_ruined(metrics)
        else None
    )
    return value if value is not None and isfinite(value) else None


def _smoothed(params: Sequence[Values], values: Sequence[float | None]) -> list[float | None]:
    """Each value as the mean of its neighbourhood; words and flags of the params are not walked across."""
    cells = _cells([flat_params(each) for each in params])
    by_cell = dict(zip(cells, values, strict=True))
    smoothed: list[float | None] = []
    for cell, value in zip(cells, values, strict=True):
        steps = (
            (place - 1, place, place + 1) if isinstance(place, int) else (place,)
            for place in cell
        )
        around = [found for near in product(*steps) if (found := by_cell.get(near)) is not None]
        smoothed.append(None if value is None else fmean(around))
    return smoothed


def _cells(params: Sequence[Values]) -> list[tuple[Any, ...]]:
    """Each combination as places on its axes.

    A parameter that never changes is no axis, so that the neighbourhood has as few members as it can.
    """
    names = sorted({name for each in params for name in each})
    columns = [[each.get(name) for each in params] for name in names]
    axes = [_places(column) for column in columns if len(set(map(repr, column))) > 1]
    return list(zip(*axes, strict=True)) if axes else [()] * len(params)


def _places(column: Sequence[Any]) -> list[int | str]:
    """Of each number its rank among those tried, anything else as text."""
    numbers = sorted({value for value in column if _is_number(value)})
    ranks = {value: rank for rank, value in enumerate(numbers)}
    return [ranks[value] if _is_number(value) else repr(value) for value in column]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
