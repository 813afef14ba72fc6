"""What choosing the times was worth, beside holding the same share of the asset all the time.

A bar's excess return is the run's, costs included, less the asset's times the run's usual exposure: the mean of its
exposures at all closes but those of the tenth of the bars that follows (adapters.metrics.timing).
"""

import math

from adapters.metrics.entry import Metric
from adapters.metrics.measured import Measured, total
from adapters.metrics.risk import kurtosis, skewness, spread


def timing_return_pct(run: Measured) -> float:
    """Mean of the returns above holding the same share all the time, times the bars of a year, in percent."""
    return total(run.timing) / len(run.timing) * run.periods_per_year * 100.0


def timing_sharpe_ratio(run: Measured) -> float:
    """Mean over deviation of the same returns, annualised; what they are above needs no risk-free rate."""
    return total(run.timing) / len(run.timing) / spread(run.timing) * math.sqrt(run.periods_per_year)


METRICS = (
    Metric(
        name="average_exposure_pct",
        title="Average exposure",
        unit="percent",
        section="Timing",
        compute=lambda run: run.average_exposure * 100.0,
        formula="Mean of the position's value over equity, at each close but the last; shorts count below 0.",
    ),
    Metric(
        name="timing_return_pct",
        title="Timing, a year",
        unit="percent",
        section="Timing",
        compute=timing_return_pct,
        formula="Mean return, costs paid, above holding the same share of the asset all the time, times P.",
        better="high",
        signed=True,
        source="Grinblatt & Titman (1993), Journal of Business 66(1)",
    ),
    Metric(
        name="timing_sharpe_ratio",
        title="Sharpe ratio of timing",
        unit="ratio",
        section="Timing",
        compute=timing_sharpe_ratio,
        formula="Mean / standard deviation (ddof 1) of the returns above holding the same share all the time, "
        "times sqrt(P).",
        better="high",
    ),
    Metric(
        name="timing_skewness",
        title="Skewness of timing",
        unit="ratio",
        section="Timing",
        compute=lambda run: skewness(run.timing),
        formula="Of the same returns, adjusted Fisher-Pearson.",
        better="high",
    ),
    Metric(
        name="timing_kurtosis",
        title="Excess kurtosis of timing",
        unit="ratio",
        section="Timing",
        compute=lambda run: kurtosis(run.timing),
        formula="Of the same returns, without bias.",
    ),
)
