"""Timing, and comparison with the benchmark, the request's or buy and hold of the same, from close to close."""

import math

from adapters.metrics.measured import BENCHMARK, TIMING, Measured
from adapters.metrics.moments import (
    ROUNDING_NOISE,
    RUINED,
    STEADY,
    TOO_FEW_BARS,
    Array,
    NoValue,
    average,
    bar_rate,
    centred,
    deviation,
    kurtosis_of,
    skewness_of,
    spread,
    total,
)


@BENCHMARK(
    "Alpha", "percent", "high", signed=True, source="Jensen (1968), Journal of Finance 23(2)"
)
def alpha(run: Measured) -> float:
    """Yearly return beyond what the benchmark and beta explain (Jensen's alpha).

    Mean excess return - beta times the benchmark's, per bar, compounded over P bars.
    """
    common = run.common_returns
    rate = bar_rate(run.risk_free_rate, common.per_year)
    ours, theirs = average(common.run) - rate, average(common.benchmark) - rate
    return _yearly(1.0 + ours - beta(run) * theirs, common.per_year)


@BENCHMARK("Beta", "ratio")
def beta(run: Measured) -> float:
    """Move for each 1% move of the benchmark.

    Covariance of the returns with the benchmark's / variance of the benchmark's.
    """
    ours, theirs = map(centred, run.common_returns[:2])
    return total(ours * theirs) / total(theirs * theirs)


@BENCHMARK("Correlation", "ratio")
def correlation(run: Measured) -> float:
    """Similarity to the benchmark: 1 moves alike, 0 independently, −1 oppositely.

    Pearson's correlation of the returns with the benchmark's.
    """
    ours, theirs = map(centred, run.common_returns[:2])
    if math.sqrt(average(ours * ours)) <= ROUNDING_NOISE:
        raise NoValue(STEADY)
    return total(ours * theirs) / math.sqrt(total(ours * ours) * total(theirs * theirs))


@BENCHMARK("Tracking error", "percent")
def tracking_error(run: Measured) -> float:
    """Yearly fluctuation of the difference from the benchmark.

    Standard deviation (ddof 1) of the returns above the benchmark's, times sqrt(P).
    """
    return deviation(_active(run)) * math.sqrt(run.common_returns.per_year) * 100.0


@BENCHMARK(
    "Information ratio",
    "ratio",
    "high",
    source="Goodwin (1998), Financial Analysts Journal 54(4)",
)
def information_ratio(run: Measured) -> float:
    """Return above the benchmark per unit of tracking error.

    Mean / standard deviation (ddof 1) of the returns above the benchmark's, times sqrt(P).
    """
    active = _active(run)
    spread = deviation(active)
    if spread <= ROUNDING_NOISE:
        raise NoValue("the run does not differ from its benchmark")
    return average(active) / spread * math.sqrt(run.common_returns.per_year)


@BENCHMARK("Up capture", "percent", "high")
def up_capture(run: Measured) -> float:
    """Share of the benchmark's rises that the run gained; above 100% it gained more.

    Mean return on the bars on which the benchmark rose / the benchmark's on them.
    """
    return _capture(run, run.common_returns.benchmark > 0)


@BENCHMARK("Down capture", "percent", "low")
def down_capture(run: Measured) -> float:
    """Share of the benchmark's falls that the run lost; below 100% it lost less.

    Mean return on the bars on which the benchmark fell / the benchmark's on them.
    """
    return _capture(run, run.common_returns.benchmark < 0)


def _active(run: Measured) -> Array:
    """Return of each bar above the benchmark's."""
    common = run.common_returns
    return common.run - common.benchmark


def _capture(run: Measured, chosen: Array) -> float:
    """Capture ratio over the common returns that are chosen, in percent.

    Of mean returns, unlike empyrical's: half of the bars, compounded to a year, exaggerate small differences.
    """
    common = run.common_returns
    if not chosen.any():
        raise NoValue("the benchmark never moved that way")
    return average(common.run[chosen]) / average(common.benchmark[chosen]) * 100.0


def _yearly(growth: float, times: float) -> float:
    """Compound a growth factor `times` times, in percent; NoValue if nothing is left."""
    if growth <= 0.0:
        raise NoValue("it leaves nothing to compound")
    compounded: float = growth**times
    return (compounded - 1.0) * 100.0


@TIMING("Average net exposure", "percent")
def average_exposure_pct(run: Measured) -> float:
    """Mean of the positions' value over equity, at each close but the last; shorts count below 0."""
    return average(run.timing.exposures) * 100.0


@TIMING("Average gross exposure", "percent")
def average_gross_exposure_pct(run: Measured) -> float:
    """Mean of the positions' value over equity, at each close but the last; shorts count by their size."""
    if run.is_ruined or run.bars < 2:
        raise NoValue(RUINED if run.is_ruined else TOO_FEW_BARS)
    return average(run.gross_value[:-1] / run.path[1:-1]) * 100.0


@TIMING(
    "Timing alpha (annual)",
    "percent",
    "high",
    signed=True,
    source="Grinblatt & Titman (1993), Journal of Business 66(1)",
)
def timing_return_pct(run: Measured) -> float:
    """Yearly return that the timing added over a constant position of the same average size.

    Mean return, costs paid, above that of a constant position in the asset, times P.
    """
    return average(run.timed) * run.periods_per_year * 100.0


@TIMING("Timing Sharpe ratio", "ratio", "high")
def timing_sharpe_ratio(run: Measured) -> float:
    """Sharpe ratio of the return that the timing added.

    Mean / standard deviation (ddof 1) of the returns above those of a constant position, times sqrt(P).
    """
    return average(run.timed) / spread(run.timed) * math.sqrt(run.periods_per_year)


@TIMING("Timing skewness", "ratio", "high")
def timing_skewness(run: Measured) -> float:
    """Symmetry of the returns that the timing added.

    Adjusted Fisher-Pearson skewness of the returns above those of a constant position.
    """
    return skewness_of(run.timed)


@TIMING("Timing excess kurtosis", "ratio")
def timing_kurtosis(run: Measured) -> float:
    """Fat tails of the returns that the timing added.

    Unbiased excess kurtosis of the returns above those of a constant position.
    """
    return kurtosis_of(run.timed)
