"""How the trades of a run went; those that have ended, unless it says otherwise."""

import math
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from adapters.metrics.entry import Metric
from adapters.metrics.measured import Measured, NoValue, mean


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


def extreme(run: Measured, choose: Callable[[list[float]], float], sign: int) -> float:
    """The highest or the lowest profit, if it has that sign."""
    found = choose(run.profits)
    if found * sign <= 0:
        raise NoValue("no winning trades" if sign > 0 else "no losing trades")
    return found


def longest_streak(flags: list[bool]) -> int:
    """The most flags in a row that are set."""
    return max((len(list(each)) for is_set, each in groupby(flags) if is_set), default=0)


def side_profits(run: Measured, side: str) -> list[float]:
    """Profits of the closed trades of one side; NoValue when there are none."""
    profits = [float(trade["pnl_abs"]) for trade in run.trades if not trade["is_open"] and is_side(trade, side)]
    if not profits:
        raise NoValue(f"no closed {side} trades")
    return profits


def is_side(trade: Mapping[str, Any], side: str) -> bool:
    """Whether a trade is long, or short."""
    return bool(trade["side"] == ("BUY" if side == "long" else "SELL"))


def side_metrics(side: str) -> tuple[Metric, ...]:
    """Trades, win rate and profit of one side."""
    return (
        Metric(
            name=f"{side}_trades",
            title=f"{side.capitalize()} trades",
            unit="count",
            section="Trades",
            compute=lambda run: sum(is_side(trade, side) for trade in run.trades),
            formula=f"Positions opened {side}, the one still open included.",
        ),
        Metric(
            name=f"{side}_win_rate",
            title=f"{side.capitalize()} win rate",
            unit="percent",
            section="Trades",
            compute=lambda run: share_won(side_profits(run, side)),
            formula=f"Win rate of the closed {side} trades.",
            better="high",
        ),
        Metric(
            name=f"{side}_profit",
            title=f"{side.capitalize()} profit",
            unit="money",
            section="Trades",
            compute=lambda run: math.fsum(side_profits(run, side)),
            formula=f"Profit of the closed {side} trades together.",
            better="high",
            signed=True,
        ),
    )


def share_won(profits: list[float]) -> float:
    """How many of these are above zero, in percent."""
    return sum(profit > 0 for profit in profits) / len(profits) * 100.0


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
        compute=lambda run: share_won(run.profits),
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
        name="largest_win",
        title="Largest win",
        unit="money",
        section="Trades",
        compute=lambda run: extreme(run, max, 1),
        formula="Profit of the best closed trade, if it won.",
        better="high",
        signed=True,
    ),
    Metric(
        name="largest_loss",
        title="Largest loss",
        unit="money",
        section="Trades",
        compute=lambda run: extreme(run, min, -1),
        formula="Profit, below 0, of the worst closed trade, if it lost.",
        better="high",
        signed=True,
    ),
    Metric(
        name="winning_streak",
        title="Winning streak",
        unit="count",
        section="Trades",
        compute=lambda run: longest_streak([profit > 0 for profit in run.profits]),
        formula="Most closed trades in a row that won.",
        better="high",
    ),
    Metric(
        name="losing_streak",
        title="Losing streak",
        unit="count",
        section="Trades",
        compute=lambda run: longest_streak([profit <= 0 for profit in run.profits]),
        formula="Most closed trades in a row that did not win.",
        better="low",
    ),
    Metric(
        name="avg_holding_days",
        title="Average holding",
        unit="days",
        section="Trades",
        compute=lambda run: mean([run.days_between(t["entry_bar"] + 1, t["exit_bar"] + 1) for t in run.closed]),
        formula="Mean calendar days from the entry's bar to the exit's, closed trades.",
    ),
    Metric(
        name="avg_mae_pct",
        title="Average adverse excursion",
        unit="percent",
        section="Trades",
        compute=lambda run: mean([trade["mae_pct"] for trade in run.closed]),
        formula="Mean over closed trades of the furthest that the price went against them, in percent of the entry "
        "price (MAE).",
        better="low",
        source="Sweeney (1996), Maximum Adverse Excursion",
    ),
    Metric(
        name="avg_mfe_pct",
        title="Average favourable excursion",
        unit="percent",
        section="Trades",
        compute=lambda run: mean([trade["mfe_pct"] for trade in run.closed]),
        formula="Mean over closed trades of the furthest that the price went for them, in percent of the entry price "
        "(MFE).",
        better="high",
    ),
    *(metric for side in ("long", "short") for metric in side_metrics(side)),
)
