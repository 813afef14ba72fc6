"""How evenly a run earned it."""

import math

from adapters.results.measured import Measured, NoValue, deviation, total
from adapters.results.metrics.entry import Metric
from adapters.results.metrics.returns import cagr

ROUNDING_NOISE = 1e-15  # standard deviation of returns; E1/E0 - 1 near 0 is itself only exact to about 2e-16


def sortino_ratio(run: Measured) -> float:
    """Mean return over downside deviation, annualised; the target is 0 and the deviation is over all bars."""
    losses = run.returns.clip(max=0.0)
    downside = math.sqrt(total(losses * losses) / run.bars)
    if downside <= ROUNDING_NOISE:
        raise NoValue("no bar with a loss")
    return total(run.returns) / run.bars / downside * math.sqrt(run.periods_per_year)


def calmar_ratio(run: Measured) -> float:
    """Yearly growth over maximum drawdown, both in percent."""
    drawdown_pct = float(run.drawdowns.max()) * 100.0
    if drawdown_pct == 0.0:
        raise NoValue("no drawdown")
    return cagr(run) / drawdown_pct


METRICS = (
    Metric(
        name="sharpe_ratio",
        title="Sharpe ratio",
        unit="ratio",
        section="Risk",
        compute=lambda run: run.core_value("sharpe_ratio"),
        formula="Mean / standard deviation (ddof 1) of the bars' returns, times sqrt(P); risk-free rate 0.",
        better="high",
        headline="sharpe",
        source="Sharpe (1994), Journal of Portfolio Management 21(1)",
    ),
    Metric(
        name="sortino_ratio",
        title="Sortino ratio",
        unit="ratio",
        section="Risk",
        compute=sortino_ratio,
        formula="Mean return times P, over sqrt(mean of min(return, 0) squared) times sqrt(P); target 0.",
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
        name="exposure_pct",
        title="Exposure",
        unit="percent",
        section="Risk",
        compute=lambda run: run.bars_held / run.bars * 100.0,
        formula="Share of the bars at whose close a position is held.",
    ),
    Metric(
        name="bars_per_year",
        title="Bars per year",
        unit="count",
        section="Risk",
        compute=lambda run: run.periods_per_year,
        formula="P: sessions per year (the nearest of 252, 260, 365) times the median of bars per session.",
    ),
)
