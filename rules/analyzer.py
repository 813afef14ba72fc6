"""What a rule's signals look like before any money is put on them: how many, how clustered, and what came after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rules.arrays import Array, Column, Signals
from rules.prices import Prices

Bars = np.ndarray[tuple[Any, ...], np.dtype[np.intp]]
Side = Literal["BUY", "SELL"]
HORIZONS = (1, 5, 10, 20)  # bars: a day, a week, two weeks and a month of daily bars
SIDES: tuple[tuple[Side, int], ...] = (("BUY", 1), ("SELL", -1))


@dataclass(frozen=True)
class SignalCounts:
    """Bars by signal. `share_pct` is the percent of bars that carry one, `per_year` their number in a year of bars."""

    bars: int = 0
    buys: int = 0
    sells: int = 0
    share_pct: float | None = None
    per_year: float | None = None


@dataclass(frozen=True)
class Clustering:
    """How the bars with a signal of one side bunch up.

    runs: stretches of signals without a bar in between; longest_run and mean_run in bars. gap_variation: standard
    deviation of the gaps between successive signals (ddof 0) over their mean: 0 for a clock, about 1 for signals that
    fall at random, more for clusters. None where there are no signals, or fewer than two gaps.
    """

    side: Side
    runs: int = 0
    longest_run: int = 0
    mean_run: float | None = None
    gap_variation: float | None = None


@dataclass(frozen=True)
class ForwardReturns:
    """Simple returns of the close over the `horizon` bars after each signal, in percent; not turned round for sells.

    signals: those with that many bars left. deviation_pct: ddof 1. up_pct: percent of them above 0. all_bars_pct: the
    mean over all bars, signal or not, to compare with. None where there are too few. Windows that overlap are not
    independent of each other: the deviation understates the error of the mean when signals cluster.
    """

    side: Side
    horizon: int
    signals: int
    mean_pct: float | None
    deviation_pct: float | None
    lower_quartile_pct: float | None
    median_pct: float | None
    upper_quartile_pct: float | None
    up_pct: float | None
    all_bars_pct: float | None


class SignalAnalyzer:
    """Signals beside the closes that they were made from.

    close: (bars,) prices above 0, oldest first. signals: (bars,) int8 of 1, -1 and 0, such as a rule's.
    periods_per_year: bars in a year, 252 for daily ones. ValueError for other lengths or values.
    """

    def __init__(self, close: Column, signals: Signals, periods_per_year: float = 252.0) -> None:
        self._close = Prices({"Close": close})["Close"]
        self._signals = np.asarray(signals)
        self._periods_per_year = periods_per_year
        if self._signals.shape != self._close.shape:
            raise ValueError(
                f"signals have the shape {self._signals.shape}; must be that of close, {self._close.shape}"
            )
        if not np.isin(self._signals, (-1, 0, 1)).all():
            raise ValueError("signals hold other values than 1, -1 and 0")
        if not (self._close > 0.0).all():
            raise ValueError(
                f"close is {self._close.min()} on some bar; a return needs prices above 0"
            )

    def counts(self) -> SignalCounts:
        """How many bars buy, sell, and how often in a year."""
        bars = self._close.size
        buys, sells = (int((self._signals == sign).sum()) for _, sign in SIDES)
        if not bars:
            return SignalCounts()
        share = (buys + sells) / bars
        return SignalCounts(bars, buys, sells, 100.0 * share, share * self._periods_per_year)

    def clustering(self) -> tuple[Clustering, Clustering]:
        """How the buys and the sells bunch up, in this order."""
        buys, sells = (
            _clustering(side, np.flatnonzero(self._signals == sign)) for side, sign in SIDES
        )
        return buys, sells

    def forward_returns(self, horizons: Sequence[int] = HORIZONS) -> tuple[ForwardReturns, ...]:
        """What the close did after buys and after sells, for each horizon in bars; ValueError for one below 1."""
        if faulty := [horizon for horizon in horizons if horizon < 1]:
            raise ValueError(f"horizon is {faulty[0]}; must be at least 1 bar")
        return tuple(self._forward(horizons))

    def _forward(self, horizons: Sequence[int]) -> Iterator[ForwardReturns]:
        for horizon in horizons:
            returns = 100.0 * (self._close[horizon:] / self._close[:-horizon] - 1.0)
            signals = self._signals[: returns.size]
            for side, sign in SIDES:
                yield _forward_returns(side, horizon, returns[signals == sign], returns)


def _clustering(side: Side, at: Bars) -> Clustering:
    """at: the bars with a signal, rising."""
    if not at.size:
        return Clustering(side)
    gaps = np.diff(at)
    starts = np.flatnonzero(np.concatenate([[True], gaps > 1]))
    runs = np.diff(starts, append=at.size)
    variation = float(gaps.std() / gaps.mean()) if gaps.size > 1 else None
    return Clustering(side, runs.size, int(runs.max()), float(runs.mean()), variation)


def _forward_returns(side: Side, horizon: int, after: Array, all_bars: Array) -> ForwardReturns:
    usual = float(all_bars.mean()) if all_bars.size else None
    if not after.size:
        return ForwardReturns(side, horizon, 0, None, None, None, None, None, None, usual)
    lower, median, upper = np.percentile(after, (25, 50, 75)).tolist()
    deviation = float(after.std(ddof=1)) if after.size > 1 else None
    up_pct = 100.0 * float((after > 0.0).mean())
    return ForwardReturns(
        side,
        horizon,
        after.size,
        float(after.mean()),
        deviation,
        lower,
        median,
        upper,
        up_pct,
        usual,
    )
