"""How the trades of a run went; those that have ended, unless it says otherwise."""

import math

from adapters.results.measured import Measured, NoValue, mean
from adapters.results.metrics.entry import Metric


def profit_factor(run: Measured) -> float:
    """Money won over money lost."""
    lost = -math.fsum(profit for profit in run.profits if profit < 0)
    if lost == 0.0:
        raise NoValue("no losing trades")
    return math.fsum(profit for profit in run.profits if profit > 0) / lost


def sqn(run: Measured) -> float:
    """Mean over standard deviation of the profits, times the square root of their number."""
    trades = len(run.profits)
    if trades < 2:
        raise NoValue("fewer than two closed trades")
    average = mean(run.profits)
    spread = math.sqrt(math.fsum((profit - average) ** 2 for profit in run.profits) / (trades - 1))
    if spread <= 1e-12 * abs(average):
        raise NoValue("all trades earned the same")
    return math.sqrt(trades) * average / spread


METRICS = (
    Metric(
        name="num_trades",
        title="Trades",
        unit="count",
        section="Trades",
        compute=lambda run: run.core_value("num_trades"),
        formula="Positions opened, the one still open included.",
        headline="trades",
    ),
    Metric(
        name="win_rate",
        title="Win rate",
        unit="percent",
        section="Trades",
        compute=lambda run: sum(profit > 0 for profit in run.profits) / len(run.profits) * 100.0,
        formula="Closed trades that earned more than their fees / all closed trades.",
        better="high",
    ),
    Metric(
        name="avg_trade_return",
        title="Average trade",
        unit="percent",
        section="Trades",
        compute=lambda run: mean([float(trade["pnl_pct"]) for trade in run.closed]),
        formula="Arithmetic mean of the closed trades' returns, fees included.",
        better="high",
        signed=True,
    ),
    Metric(
        name="profit_factor",
        title="Profit factor",
        unit="ratio",
        section="Trades",
        compute=profit_factor,
        formula="Money won by the winning / money lost by the losing closed trades.",
        better="high",
    ),
    Metric(
        name="expectancy",
        title="Expectancy",
        unit="money",
        section="Trades",
        compute=lambda run: mean(run.profits),
        formula="Mean profit of a closed trade.",
        better="high",
        signed=True,
    ),
    Metric(
        name="sqn",
        title="System quality (SQN)",
        unit="ratio",
        section="Trades",
        compute=sqn,
        formula="sqrt(N) times mean / standard deviation (ddof 1) of the profits of the N closed trades.",
        better="high",
        source="Tharp (2008), Definitive Guide to Position Sizing Strategies",
    ),
    Metric(
        name="open_trades",
        title="Open trades",
        unit="count",
        section="Trades",
        compute=lambda run: sum(trade["is_open"] for trade in run.trades),
        formula="Positions still open at the last bar: 0 or 1.",
    ),
    Metric(
        name="rejected_orders",
        title="Rejected orders",
        unit="count",
        section="Trades",
        compute=lambda run: run.rejected_orders,
        formula="Opening orders that could not buy a single share.",
        better="low",
    ),
)
