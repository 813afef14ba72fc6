"""Every metric of a run in words: name, unit, formula; standard library only, so that pages can explain them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a run.

    unit: percent, ratio, money, days, bars or count. formula: the definition in one sentence. better: whether a
    reader would rather have it high or low; None where neither is better.
    """

    name: str
    title: str
    unit: Literal["percent", "ratio", "money", "days", "bars", "count"]
    formula: str
    better: Literal["high", "low"] | None


# n is the number of bars, P the bars in a year (252 for daily ones); a bar's return is its equity / the one before - 1.
METRICS: tuple[Metric, ...] = (
    Metric("total_return_pct", "Total return", "percent", "Final equity / initial capital - 1.", "high"),
    Metric(
        "cagr",
        "Annual growth (CAGR)",
        "percent",
        "(1 + total return) ^ (P / n) - 1: the yearly growth that gives the total return; n bars, P bars in a year.",
        "high",
    ),
    Metric(
        "volatility", "Volatility", "percent", "Standard deviation (ddof 1) of the bars' returns, times sqrt(P).", "low"
    ),
    Metric(
        "sharpe_ratio",
        "Sharpe ratio",
        "ratio",
        "Mean / standard deviation (ddof 1) of the bars' returns, times sqrt(P); risk-free rate 0.",
        "high",
    ),
    Metric(
        "sortino_ratio",
        "Sortino ratio",
        "ratio",
        "Mean return times P, over sqrt(mean of min(return, 0) squared) times sqrt(P); target 0.",
        "high",
    ),
    Metric("calmar_ratio", "Calmar ratio", "ratio", "Annual growth / maximum drawdown.", "high"),
    Metric(
        "max_drawdown_pct",
        "Maximum drawdown",
        "percent",
        "Largest fall of equity from its running peak, in percent of the peak; the initial capital is the first peak.",
        "low",
    ),
    Metric(
        "max_drawdown_days",
        "Drawdown duration",
        "days",
        "Calendar days from the peak before the maximum drawdown until equity is back at it, or to the last bar.",
        "low",
    ),
    Metric("max_drawdown_bars", "Drawdown duration", "bars", "The same duration, counted in bars.", "low"),
    Metric(
        "buy_hold_return_pct",
        "Buy and hold",
        "percent",
        "All capital at the first traded close, fee paid, in fractions of shares, marked to the last close.",
        None,
    ),
    Metric("exposure_pct", "Exposure", "percent", "Share of the bars at whose close a position is held.", None),
    Metric("num_trades", "Trades", "count", "Positions opened, the one still open included.", None),
    Metric("open_trades", "Open trades", "count", "Positions still open at the last bar: 0 or 1.", None),
    Metric(
        "win_rate", "Win rate", "percent", "Closed trades that earned more than their fees / all closed trades.", "high"
    ),
    Metric(
        "avg_trade_return",
        "Average trade",
        "percent",
        "Arithmetic mean of the closed trades' returns, fees included.",
        "high",
    ),
    Metric(
        "profit_factor",
        "Profit factor",
        "ratio",
        "Money won by the winning / money lost by the losing closed trades.",
        "high",
    ),
    Metric("expectancy", "Expectancy", "money", "Mean profit of a closed trade.", "high"),
    Metric(
        "sqn",
        "System quality (SQN)",
        "ratio",
        "sqrt(N) times mean / standard deviation (ddof 1) of the profits of the N closed trades.",
        "high",
    ),
    Metric("final_equity", "Final equity", "money", "Cash and position at the last close.", "high"),
    Metric("rejected_orders", "Rejected orders", "count", "Opening orders that could not buy a single share.", "low"),
)

METRICS_BY_NAME = {metric.name: metric for metric in METRICS}
METRIC_NAMES = tuple(METRICS_BY_NAME)
