"""What a Sharpe ratio proves, given how long it was measured and how many were tried. Standard library only.

Sharpe ratios here are per bar, not annualised; kurtosis is 3 for a normal distribution. A number that would mean
nothing raises NoValue with the reason.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from adapters.metrics.measured import NoValue, variance
from contracts.values import Json, frozen

# with fewer, the estimate's distribution is not the one that the formulas assume
LEAST_RETURNS = 30
CONFIDENCE = 0.95  # from which on a result is taken for more than luck
EULER_GAMMA = 0.5772156649015329

_NORMAL = NormalDist()


@frozen
class MeasuredSharpe:
    """A Sharpe ratio per bar of so many returns, whose skewness and kurtosis decide how sure it is."""

    sharpe: float
    returns: int
    skewness: float
    kurtosis: float


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
    """How many returns it takes until this Sharpe ratio is above `benchmark` with CONFIDENCE.

    Bailey & López de Prado (2012), equation 13.
    """
    if measured.sharpe <= benchmark:
        raise NoValue("the Sharpe ratio is not above what it is compared with")
    return (
        1 + _spread(measured) * (_NORMAL.inv_cdf(CONFIDENCE) / (measured.sharpe - benchmark)) ** 2
    )


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
    scale = math.sqrt(bars_per_year)
    spread = 0.0 if trials == 1 else variance
    luck = None if spread is None else luck_sharpe(spread, trials)
    known: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    for name, benchmark, compute in (
        ("probabilistic", 0.0, probabilistic_sharpe),
        ("deflated", luck, probabilistic_sharpe),
        ("least_returns", 0.0, least_track_record),
    ):
        try:
            if benchmark is None:
                raise NoValue("fewer than two trials have a Sharpe ratio")
            known[name] = compute(best, benchmark)
        except NoValue as reason:
            known[name], notes[name] = None, str(reason)
    return {
        "sharpe_ratio": best.sharpe * scale,
        "returns": best.returns,
        "skewness": best.skewness,
        "kurtosis": best.kurtosis,
        "trials": trials,
        "sharpe_variance": spread,
        "luck_sharpe_ratio": None if luck is None else luck * scale,
        **known,
        "notes": notes,
    }
