"""How a run compares with its benchmark: the request's, or buy and hold of the same; bar by bar, close to close."""

import math

from adapters.metrics.entry import Metric
from adapters.metrics.measured import STEADY, Array, Measured, NoValue, deviation, total
from adapters.metrics.risk import ROUNDING_NOISE


def beta(run: Measured) -> float:
    """Covariance with the benchmark over its variance."""
    ours, theirs = (_centred(each) for each in run.beside_benchmark)
    return total(ours * theirs) / total(theirs * theirs)


def alpha(run: Measured) -> float:
    """What is left of the mean excess return beside beta times the benchmark's, compounded to a year, in percent."""
    ours, theirs = (total(each) / len(each) - run.bar_rate for each in run.beside_benchmark)
    return _yearly(1.0 + ours - beta(run) * theirs, run.periods_per_year)


def correlation(run: Measured) -> float:
    """Pearson's correlation with the benchmark."""
    ours, theirs = (_centred(each) for each in run.beside_benchmark)
    if math.sqrt(total(ours * ours) / len(ours)) <= ROUNDING_NOISE:
        raise NoValue(STEADY)
    return total(ours * theirs) / math.sqrt(total(ours * ours) * total(theirs * theirs))


def active_deviation(run: Measured) -> float:
    """Standard deviation (ddof 1) of the returns above the benchmark's, per bar."""
    ours, theirs = run.beside_benchmark
    return deviation(ours - theirs)


def information_ratio(run: Measured) -> float:
    """Mean return above the benchmark's over its deviation, annualised."""
    spread = active_deviation(run)
    if spread <= ROUNDING_NOISE:
        raise NoValue("the run does not differ from its benchmark")
    ours, theirs = run.beside_benchmark
    return total(ours - theirs) / len(ours) / spread * math.sqrt(run.periods_per_year)


def capture(run: Measured, sign: int) -> float:
    """Yearly growth on the bars on which the benchmark rose (1) or fell (-1), over the benchmark's, in percent."""
    ours, theirs = run.beside_benchmark
    moved = theirs * sign > 0
    if not moved.any():
        raise NoValue("the benchmark never moved that way")
    ours_pct, theirs_pct = (_growth(each[moved], run.periods_per_year) for each in (ours, theirs))
    return ours_pct / theirs_pct * 100.0


def _growth(returns: Array, periods_per_year: float) -> float:
    return _yearly(float((1.0 + returns).cumprod()[-1]), periods_per_year / len(returns))


def _yearly(growth: float, times: float) -> float:
    """Growth compounded so many times, in percent; NoValue for one that leaves nothing."""
    if growth <= 0.0:
        raise NoValue("it leaves nothing to compound")
    compounded: float = growth**times
    return (compounded - 1.0) * 100.0


def _centred(values: Array) -> Array:
    return values - total(values) / len(values)


METRICS = (
    Metric(
        name="alpha",
        title="Alpha",
        unit="percent",
        section="Benchmark",
        compute=alpha,
        formula="Mean excess return - beta times the benchmark's, per bar, compounded over P bars.",
        better="high",
        signed=True,
        source="Jensen (1968), Journal of Finance 23(2)",
    ),
    Metric(
        name="beta",
        title="Beta",
        unit="ratio",
        section="Benchmark",
        compute=beta,
        formula="Covariance of the returns with the benchmark's / variance of the benchmark's.",
    ),
    Metric(
        name="correlation",
        title="Correlation",
        unit="ratio",
        section="Benchmark",
        compute=correlation,
        formula="Pearson's correlation of the returns with the benchmark's.",
    ),
    Metric(
        name="tracking_error",
        title="Tracking error",
        unit="percent",
        section="Benchmark",
        compute=lambda run: active_deviation(run) * math.sqrt(run.periods_per_year) * 100.0,
        formula="Standard deviation (ddof 1) of the returns above the benchmark's, times sqrt(P).",
    ),
    Metric(
        name="information_ratio",
        title="Information ratio",
        unit="ratio",
        section="Benchmark",
        compute=information_ratio,
        formula="Mean / standard deviation (ddof 1) of the returns above the benchmark's, times sqrt(P).",
        better="high",
        source="Goodwin (1998), Financial Analysts Journal 54(4)",
    ),
    Metric(
        name="up_capture",
        title="Up capture",
        unit="percent",
        section="Benchmark",
        compute=lambda run: capture(run, 1),
        formula="Yearly growth on the bars on which the benchmark rose / the benchmark's on them.",
        better="high",
    ),
    Metric(
        name="down_capture",
        title="Down capture",
        unit="percent",
        section="Benchmark",
        compute=lambda run: capture(run, -1),
        formula="Yearly growth on the bars on which the benchmark fell / the benchmark's on them.",
        better="low",
    ),
)
