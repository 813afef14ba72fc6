"""How often the best in one half of the time is below the median in the other: the probability of overfitting.

Bailey, Borwein, López de Prado & Zhu (2015), The Probability of Backtest Overfitting, Journal of Computational Finance.
"""

from itertools import combinations
from typing import Any

import numpy as np

from adapters.metrics.measured import Array, NoValue
from adapters.metrics.sharpe_evidence import LEAST_RETURNS

BLOCKS = 16  # S of the paper, which gives 12,870 splits into halves
LEAST_BLOCK = 2  # bars; shorter ones have no spread
NUMBERS_AT_ONCE = 100_000  # of blocks, so that they stay in a core's cache
NOISE = 1e-12  # of the mean squared return: a variance below this share of it is rounding


def block_sums(returns: Array, blocks: int = BLOCKS) -> Array:
    """(2, blocks): of each block of consecutive bars the sum of the returns and of their squares.

    They are all that a Sharpe ratio over some of the blocks needs, so that no run's returns have to be kept. What does
    not divide into equal blocks is left out at the beginning.
    """
    length = len(returns) // blocks
    if length < LEAST_BLOCK or len(returns) < LEAST_RETURNS:
        raise NoValue(f"fewer than {max(LEAST_BLOCK * blocks, LEAST_RETURNS)} returns")
    parts = returns[len(returns) - length * blocks :].reshape(blocks, length)
    return np.stack([np.add.accumulate(each, axis=1)[:, -1] for each in (parts, parts * parts)])


def overfitting(sums: Array, block_bars: int) -> dict[str, Any]:
    """The probability of backtest overfitting by CSCV, with its inputs. sums: (trials, 2, blocks) of `block_sums`.

    Trials are compared by their Sharpe ratio; one that does not move in a half has 0 there. Equal ones share a rank.
    NoValue for fewer than two trials that move at all.
    """
    moving = sums[(sums[:, 1] > 0).any(axis=1)]
    if len(moving) < 2:
        raise NoValue("fewer than two combinations with returns that vary")
    blocks = sums.shape[2]
    bars = block_bars * blocks // 2
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    ordered = np.ascontiguousarray(moving.transpose(2, 1, 0))  # (blocks, 2, trials)
    at_once = max(1, NUMBERS_AT_ONCE // ordered.size)
    below = 0
    for start in range(0, len(halves) // 2, at_once):
        stop = min(start + at_once, len(halves) // 2)
        first, second = halves[start:stop], halves[::-1][start:stop]  # complements, in this order
        pair = [_sharpe(ordered[each], bars) for each in (first, second)]
        for one, other in (pair, pair[::-1]):
            # a logit of 0 or less
            below += int((_relative_ranks(other, one.argmax(axis=1)) <= 0.5).sum())
    return {
        "probability": below / len(halves),
        "splits": len(halves),
        "blocks": blocks,
        "combinations": len(moving),
    }


def _sharpe(blocks: Array, bars: int) -> Array:
    """Sharpe ratio per bar of each trial over some blocks (halves, blocks, 2, trials); 0 where returns do not vary."""
    total, squares = np.add.accumulate(blocks, axis=1)[:, -1].transpose(1, 0, 2)
    mean = total / bars
    variance = (squares - total * mean) / (bars - 1)
    varies = variance > NOISE * squares / bars
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def _relative_ranks(values: Array, places: Array) -> Array:
    """In each row the rank of one among all, as a fraction from 0 to 1; the middle of their ranks for equal ones."""
    chosen = np.take_along_axis(values, places[:, None], axis=1)
    lower, equal = (values < chosen).sum(axis=1), (values == chosen).sum(axis=1)
    ranks: Array = (lower + (equal + 1) / 2) / (values.shape[1] + 1)
    return ranks
