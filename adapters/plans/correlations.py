"""What a portfolio's Job found beside metrics and equity, which are its run's: compressed JSON in one column."""

import numpy as np

from adapters.metrics.measured import Array
from contracts.values import Json

# legs of which the returns are correlated; of more those that earned or lost most
CORRELATED = 30


def correlated(earned: Array) -> Json:
    """How the legs' profits of each bar go together.

    earned: (legs, bars), money up to each bar. legs: their numbers. of: rows of correlations, None for a leg without
    any profit or loss.
    """
    order = np.argsort(-np.abs(earned[:, -1]), kind="stable")[:CORRELATED]
    legs = np.sort(order)
    gains = np.diff(earned[legs], axis=1, prepend=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        matrix = np.atleast_2d(np.corrcoef(gains)).round(3)
    rows = [[None if value != value else value for value in row] for row in matrix.tolist()]
    return {"legs": legs.tolist(), "of": rows}
