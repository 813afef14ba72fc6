"""What a verdict needs of every combination that was tried on a training part: a few numbers, however it was tried."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.metrics.measured import Array, NoValue
from adapters.studies.overfitting import BLOCKS, block_sums
from adapters.studies.path import RunData, measured_sharpe

SHARPE, TIMING, BARS = "trial_sharpe", "trial_timing", "trial_bars"
SUMS = tuple(f"trial_sum_{number}" for number in range(2 * BLOCKS))
OF_TRIAL = (BARS, SHARPE, TIMING, *SUMS)


@dataclass(frozen=True)
class Tried:
    """A training part. sharpes, timing: Sharpe ratios per bar of the returns, and of choosing the times; sums: of
    `block_sums`, (trials, 2, blocks). Each has those trials alone that have a value."""

    bars: int
    sharpes: list[float]
    timing: list[float]
    sums: Array


def trial(run: RunData) -> tuple[float, ...]:
    """The numbers OF_TRIAL of a run, NaN where it has none; all of them for an account whose returns overflow."""
    if not np.isfinite(run.returns).all():
        return (np.nan,) * len(OF_TRIAL)
    sums = _known(lambda: block_sums(run.returns).ravel(), np.full(len(SUMS), np.nan))
    timing = _known(lambda: measured_sharpe(run.timing.excess()).sharpe, np.nan)
    return len(run.returns), _known(lambda: run.sharpe().sharpe, np.nan), timing, *sums.tolist()


def _known(compute: Callable[[], Any], otherwise: Any) -> Any:
    try:
        return compute()
    except NoValue:
        return otherwise


def tried_by(runs: Iterable[RunData | None]) -> Tried:
    """What a training part came to whose combinations were runs, in the order of the plan; None for one that failed."""
    failed = (np.nan,) * len(OF_TRIAL)
    return tried_of(np.array([trial(run) if run else failed for run in runs]))


def tried_of(trials: Array) -> Tried:
    """trials: (combinations, OF_TRIAL), in the order of the plan; NaN in all of one that has failed."""
    ran = trials[np.isfinite(trials[:, 0])]
    sharpes, timing = (column[np.isfinite(column)].tolist() for column in (ran[:, 1], ran[:, 2]))
    sums = ran[np.isfinite(ran[:, 3]), 3:].reshape(-1, 2, BLOCKS)
    return Tried(int(ran[-1, 0]) if len(ran) else 0, sharpes, timing, sums)
