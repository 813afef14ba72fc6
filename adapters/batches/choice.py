"""Which of many tried combinations is chosen: by a metric, under constraints, the same way each time."""

from collections.abc import Mapping, Sequence
from itertools import product
from statistics import fmean
from typing import Any

import numpy as np

from adapters.batches.flat_params import flat_params
from adapters.batches.leaderboard import Ranking
from adapters.metrics.measured import Array
from adapters.screens.columns import may_rank, ranked_places
from contracts.values import Values


def ranked(
    params: Sequence[Values],
    tried: Mapping[str, Array],
    ranking: Ranking,
    *,
    by_neighbourhood: bool = False,
) -> Array:
    """Places of the combinations that may be chosen, the best first; of equal ones the one listed first.

    tried: each metric by place, NaN where it has no value. by_neighbourhood: a score is the mean over the combination
    and those tried that are at most one step away in each of the parameters, so that a lone peak between bad neighbours
    is not chosen.
    """
    scores = tried[ranking.metric]
    if by_neighbourhood:
        scores = _smoothed(params, np.where(may_rank(tried, ranking), scores, np.nan))
    return ranked_places(tried, ranking, scores)


def _smoothed(params: Sequence[Values], values: Array) -> Array:
    """Each value as the mean of its neighbourhood; words and flags of the params are not walked across."""
    cells = _cells([flat_params(each) for each in params])
    known = {
        cell: value for cell, value in zip(cells, values.tolist(), strict=True) if value == value
    }

    def mean_around(cell: tuple[Any, ...]) -> float:
        steps = ((at - 1, at, at + 1) if isinstance(at, int) else (at,) for at in cell)
        return fmean(known[near] for near in product(*steps) if near in known)

    return np.array([mean_around(cell) if cell in known else np.nan for cell in cells])


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
