"""How evenly a run earned it."""

import math

from adapters.metrics.entry import Metric
from adapters.metrics.measured import STEADY, Array, Measured, NoValue, deviation, total
from adapters.metrics.returns import cagr

TAIL = 0.05  # of the bars, on either side
ROUNDING_NOISE = 1e-15  # standard deviation of returns; E1/E0 - 1 near 0 is itself only exact to about 2e-16


def sharpe_ratio(run: Measured) -> float:
    """The engine's own at a risk-free rate of 0, else that of the returns above it."""
    if run.risk_free_rate == 0.0:
        return run.core_value("sharpe_ratio")
    return measured_sharpe(run)


def measured_sharpe(run: Measured) -> float:
    """Mean excess return over the deviation of returns, annualised."""
    return total(run.excess_returns) / run.bars / spread(run.returns) * math.sqrt(run.periods_per_year)


def sortino_ratio(run: Measured) -> float:
    """Mean excess return over downside deviation, annualised; the deviation is over all bars."""
    losses = run.excess_returns.clip(max=0.0)
    downside = math.sqrt(total(losses * losses) / run.bars)
    if downside <= ROUNDING_NOISE:
        raise NoValue("no bar with a loss")
    return total(run.excess_returns) / run.bars / downside * math.sqrt(run.periods_per_year)


def calmar_ratio(run: Measured) -> float:
    """Yearly growth over maximum drawdown, both in percent."""
    drawdown_pct = float(run.drawdowns.max()) * 100.0
    if drawdown_pct == 0.0:
        raise NoValue("no drawdown")
    return cagr(run) / drawdown_pct


def exposure_adjusted_return(run: Measured) -> float:
    """Yearly growth over the share of bars with a position, in percent."""
    if run.bars_held == 0:
        raise NoValue("never invested")
    return cagr(run) / (run.bars_held / run.bars)


def spread(returns: Array) -> float:
    """Standard deviation of returns; NoValue when it is no more than rounding."""
    found = deviation(returns)
    if found <= ROUNDING_NOISE:
        raise NoValue(STEADY)
    return found


def moment(returns: Array, power: int) -> float:
    """Sum of the returns' distances to their mean, to a power."""
    spread(returns)
    centred = powers = returns - total(returns) / len(returns)
    for _ in range(power - 1):  # a product is the same on every CPU, a power need not be
        powers = powers * centred
    return total(powers)


def skewness(returns: Array) -> float:
    """Adjusted Fisher-Pearson skewness, as pandas has it."""
    n = len(returns)
    if n < 3:
        raise NoValue("fewer than three returns")
    return n * math.sqrt(n - 1) / (n - 2) * moment(returns, 3) / math.pow(moment(returns, 2), 1.5)


def kurtosis(returns: Array) -> float:
    """Excess kurtosis without bias, as pandas has it: 0 for a normal distribution."""
    n = len(returns)
    if n < 4:
        raise NoValue("fewer than four returns")
    scale = (n - 1) / ((n - 2) * (n - 3))
    return scale * (n * (n + 1) * moment(returns, 4) / moment(returns, 2) ** 2 - 3 * (n - 1))


