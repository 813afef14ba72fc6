"""Risk and drawdowns of a run: how unevenly its return came about."""

import math

import numpy as np

from adapters.metrics.measured import DAY_S, DRAWDOWN, RISK, Measured
from adapters.metrics.moments import (
    ROUNDING_NOISE,
    NoValue,
    average,
    deviation,
    kurtosis_of,
    skewness_of,
    spread,
)
from adapters.metrics.returns import cagr

TAIL = 0.05  # share of the bars, on either side


@RISK(
    "Sharpe ratio",
    "ratio",
    "high",
    headline="sharpe",
    holding="buy_hold_sharpe_ratio",
    plain="return per unit of volatility",
    source="Sharpe (1994), Journal of Portfolio Management 21(1)",
)
def sharpe_ratio(run: Measured) -> float:
    """Return per unit of volatility; above 1 is good.

    Mean / standard deviation (ddof 1) of the bars' returns above the risk-free ones, times sqrt(P). The yearly
    risk-free rate r of the request, 0 by default, is (1 + r) ^ (1 / P) - 1 per bar.
    """
    return measured_sharpe(run) if run.risk_free_rate else run.core_value("sharpe_ratio")


@RISK("Buy & hold Sharpe ratio", "ratio")
def buy_hold_sharpe_ratio(run: Measured) -> float:
    """Sharpe ratio of buying and holding, costs paid, from the same capital on the same bars."""
    return measured_sharpe(run.holding)


def measured_sharpe(run: Measured) -> float:
    """Mean excess return over the deviation of returns, annualised."""
    return average(run.excess_returns) / spread(run.returns) * math.sqrt(run.periods_per_year)


@RISK(
    "Sortino ratio", "ratio", "high", source="Sortino & Price (1994), Journal of Investing 3(3)"
)
def sortino_ratio(run: Measured) -> float:
    """Return per unit of downside volatility: like the Sharpe ratio, but only losses count as risk.

    Mean excess return e times P, over sqrt(mean of min(e, 0) squared) times sqrt(P); e is a bar's return above the
    risk-free one.
    """
    losses = run.excess_returns.clip(max=0.0)
    downside = math.sqrt(average(losses * losses))
    if downside <= ROUNDING_NOISE:
        raise NoValue("no bar with a loss")
    return average(run.excess_returns) / downside * math.sqrt(run.periods_per_year)


@RISK("Calmar ratio", "ratio", "high", source="Young (1991), Futures 20(1)")
def calmar_ratio(run: Measured) -> float:
    """Annual return per unit of max drawdown.

    Annual return / max drawdown.
    """
    drawdown_pct = float(run.drawdowns.max()) * 100.0
    if drawdown_pct == 0.0:
        raise NoValue("no drawdown")
    return cagr(run) / drawdown_pct


@RISK("Volatility", "percent", "low")
def volatility(run: Measured) -> float:
    """Yearly fluctuation of returns.

    Standard deviation (ddof 1) of the bars' returns, times sqrt(P).
    """
    return deviation(run.returns) * math.sqrt(run.periods_per_year) * 100.0


@RISK("Value at risk (95%)", "percent", "high", signed=True)
def var_95_pct(run: Measured) -> float:
    """The 5th percentile of the bars' returns: one bar in twenty was worse."""
    return quantile(run, TAIL) * 100.0


@RISK("Expected shortfall (95%)", "percent", "high", signed=True)
def cvar_95_pct(run: Measured) -> float:
    """Mean of the lowest 5% of the bars' returns (CVaR)."""
    return average(run.ordered_returns[: int((run.bars - 1) * TAIL) + 1]) * 100.0


@RISK("Skewness", "ratio", "high")
def skewness(run: Measured) -> float:
    """Symmetry of returns: below 0 when losses reach further than gains.

    Adjusted Fisher-Pearson skewness of the bars' returns.
    """
    return skewness_of(run.returns)


@RISK("Excess kurtosis", "ratio")
def kurtosis(run: Measured) -> float:
    """Fat tails: above 0 when extreme returns are more frequent than in a normal distribution.

    Unbiased excess kurtosis of the bars' returns.
    """
    return kurtosis_of(run.returns)


