"""What choosing the times was worth, beside holding the same share of the asset all the time.

A bar's excess return is the run's, costs included, less the asset's times the run's usual exposure: the mean of its
exposures at all closes but those of the tenth of the bars that follows (adapters.metrics.timing).
"""

import math

from adapters.metrics.entry import TIMING
from adapters.metrics.measured import Measured, average
from adapters.metrics.risk import kurtosis_of, skewness_of, spread


@TIMING("Average exposure", "percent")
def average_exposure_pct(run: Measured) -> float:
    """Mean of the position's value over equity, at each close but the last; shorts count below 0."""
    return run.timing.average_exposure() * 100.0


@TIMING(
    "Timing, a year",
    "percent",
    "high",
    signed=True,
    source="Grinblatt & Titman (1993), Journal of Business 66(1)",
)
def timing_return_pct(run: Measured) -> float:
    """Mean return, costs paid, above holding the same share of the asset all the time, times P."""
    return average(run.timed) * run.periods_per_year * 100.0


@TIMING("Sharpe ratio of timing", "ratio", "high")
def timing_sharpe_ratio(run: Measured) -> float:
    """Mean / standard deviation (ddof 1) of the returns above holding the same share all the time, times sqrt(P)."""
    return average(run.timed) / spread(run.timed) * math.sqrt(run.periods_per_year)


@TIMING("Skewness of timing", "ratio", "high")
def timing_skewness(run: Measured) -> float:
    """Of the same returns, adjusted Fisher-Pearson."""
    return skewness_of(run.timed)


@TIMING("Excess kurtosis of timing", "ratio")
def timing_kurtosis(run: Measured) -> float:
    """Of the same returns, without bias."""
    return kurtosis_of(run.timed)