def quantile(run: Measured, share: float) -> float:
    """The return below which that share of the bars lie, between two of them by their distances."""
    ordered, place = run.ordered_returns, (run.bars - 1) * share
    low = int(place)
    high = min(low + 1, run.bars - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


def cvar(run: Measured) -> float:
    """Mean of the returns up to the value at risk, in percent."""
    tail = run.ordered_returns[: int((run.bars - 1) * TAIL) + 1]
    return total(tail) / len(tail) * 100.0


def tail_ratio(run: Measured) -> float:
    """The 95th percentile of the returns over the 5th, without signs."""
    lowest = abs(quantile(run, TAIL))
    if lowest == 0.0:
        raise NoValue("the 5th percentile of the returns is zero")
    return abs(quantile(run, 1.0 - TAIL)) / lowest


METRICS = (
    Metric(
        name="sharpe_ratio",
        title="Sharpe ratio",
        unit="ratio",
        section="Risk",
        compute=sharpe_ratio,
        formula="Mean / standard deviation (ddof 1) of the bars' returns above the risk-free ones, times sqrt(P). The "
        "yearly risk-free rate r of the request, 0 by default, is (1 + r) ^ (1 / P) - 1 per bar.",
        better="high",
        headline="sharpe",
        holding="buy_hold_sharpe_ratio",
        source="Sharpe (1994), Journal of Portfolio Management 21(1)",
    ),
    Metric(
        name="buy_hold_sharpe_ratio",
        title="Sharpe ratio of buy and hold",
        unit="ratio",
        section="Risk",
        compute=lambda run: measured_sharpe(run.holding),
        formula="The Sharpe ratio of buying and holding, costs paid, from the same capital on the same bars.",
    ),
    Metric(
        name="sortino_ratio",
        title="Sortino ratio",
        unit="ratio",
        section="Risk",
        compute=sortino_ratio,
        formula="Mean excess return e times P, over sqrt(mean of min(e, 0) squared) times sqrt(P); e is a bar's return "
        "above the risk-free one.",
        better="high",
        source="Sortino & Price (1994), Journal of Investing 3(3)",
    ),
    Metric(
        name="calmar_ratio",
        title="Calmar ratio",
        unit="ratio",
        section="Risk",
        compute=calmar_ratio,
        formula="Annual growth / maximum drawdown.",
        better="high",
        source="Young (1991), Futures 20(1)",
    ),
    Metric(
        name="volatility",
        title="Volatility",
        unit="percent",
        section="Risk",
        compute=lambda run: deviation(run.returns) * math.sqrt(run.periods_per_year) * 100.0,
        formula="Standard deviation (ddof 1) of the bars' returns, times sqrt(P).",
        better="low",
    ),
    Metric(
        name="var_95_pct",
        title="Value at risk, 95%",
        unit="percent",
        section="Risk",
        compute=lambda run: quantile(run, TAIL) * 100.0,
        formula="The 5th percentile of the bars' returns: one bar in twenty was worse.",
        better="high",
        signed=True,
    ),
    Metric(
        name="cvar_95_pct",
        title="Expected shortfall, 95%",
        unit="percent",
        section="Risk",
        compute=cvar,
        formula="Mean of the lowest 5% of the bars' returns (CVaR).",
        better="high",
        signed=True,
    ),
    Metric(
        name="skewness",
        title="Skewness",
        unit="ratio",
        section="Risk",
        compute=lambda run: skewness(run.returns),
        formula="Of the bars' returns, adjusted Fisher-Pearson: below 0 when losses reach further than gains.",
        better="high",
    ),
    Metric(
        name="kurtosis",
        title="Excess kurtosis",
        unit="ratio",
        section="Risk",
        compute=lambda run: kurtosis(run.returns),
        formula="Of the bars' returns, without bias: above 0 when extremes are more frequent than in a normal "
        "distribution.",
    ),
    Metric(
        name="tail_ratio",
        title="Tail ratio",
        unit="ratio",
        section="Risk",
        compute=tail_ratio,
        formula="The 95th percentile of the bars' returns over the 5th, both without sign.",
        better="high",
    ),
    Metric(
        name="exposure_pct",
        title="Exposure",
        unit="percent",
        section="Risk",
        compute=lambda run: run.bars_held / run.bars * 100.0,
        formula="Share of the bars at whose close a position is held.",
    ),
    Metric(
        name="exposure_adjusted_return",
        title="Growth per exposure",
        unit="percent",
        section="Risk",
        compute=exposure_adjusted_return,
        formula="Annual growth / share of the bars with a position.",
        better="high",
        signed=True,
    ),
    Metric(
        name="bars_per_year",
        title="Bars per year",
        unit="count",
        section="Risk",
        compute=lambda run: run.periods_per_year,
        formula="P: sessions per year (the nearest of 252, 260, 365) times the median of bars per session; the count of"
        " bars where none of the three is near.",
    ),
)
