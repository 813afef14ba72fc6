"""Sums and moments of returns, equal on every CPU, and the evidence of a Sharpe ratio, given returns and trials.

Sharpe ratios here are per bar, not annualised; kurtosis is 3 for a normal distribution. NoValue with the reason is
raised for a number that would be meaningless.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist, fmean
from typing import Any

import numpy as np

from contracts.values import Json, frozen

Array = np.ndarray[Any, np.dtype[Any]]


LEAST_PAIRS = 30  # returns of run and benchmark; with fewer their relation is chance


TOO_FEW_BARS = "fewer than two returns"


RUINED = "equity fell to zero or below"


STEADY = "equity did not vary"


NO_CLOSED_TRADES = "no closed trades"


SAME_SHARE = "the position never changed size"


class NoValue(Exception):
    """Metric that does not exist for this run; the text gives the reason."""


def simple_returns(values: Array) -> Array:
    """(values - 1,) change of each value from the one before, as a fraction of that."""
    returns: Array = values[1:] / values[:-1] - 1.0
    return returns


def bar_rate(yearly_rate: float, periods_per_year: float) -> float:
    """The return of one bar that compounds to a yearly rate; both are fractions."""
    rate: float = (1.0 + yearly_rate) ** (1.0 / periods_per_year) - 1.0
    return rate


def total(values: Array) -> float:
    """Sum of an array in its order; numpy's own sum depends on the CPU."""
    return float(values.cumsum()[-1])


def average(values: Array) -> float:
    """Arithmetic mean of an array, summed in its order."""
    return total(values) / len(values)


def centred(values: Array) -> Array:
    """Differences of an array from its mean."""
    return values - average(values)


def deviation(values: Array) -> float:
    """Standard deviation (ddof 1) of an array; NoValue for fewer than two values."""
    if len(values) < 2:
        raise NoValue(TOO_FEW_BARS)
    distances = centred(values)
    return math.sqrt(total(distances * distances) / (len(values) - 1))


def variance(values: Sequence[float]) -> float:
    """Variance (ddof 1) of at least two values, the same on every CPU."""
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


# standard deviation of returns; E1/E0 - 1 near 0 is itself only exact to about 2e-16
ROUNDING_NOISE = 1e-15


def spread(returns: Array) -> float:
    """Standard deviation of returns; NoValue when it is no more than rounding."""
    value = deviation(returns)
    if value <= ROUNDING_NOISE:
        raise NoValue(STEADY)
    return value


def skewness_of(returns: Array) -> float:
    """Adjusted Fisher-Pearson skewness, equal to that of pandas."""
    if len(returns) < 3:
        raise NoValue("fewer than three returns")
    n, distances, squares = _moments(returns)
    return (
        n
        * math.sqrt(n - 1)
        / (n - 2)
        * total(squares * distances)
        / math.pow(total(squares), 1.5)
    )


def kurtosis_of(returns: Array) -> float:
    """Unbiased excess kurtosis, equal to that of pandas: 0 for a normal distribution."""
    if len(returns) < 4:
        raise NoValue("fewer than four returns")
    n, distances, squares = _moments(returns)
    scale = (n - 1) / ((n - 2) * (n - 3))
    return scale * (
        n * (n + 1) * total(squares * distances * distances) / total(squares) ** 2 - 3 * (n - 1)
    )


def _moments(returns: Array) -> tuple[int, Array, Array]:
    """Number of returns, their differences from the mean, and the squares of these; NoValue when they do not vary."""
    spread(returns)
    distances = centred(returns)
    # a product is the same on every CPU, a power need not be
    return len(returns), distances, distances * distances


# with fewer, the estimate's distribution is not the one that the formulas assume
LEAST_RETURNS = 30
CONFIDENCE = 0.95  # a result from this probability on counts as more than luck
SIGNIFICANCE = 0.05  # below which a p-value is; 1 - CONFIDENCE is a little more in binary
EULER_GAMMA = 0.5772156649015329

_NORMAL = NormalDist()


@frozen
class MeasuredSharpe:
    """A Sharpe ratio per bar of so many returns, whose skewness and kurtosis decide how sure it is."""

    sharpe: float
    returns: int
    skewness: float
    kurtosis: float


Statistic = Callable[[MeasuredSharpe, float], float]  # of a ratio and what it is compared with


def probabilistic_sharpe(measured: MeasuredSharpe, benchmark: float = 0.0) -> float:
    """Probability, 0 to 1, that the true Sharpe ratio is above `benchmark`.

    Bailey & López de Prado (2012), The Sharpe Ratio Efficient Frontier, Journal of Risk 15(2), equation 11.
    """
    if measured.returns < LEAST_RETURNS:
        raise NoValue(f"fewer than {LEAST_RETURNS} returns")
    distance = (measured.sharpe - benchmark) * math.sqrt(measured.returns - 1)
    return _NORMAL.cdf(distance / math.sqrt(_spread(measured)))


def luck_sharpe(variance: float, trials: int) -> float:
    """The highest Sharpe ratio that is expected of so many trials without skill; 0 for one.

    variance: of the Sharpe ratios of the trials. They are taken for independent, so that correlated ones are
    judged too strictly. Bailey & López de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management
    40(5).
    """
    if trials == 1:
        return 0.0
    one = _NORMAL.inv_cdf(1 - 1 / trials)
    other = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER_GAMMA) * one + EULER_GAMMA * other)


