"""Evidence of a Sharpe ratio, given the number of returns and of trials. Standard library only.

Sharpe ratios here are per bar, not annualised; kurtosis is 3 for a normal distribution. NoValue with the reason is
raised for a number that would be meaningless.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

from adapters.metrics.measured import NoValue, variance
from contracts.values import Json, frozen

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
