"""Depth and duration of the falls of equity below its peak."""

import math

import numpy as np

from adapters.metrics.entry import DRAWDOWN
from adapters.metrics.measured import DAY_S, Measured, average


@DRAWDOWN(
    "Maximum drawdown",
    "percent",
    "low",
    headline="drawdown",
    holding="buy_hold_max_drawdown_pct",
    plain="Worst fall",
)
def max_drawdown_pct(run: Measured) -> float:
    """Largest fall of equity from its running peak, in percent of the peak; the initial capital is the first peak."""
    return run.core_value("max_drawdown_pct")


@DRAWDOWN("Maximum drawdown of buy and hold", "percent")
def buy_hold_max_drawdown_pct(run: Measured) -> float:
    """Largest fall of buying and holding from its running peak; the initial capital is the first peak."""
    return float(run.holding.drawdowns.max()) * 100.0


@DRAWDOWN("Deepest drawdown lasted", "days", "low")
def max_drawdown_days(run: Measured) -> float:
    """Calendar days from the peak before the maximum drawdown until equity is back at it, or to the last bar."""
    return run.days_between(*deepest_span(run))


@DRAWDOWN("Deepest drawdown in bars", "bars", "low")
def max_drawdown_bars(run: Measured) -> float:
    """Duration of the deepest drawdown, counted in bars."""
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
    """Square root of the mean squared drawdown of the bars. Quantstats divides by n - 1."""
    return math.sqrt(average(run.drawdowns[1:] ** 2)) * 100.0
