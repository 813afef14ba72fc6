"""Metrics of a run's trades; of the closed ones unless stated otherwise."""

import math
from itertools import groupby
from statistics import fmean

from adapters.metrics.measured import TRADES, Measured
from adapters.metrics.moments import NoValue, variance


@TRADES("Trades", "count", headline="trades", plain="positions opened")
def num_trades(run: Measured) -> float:
    """Positions opened, the one still open included."""
    return run.core_value("num_trades")


@TRADES("Win rate", "percent", "high", plain="share of trades that won")
def win_rate(run: Measured) -> float:
    """Share of closed trades that made money.

    Closed trades that earned more than their fees / all closed trades.
    """
    return share_won(run.profits)


@TRADES("Average trade return", "percent", "high", signed=True)
def avg_trade_return(run: Measured) -> float:
    """Arithmetic mean of the closed trades' returns, fees included."""
    return mean_of(run, "pnl_pct")


@TRADES("Profit factor", "ratio", "high", plain="won for each 1 lost")
def profit_factor(run: Measured) -> float:
    """Money won for each 1 lost; above 1 the trades earn.

    Money won by the winning / money lost by the losing closed trades.
    """
    lost = -math.fsum(profit for profit in run.profits if profit < 0)
    if lost == 0.0:
        raise NoValue("no losing trades")
    return math.fsum(profit for profit in run.profits if profit > 0) / lost


@TRADES("Expectancy", "money", "high", signed=True)
def expectancy(run: Measured) -> float:
    """Mean profit of a closed trade."""
    return fmean(run.profits)


@TRADES(
    "System quality (SQN)",
    "ratio",
    "high",
    source="Tharp (2008), Definitive Guide to Position Sizing Strategies",
)
def sqn(run: Measured) -> float:
    """Consistency of the trades' profits; above 2 is good.

    sqrt(N) times mean / standard deviation (ddof 1) of the profits of the N closed trades.
    """
    trades = len(run.profits)
    if trades < 2:
        raise NoValue("fewer than two closed trades")
    average, spread = fmean(run.profits), math.sqrt(variance(run.profits))
    if spread <= 1e-12 * abs(average):
        raise NoValue("all trades earned the same")
    return math.sqrt(trades) * average / spread


@TRADES("Open trades", "count")
def open_trades(run: Measured) -> float:
    """Positions still open at the last bar: 0 or 1."""
    return sum(bool(trade["is_open"]) for trade in run.trades)


@TRADES("Largest win", "money", "high", signed=True)
def largest_win(run: Measured) -> float:
    """Profit of the best closed trade, if it won."""
    best = max(run.profits)
    if best <= 0:
        raise NoValue("no winning trades")
    return best


@TRADES("Largest loss", "money", "high", signed=True)
def largest_loss(run: Measured) -> float:
    """Profit, below 0, of the worst closed trade, if it lost."""
    worst = min(run.profits)
    if worst >= 0:
        raise NoValue("no losing trades")
    return worst


@TRADES("Winning streak", "count", "high")
def winning_streak(run: Measured) -> float:
    """Most closed trades in a row that won."""
    return longest_streak([profit > 0 for profit in run.profits])


@TRADES("Losing streak", "count", "low")
def losing_streak(run: Measured) -> float:
    """Most closed trades in a row that did not win."""
    return longest_streak([profit <= 0 for profit in run.profits])


@TRADES("Average holding period", "days")
def avg_holding_days(run: Measured) -> float:
    """Mean calendar days from the entry's bar to the exit's, closed trades."""
    return fmean(
        run.days_between(trade["entry_bar"] + 1, trade["exit_bar"] + 1) for trade in run.closed
    )


@TRADES(
    "Average max loss while open (MAE)",
    "percent",
    "low",
    source="Sweeney (1996), Maximum Adverse Excursion",
)
def avg_mae_pct(run: Measured) -> float:
    """Mean over closed trades of the furthest that the price went against them, in percent of the entry price (MAE)."""
    return mean_of(run, "mae_pct")


@TRADES("Average max gain while open (MFE)", "percent", "high")
def avg_mfe_pct(run: Measured) -> float:
    """Mean over closed trades of the furthest that the price went for them, in percent of the entry price (MFE)."""
    return mean_of(run, "mfe_pct")


@TRADES("Long trades", "count")
def long_trades(run: Measured) -> float:
    """Positions opened long, the one still open included."""
    return count_opened(run, "BUY")


@TRADES("Long win rate", "percent", "high")
def long_win_rate(run: Measured) -> float:
    """Win rate of the closed long trades."""
    return share_won(side_profits(run, "BUY"))


@TRADES("Long profit", "money", "high", signed=True)
def long_profit(run: Measured) -> float:
    """Profit of the closed long trades together."""
    return math.fsum(side_profits(run, "BUY"))


@TRADES("Short trades", "count")
def short_trades(run: Measured) -> float:
    """Positions opened short, the one still open included."""
    return count_opened(run, "SELL")


@TRADES("Short win rate", "percent", "high")
def short_win_rate(run: Measured) -> float:
    """Win rate of the closed short trades."""
    return share_won(side_profits(run, "SELL"))


@TRADES("Short profit", "money", "high", signed=True)
def short_profit(run: Measured) -> float:
    """Profit of the closed short trades together."""
    return math.fsum(side_profits(run, "SELL"))


def share_won(profits: list[float]) -> float:
    """Share of the profits that are above zero, in percent."""
    return sum(profit > 0 for profit in profits) / len(profits) * 100.0


def mean_of(run: Measured, name: str) -> float:
    """Mean of a field of the closed trades."""
    return fmean(trade[name] for trade in run.closed)


def longest_streak(flags: list[bool]) -> int:
    """Largest number of consecutive flags that are set."""
    return max((len(list(each)) for is_set, each in groupby(flags) if is_set), default=0)


def count_opened(run: Measured, side: str) -> int:
    """Count the trades that began with a BUY, or a SELL."""
    return sum(trade["side"] == side for trade in run.trades)


def side_profits(run: Measured, side: str) -> list[float]:
    """Profits of the closed trades that began with a BUY, or a SELL; NoValue when there are none."""
    profits = [
        float(trade["pnl_abs"])
        for trade in run.trades
        if not trade["is_open"] and trade["side"] == side
    ]
    if not profits:
        raise NoValue(f"no closed {'long' if side == 'BUY' else 'short'} trades")
    return profits
