"""What a verdict needs of every combination that was tried on a training part: a few numbers, however it was tried."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from adapters.metrics.measured import Array, NoValue
from adapters.studies.overfitting import BLOCKS, block_sums
from adapters.studies.path import RunData, measured_sharpe
from contracts.values import Values

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


class Training(Protocol):
    """How a study was trained."""

    def tried(self, window: int) -> Tried:
        """All that was tried on the training part of a window."""

    def best(self, chosen: Values, window: int) -> RunData | None:
        """What a chosen combination came to on the training part of a window; None where it has failed."""


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


def tried_of(trials: Array) -> Tried:
    """trials: (combinations, OF_TRIAL), in the order of the plan; NaN in all of one that has failed."""
    ran = trials[np.isfinite(trials[:, 0])]
    sharpes, timing = (column[np.isfinite(column)].tolist() for column in (ran[:, 1], ran[:, 2]))
    sums = ran[np.isfinite(ran[:, 3]), 3:].reshape(-1, 2, BLOCKS)
    return Tried(int(ran[-1, 0]) if len(ran) else 0, sharpes, timing, sums)


class TrainedByRuns:
    """Each combination was a run. training: run_ids of all combinations by window; load: a run by its id."""

    def __init__(
        self, training: Sequence[Sequence[str]], load: Callable[[str], RunData | None]
    ) -> None:
        self._training, self._load = training, load

    def tried(self, window: int) -> Tried:
        """Each run is read once."""
        runs: Iterable[RunData | None] = map(self._load, self._training[window])
        failed = (np.nan,) * len(OF_TRIAL)
        return tried_of(np.array([trial(run) if run else failed for run in runs]))

    def best(self, chosen: Values, window: int) -> RunData | None:
        """Its run."""
        return self._load(chosen["train_run"])


class TrainedByScreens:
    """Each was a row of a screen. trials: (combinations, OF_TRIAL) by window; run: one of them by window and place."""

    def __init__(
        self, trials: Sequence[Array], run: Callable[[int, int], RunData | None]
    ) -> None:
        self._trials, self._run = trials, cache(run)

    def tried(self, window: int) -> Tried:
        """What the screens have kept."""
        return tried_of(self._trials[window])

    def best(self, chosen: Values, window: int) -> RunData | None:
        """The same backtest again, of which a screen keeps no series."""
        return self._run(window, chosen["place"])
