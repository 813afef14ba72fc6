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
    halves = list(combinations(range(blocks), blocks // 2))
    ordered = np.ascontiguousarray(moving.transpose(2, 1, 0))  # (blocks, 2, trials)
    below = 0
    for place in range(len(halves) // 2):
        pair = [_sharpe(ordered[list(halves[end])], bars) for end in (place, -1 - place)]  # complements, in this order
        for one, other in (pair, reversed(pair)):
            below += _relative_rank(other, int(np.argmax(one))) <= 0.5  # a logit of 0 or less
    return {"probability": below / len(halves), "splits": len(halves), "blocks": blocks, "combinations": len(moving)}


def _sharpe(blocks: Array, bars: int) -> Array:
    """Sharpe ratio per bar of each trial over some blocks (blocks, 2, trials); 0 where its returns do not vary."""
    total, squares = np.add.accumulate(blocks, axis=0)[-1]
    mean = total / bars
    variance = (squares - total * mean) / (bars - 1)
    varies = variance > NOISE * squares / bars
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def _relative_rank(values: Array, place: int) -> float:
    """Rank of one among all, as a fraction between 0 and 1; the middle of their ranks for equal ones."""
    lower, equal = (values < values[place]).sum(), (values == values[place]).sum()
    return float((lower + (equal + 1) / 2) / (len(values) + 1))