def sharpe_variance(ratios: Sequence[float]) -> float | None:
    """Variance (ddof 1) of the Sharpe ratios of trials; None for fewer than two."""
    return variance(ratios) if len(ratios) > 1 else None


def least_track_record(measured: MeasuredSharpe, benchmark: float = 0.0) -> float:
    """Number of returns after which this Sharpe ratio is above `benchmark` with CONFIDENCE.

    Bailey & López de Prado (2012), equation 13.
    """
    if measured.sharpe <= benchmark:
        raise NoValue("the Sharpe ratio is not above what it is compared with")
    return (
        1 + _spread(measured) * (_NORMAL.inv_cdf(CONFIDENCE) / (measured.sharpe - benchmark)) ** 2
    )


def timing_probability(measured: MeasuredSharpe, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio of timing is above `benchmark`: Student's t of its excess returns.

    Unlike in `probabilistic_sharpe`, skewness never makes a ratio surer. Of a rule that trades rarely a few lucky bars
    make both the mean and the skewness, and rules that buy falls would hold in 6 to 9% of test parts under 150 bars.
    """
    if measured.returns < LEAST_RETURNS:
        raise NoValue(f"fewer than {LEAST_RETURNS} returns")
    distance = (measured.sharpe - benchmark) * math.sqrt(measured.returns)
    return student_cdf(distance / math.sqrt(_timing_spread(measured)), measured.returns - 1)


def least_timing_record(measured: MeasuredSharpe, benchmark: float = 0.0) -> float:
    """Number of returns after which `timing_probability` is CONFIDENCE; within one return from LEAST_RETURNS on."""
    if measured.sharpe <= benchmark:
        raise NoValue("the Sharpe ratio is not above what it is compared with")
    normal = _NORMAL.inv_cdf(CONFIDENCE)
    least = _timing_spread(measured) * (normal / (measured.sharpe - benchmark)) ** 2
    return least + (normal**2 + 1) / 2  # difference of Student's quantile from the normal one


def _timing_spread(measured: MeasuredSharpe) -> float:
    """Variance of the ratio times the number of returns; a skewness of the ratio's sign leaves it at 1."""
    return 1 - min(measured.skewness * measured.sharpe, 0.0)


def student_cdf(value: float, freedom: int) -> float:
    """Student's t distribution, within 2e-5 from 29 degrees of freedom on.

    Wallace (1959), Bounds on Normal Approximations to Student's and the Chi-Square Distributions, Annals of
    Mathematical Statistics 30(4).
    """
    scale = (8 * freedom + 1) / (8 * freedom + 3)
    normal = scale * math.sqrt(freedom * math.log1p(value**2 / freedom))
    return _NORMAL.cdf(math.copysign(normal, value))


def _spread(measured: MeasuredSharpe) -> float:
    """Variance of the estimated Sharpe ratio, times the number of returns less one (Mertens 2002)."""
    spread = (
        1 - measured.skewness * measured.sharpe + (measured.kurtosis - 1) / 4 * measured.sharpe**2
    )
    if spread <= 0:
        raise NoValue("its skewness and kurtosis leave the Sharpe ratio without a variance")
    return spread


def evidence(
    best: MeasuredSharpe, variance: float | None, trials: int, bars_per_year: float
) -> Json:
    """The best of many trials against luck, with all that goes into it; a number that does not exist has its reason.

    variance: of the trials' Sharpe ratios per bar, None for too few; trials: of all. deflated: the probabilistic ratio
    against luck's. sharpe_ratio, luck_sharpe_ratio: annualised.
    """
    return _evidence(
        best, variance, trials, bars_per_year, (probabilistic_sharpe, least_track_record)
    )


def timing_evidence(
    best: MeasuredSharpe, variance: float | None, trials: int, bars_per_year: float
) -> Json:
    """Evidence of Sharpe ratios of timing, with the probabilities of `timing_probability`."""
    return _evidence(
        best, variance, trials, bars_per_year, (timing_probability, least_timing_record)
    )


def _evidence(
    best: MeasuredSharpe,
    variance: float | None,
    trials: int,
    bars_per_year: float,
    statistics: tuple[Statistic, Statistic],
) -> Json:
    probability, least = statistics
    scale = math.sqrt(bars_per_year)
    spread = 0.0 if trials == 1 else variance
    luck = None if spread is None else luck_sharpe(spread, trials)
    values: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    for name, benchmark, compute in (
        ("probabilistic", 0.0, probability),
        ("deflated", luck, probability),
        ("least_returns", 0.0, least),
    ):
        try:
            if benchmark is None:
                raise NoValue("fewer than two trials have a Sharpe ratio")
            values[name] = compute(best, benchmark)
        except NoValue as reason:
            values[name], notes[name] = None, str(reason)
    return {
        "sharpe_ratio": best.sharpe * scale,
        "returns": best.returns,
        "skewness": best.skewness,
        "kurtosis": best.kurtosis,
        "trials": trials,
        "sharpe_variance": spread,
        "luck_sharpe_ratio": None if luck is None else luck * scale,
        **values,
        "notes": notes,
    }
