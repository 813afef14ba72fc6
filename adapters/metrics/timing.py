"""Timing of a run: its returns above those of a constant position in the asset.

A bar's excess return is the run's, costs included, less the asset's times the run's usual exposure: the mean of its
exposures at all closes but those of the tenth of the bars that follows. The mean of these returns is the covariance of
the position with the asset's next move, Grinblatt & Titman (1993), Performance Measurement without Benchmarks, Journal
of Business 66(1): 0 without skill, however the market drifts.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from adapters.metrics.curves import AccountRates
from adapters.metrics.moments import (
    ROUNDING_NOISE,
    SAME_SHARE,
    Array,
    MeasuredSharpe,
    NoValue,
    timing_probability,
)

# the tenth (1 / SHADOW) of the bars that follows a bar is left out of its usual exposure
SHADOW = 10
# share of the returns' deviation; timing that varies less comes from the rounding of shares and cents
LEAST_CHANGE = 1e-3
# the metrics that `measured_timing` takes
OF_TIMING = ("timing_sharpe_ratio", "timing_skewness", "timing_kurtosis")


class Timing(NamedTuple):
    """Run from its first close on; each array has one value for each later bar.

    returns: simple, of equity; costs of the first bar are part of the first one. exposures: signed value of the
    position over equity at the close before. moves: simple return of the asset from close to close. carry: interest
    on idle cash less the cost of borrowed shares, at the run's average share of either.
    """

    returns: Array
    exposures: Array
    moves: Array
    carry: Array

    def excess(self) -> Array:
        """Return of each bar above that of the usual exposure; costs stay with the rule.

        NoValue where the exposure never changed.
        """
        return self._above(usual_exposures(self.exposures))

    def excess_over_past(self) -> Array:
        """Return of each bar above that of the mean exposure up to the bar, which nothing after the bar influences.

        Without it a rule that buys falls and trades rarely would hold in 8% of short test parts instead of 5%.
        """
        return self._above(self.exposures.cumsum() / np.arange(1, len(self.exposures) + 1))

    def _above(self, usual: Array) -> Array:
        excess: Array = self.returns - usual * self.moves - self.carry
        least = max(LEAST_CHANGE * float(self.returns.std()), ROUNDING_NOISE)
        if not self.exposures.any() or not excess.std() > least:
            raise NoValue(SAME_SHARE)
        return excess


def timing_over(
    path: Array, shares: Array, closes: Array, times: Array, rates: AccountRates
) -> Timing:
    """Return the timing of one run.

    path: (bars + 1,) the initial capital, then equity; shares: (bars,) signed, after each bar's fills; closes: (bars,)
    float64; times: (bars,) datetime64.
    """
    equity, before = path[1:], np.concatenate((path[:1], path[2:-1]))
    # divisions by the equity of a ruined account, which has no timing
    with np.errstate(divide="ignore", invalid="ignore"):
        exposures = (shares * closes / equity)[:-1]
        returns = equity[1:] / before - 1.0
    return Timing(
        returns, exposures, closes[1:] / closes[:-1] - 1.0, _carry(exposures, times, rates)
    )


def _carry(exposures: Array, times: Array, rates: AccountRates) -> Array:
    if not rates:
        return np.zeros(len(exposures))
    idle, borrowed = (
        float((1.0 - exposures).clip(0.0, 1.0).mean()),
        float((-exposures).clip(0.0).mean()),
    )
    days, place = np.unique(np.diff(times.astype("M8[D]")).astype(int), return_inverse=True)
    carried = [
        rates.accrued(idle, idle, each)[0] - rates.accrued(1.0 + borrowed, 1.0, each)[1]
        for each in days.tolist()
    ]
    return np.array(carried)[place]


def joined(parts: Sequence[Timing]) -> Timing:
    """Join the timings of runs end to end."""
    return Timing(*map(np.concatenate, zip(*parts, strict=True)))


def usual_exposures(exposures: Array) -> Array:
    """Mean exposure of all bars but the tenth that follows each bar.

    Exposure after a bar depends on the bar: a rule that buys falls holds more after a fall, so a plain mean would make
    it look as if it had foreseen the fall.
    """
    bars = len(exposures)
    shadow = bars // SHADOW
    sums = np.concatenate(([0.0], exposures.cumsum()))
    ends = np.concatenate((sums[1 + shadow :], sums[-1:].repeat(shadow)))
    usual: Array = (sums[-1] - (ends - sums[1:])) / _bars_averaged(bars)
    return usual


@lru_cache(maxsize=4)
def _bars_averaged(bars: int) -> Array:
    """Return the number of bars in the usual exposure of each bar; every combination of a screen has the same."""
    after = np.arange(bars)[::-1]  # bars that follow each one
    counts: Array = bars - np.minimum(after, bars // SHADOW)
    counts.flags.writeable = False
    return counts


def measured_timing(metrics: Mapping[str, float | None], bars: int) -> MeasuredSharpe:
    """The Sharpe ratio of a run's timing per bar; NoValue for a run without one."""
    ratio, skew, tails = (metrics.get(name) for name in OF_TIMING)
    per_year = metrics.get("bars_per_year")
    if ratio is None or skew is None or tails is None or not per_year:
        raise NoValue("its timing was not measured")
    return MeasuredSharpe(ratio / per_year**0.5, bars - 1, skew, tails + 3)


def run_timing(metrics: Mapping[str, float | None], bars: int) -> str | None:
    """Return a sentence on a run's timing; None if it has none, or is too short for a yearly rate."""
    if metrics.get("cagr", 0.0) is None:
        return None
    try:
        skill = timing_probability(measured_timing(metrics, bars))
    except NoValue:
        return None
    yearly_pct, exposure_pct = (
        float(metrics[name] or 0.0) for name in ("timing_return_pct", "average_exposure_pct")
    )
    position = f"{abs(exposure_pct):.0f}% {'short' if exposure_pct < 0 else 'invested'}"
    if yearly_pct <= 0:
        return f"Its timing cost {-yearly_pct:.1f}% a year compared with staying {position} throughout."
    return (
        f"Its timing added {yearly_pct:.1f}% a year over staying {position} throughout."
        f" If this was your first try, luck alone would do this well {percent(1 - skill)} of the time."
    )


def versus_constant(yearly_pct: float, exposure_pct: float) -> str:
    """Compare a yearly return with that of a position of constant size, in words."""
    side = "ahead of" if yearly_pct > 0 else "behind"
    position = "short position" if exposure_pct < 0 else "position"
    return f"{abs(yearly_pct):.1f}% a year {side} a constant {position}"


def percent(share: float) -> str:
    """Format a share: 31%, or less than 1%, or more than 99%."""
    whole = round(share * 100)
    return "less than 1%" if whole < 1 else "more than 99%" if whole > 99 else f"{whole}%"
