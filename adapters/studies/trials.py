"""Trials on a training part: the numbers of each combination for the verdict, and the probability of overfitting."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from adapters.metrics.measured import Array, NoValue
from adapters.metrics.sharpe_evidence import LEAST_RETURNS
from adapters.studies.path import RunData, measured_sharpe
from contracts.values import Json

BLOCKS = 16  # S of the paper, which gives 12,870 splits into halves
LEAST_BLOCK = 2  # bars; a shorter block has no spread
NUMBERS_AT_ONCE = 100_000  # numbers of blocks processed together, which fit into a core's cache
NOISE = 1e-12  # a variance below this share of the mean squared return is rounding
SUMS = tuple(f"trial_sum_{number}" for number in range(2 * BLOCKS))
OF_TRIAL = ("trial_bars", "trial_sharpe", "trial_timing", *SUMS)


@dataclass(frozen=True)
class Tried:
    """All trials on a training part; each array is limited to the trials with a value.

    sharpes, timing: Sharpe ratios per bar of the returns and of timing. sums: of `block_sums`, (trials, 2, blocks).
    """

    bars: int
    sharpes: list[float]
    timing: list[float]
    sums: Array


def trial(run: RunData | None) -> Array:
    """Return the numbers OF_TRIAL of a run, NaN where there is none: all, if the run failed (None) or overflowed."""
    numbers = np.full(len(OF_TRIAL), np.nan)
    if run and np.isfinite(run.returns).all():
        numbers[0] = len(run.returns)
        with suppress(NoValue):
            numbers[1] = run.sharpe().sharpe
        with suppress(NoValue):
            numbers[2] = measured_sharpe(run.timing.excess()).sharpe
        with suppress(NoValue):
            numbers[3:] = block_sums(run.returns).ravel()
    return numbers


def tried_of(trials: Array) -> Tried:
    """Split the numbers of trials, (combinations, OF_TRIAL), by kind; all are NaN of a failed one."""
    ran = trials[np.isfinite(trials[:, 0])]
    sharpes, timing = (column[np.isfinite(column)].tolist() for column in (ran[:, 1], ran[:, 2]))
    sums = ran[np.isfinite(ran[:, 3]), 3:].reshape(-1, 2, BLOCKS)
    return Tried(int(ran[-1, 0]) if len(ran) else 0, sharpes, timing, sums)


def block_sums(returns: Array, blocks: int = BLOCKS) -> Array:
    """(2, blocks): the sum of the returns, and of their squares, in each block of consecutive bars.

    A Sharpe ratio over some of the blocks follows from these sums, so returns need not be stored. Bars that do not fill
    equal blocks are left out at the beginning.
    """
    length = len(returns) // blocks
    if length < LEAST_BLOCK or len(returns) < LEAST_RETURNS:
        raise NoValue(f"fewer than {max(LEAST_BLOCK * blocks, LEAST_RETURNS)} returns")
    parts = returns[len(returns) - length * blocks :].reshape(blocks, length)
    return np.stack([np.add.accumulate(each, axis=1)[:, -1] for each in (parts, parts * parts)])


def overfitting(sums: Array, block_bars: int) -> Json:
    """Probability of backtest overfitting by CSCV, with its inputs. sums: (trials, 2, blocks) of `block_sums`.

    It is the share of splits in which the best in one half of the time is below the median in the other.
    Bailey, Borwein, López de Prado & Zhu (2015), The Probability of Backtest Overfitting, Journal of
    Computational Finance.

    Trials are compared by their Sharpe ratio; one without variation in a half has 0 there. Equal ones share a rank.
    NoValue for fewer than two trials that move at all.
    """
    moving = sums[(sums[:, 1] > 0).any(axis=1)]
    if len(moving) < 2:
        raise NoValue("fewer than two combinations with returns that vary")
    blocks = sums.shape[2]
    bars = block_bars * blocks // 2
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    first, second = np.split(halves, 2)
    ordered = np.ascontiguousarray(moving.transpose(2, 1, 0))  # (blocks, 2, trials)
    at_once = max(1, NUMBERS_AT_ONCE // ordered.size)
    below = 0
    for start in range(0, len(first), at_once):
        part = slice(start, start + at_once)
        # complements, in this order
        pair = [_sharpe(ordered[each[part]], bars) for each in (first, second[::-1])]
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
    """Rank of the chosen value in each row, as a fraction from 0 to 1; equal values share the mean of their ranks."""
    chosen = np.take_along_axis(values, places[:, None], axis=1)
    lower, equal = (values < chosen).sum(axis=1), (values == chosen).sum(axis=1)
    ranks: Array = (lower + (equal + 1) / 2) / (values.shape[1] + 1)
    return ranks
