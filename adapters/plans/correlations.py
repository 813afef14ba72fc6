"""Correlations between the legs of a portfolio."""

from itertools import combinations_with_replacement

import numpy as np

from adapters.metrics.measured import Array
from contracts.values import Json

# legs that are correlated; of more, those that earned or lost most
CORRELATED = 30


def correlated(earned: Array, has_bar: Array) -> Json:
    """Correlate the legs' profits, of each pair from one common bar to the next.

    earned: (legs, bars), money up to each bar. has_bar: (bars, legs), True where a leg can be traded. In the answer,
    legs: numbers of the correlated legs; of: rows of correlations, None for a leg without any profit or loss, and for a
    pair with fewer than two common bars.
    """
    order = np.argsort(-np.abs(earned[:, -1]), kind="stable")[:CORRELATED]
    legs = np.sort(order).tolist()
    pairs = {
        (one, other): _correlation(earned[[one, other]], has_bar[:, one] & has_bar[:, other])
        for one, other in combinations_with_replacement(legs, 2)
    }
    rows = [[pairs[min(one, other), max(one, other)] for other in legs] for one in legs]
    return {"legs": legs, "of": rows}


def _correlation(earned: Array, is_common: Array) -> float | None:
    """Correlation of the profits of two legs, (2, bars), between their common bars; None where it does not exist."""
    bars = np.flatnonzero(is_common)
    if len(bars) < 2:
        return None
    before = earned[:, bars[0] - 1] if bars[0] else np.zeros(2)
    gains = np.diff(earned[:, bars], axis=1, prepend=before[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        value: float = np.corrcoef(gains)[0, 1].round(3).item()
    return None if value != value else value