@RISK("Tail ratio", "ratio", "high")
def tail_ratio(run: Measured) -> float:
    """Large gains compared with large losses: above 1 when gains are larger.

    The 95th percentile of the bars' returns over the 5th, both without sign.
    """
    lowest = abs(quantile(run, TAIL))
    if lowest == 0.0:
        raise NoValue("the 5th percentile of the returns is zero")
    return abs(quantile(run, 1.0 - TAIL)) / lowest


@RISK("Time in market", "percent", plain="share of bars with a position")
def exposure_pct(run: Measured) -> float:
    """Share of the bars at whose close any position is open, long or short."""
    return run.bars_held / run.bars * 100.0


@RISK("Return per time in market", "percent", "high", signed=True)
def exposure_adjusted_return(run: Measured) -> float:
    """Annual return for the time with a position.

    Annual return / share of the bars with a position.
    """
    if run.bars_held == 0:
        raise NoValue("never invested")
    return cagr(run) / (run.bars_held / run.bars)


@RISK("Bars per year", "count")
def bars_per_year(run: Measured) -> float:
    """Bars in a year, by which ratios are annualised (P).

    P: sessions per year (the nearest of 252, 260, 365) times the median of bars per session; the count of bars where
    none of the three is near, and of a portfolio whose calendar no leg has whole.
    """
    return run.periods_per_year


def quantile(run: Measured, share: float) -> float:
    """Return below which that share of the bars lie, interpolated linearly between two of them."""
    ordered, place = run.ordered_returns, (run.bars - 1) * share
    low = int(place)
    high = min(low + 1, run.bars - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


@DRAWDOWN(
    "Max drawdown",
    "percent",
    "low",
    headline="drawdown",
    holding="buy_hold_max_drawdown_pct",
    plain="largest fall from a peak",
)
def max_drawdown_pct(run: Measured) -> float:
    """Largest fall of equity from its running peak, in percent of the peak; the initial capital is the first peak."""
    return run.core_value("max_drawdown_pct")


@DRAWDOWN("Buy & hold max drawdown", "percent")
def buy_hold_max_drawdown_pct(run: Measured) -> float:
    """Largest fall of buying and holding from its running peak; the initial capital is the first peak."""
    return float(run.holding.drawdowns.max()) * 100.0


@DRAWDOWN("Max drawdown duration", "days", "low")
def max_drawdown_days(run: Measured) -> float:
    """Calendar days from the peak before the maximum drawdown until equity is back at it, or to the last bar."""
    return run.days_between(*deepest_span(run))


@DRAWDOWN("Max drawdown duration (bars)", "bars", "low")
def max_drawdown_bars(run: Measured) -> float:
    """Bars from the peak before the maximum drawdown until equity is back at it, or to the last bar."""
    peak, recovery = deepest_span(run)
    return recovery - peak


def deepest_span(run: Measured) -> list[int]:
    """Positions in the path of the peak before the maximum drawdown and of its recovery, or the last; equal if none."""
    bottom = run.drawdowns.argmax()
    return next((fall for fall in run.falls if fall[0] < bottom <= fall[1]), [0, 0])


@DRAWDOWN("Longest drawdown", "days", "low")
def longest_drawdown_days(run: Measured) -> float:
    """Calendar days of the longest stretch from a peak until equity is back at it, or to the last bar; it need not be
    the deepest.
    """
    return int(np.diff(run.seconds[run.falls]).max(initial=0)) / DAY_S


@DRAWDOWN("Time under water", "percent", "low")
def time_under_water_pct(run: Measured) -> float:
    """Share of the bars at whose close equity is below an earlier peak."""
    return int((run.drawdowns[1:] > 0.0).sum()) / run.bars * 100.0


@DRAWDOWN(
    "Ulcer index",
    "percent",
    "low",
    source="Martin & McCann (1989), The Investor's Guide to Fidelity Funds",
)
def ulcer_index(run: Measured) -> float:
    """Depth and duration of drawdowns in one number.

    Square root of the mean squared drawdown of the bars. Quantstats divides by n - 1.
    """
    return math.sqrt(average(run.drawdowns[1:] ** 2)) * 100.0
