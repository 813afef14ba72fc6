"""Curves and tables of a run in the form of the contract, from its series."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np

from adapters.money import CENTS, rounded
from adapters.prices.bars import CLOSE_OFFSET_S, DAY_S, Column, Whole, bar_dates, fill_time
from contracts.run_result import (
    Candle,
    PortfolioPoint,
    SignalPoint,
    TradeRow,
)
from contracts.timeframes import BY_DAY, Timeframe
from contracts.values import Json, Values, frozen, picked

DAYS_PER_YEAR = 365


@frozen
class AccountRates:
    """Yearly rates as fractions: fee on the value of shorts, and interest on idle cash; 0 turns each off."""

    borrow_rate: float = 0.0
    cash_rate: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.borrow_rate or self.cash_rate)

    def accrued(self, cash: float, equity: float, days: int) -> tuple[float, float]:
        """Interest earned and borrow fee paid over `days` calendar days, from the account before them.

        A short is worth cash - equity, and that much of the cash is its collateral, so equity is idle; while long or
        flat, cash is. Interest compounds to the yearly rate; the fee is simple. Below zero both are 0.
        """
        if equity < 0.0:
            return 0.0, 0.0
        borrowed, idle = max(cash - equity, 0.0), max(min(cash, equity), 0.0)
        return idle * _growth(
            self.cash_rate, days
        ), borrowed * self.borrow_rate * days / DAYS_PER_YEAR


@lru_cache(maxsize=1024)
def _growth(yearly_rate: float, days: int) -> float:
    """Interest on 1; in decimals, since a power of floats may differ in its last bit on another CPU."""
    return float((1 + Decimal(yearly_rate)) ** (Decimal(days) / DAYS_PER_YEAR) - 1)


DAY = timedelta(days=1)
FILLED_BARS = ("entry_bar", "exit_bar")  # fields of a trade
# decimals of a trade's numbers other than money
DECIMALS = {"pnl_pct": 4, "holding_period": 4}
FEE_DECIMALS = 2  # decimals of fees beyond those of other money


def close_times(times: Whole, timeframe: Timeframe) -> Whole:
    """Times of the bars' closes, which date equity, drawdown, portfolio, signals and trades.

    Candles, and all values of daily bars, keep the bar's own date; values of a weekly bar have its last day's.
    """
    return (
        last_days(times, timeframe) if timeframe in BY_DAY else times + CLOSE_OFFSET_S[timeframe]
    )


def last_days(times: Whole, timeframe: Timeframe) -> Whole:
    """Times on the day to which a bar's return is assigned: the last of a week, else its first."""
    return times + CLOSE_OFFSET_S[timeframe] // DAY_S * DAY_S


def points(dates: Sequence[str], name: str, column: Column) -> list[Json]:
    """Return the values of a curve as dated points, the value under `name`."""
    return [
        {"date": date, name: value} for date, value in zip(dates, column.tolist(), strict=True)
    ]


def drawdowns(path: Column) -> Column:
    """Fall of each point of a path from its running peak, as a fraction of the peak."""
    peaks = np.maximum.accumulate(path)
    return (peaks - path) / peaks


def falls(path: Column) -> list[list[int]]:
    """Indexes into a path of each peak before a fall, and of the first point back at that level, or the last point."""
    peaks = np.flatnonzero(path == np.maximum.accumulate(path))
    ends = np.append(peaks[1:], len(path))
    spans = np.column_stack((peaks, np.minimum(ends, len(path) - 1)))
    intervals: list[list[int]] = spans[ends - peaks > 1].tolist()
    return intervals


class TradeFill(NamedTuple):
    """Shares bought on a bar, negative if sold. reason: of an exit, None for an entry."""

    bar: int
    shares: float
    price: float
    fees: float
    reason: str | None = None


def fills(trades: Sequence[Values]) -> Iterator[TradeFill]:
    """Yield the entry of each trade, and the exit of each closed one."""
    for trade in trades:
        shares = trade["size"] if trade["side"] == "BUY" else -trade["size"]
        yield TradeFill(trade["entry_bar"], shares, trade["entry_price"], trade["entry_fees"])
        if not trade["is_open"]:
            yield TradeFill(
                trade["exit_bar"],
                -shares,
                trade["exit_price"],
                trade["exit_fees"],
                trade["exit_reason"],
            )


def cash_curve(
    times: Whole,
    equity: Column,
    trades: Sequence[Values],
    initial_capital: float,
    rates: AccountRates,
) -> Column:
    """(bars,) cash after each bar's fills, from the trades, and with rates from equity as well.

    Without a position it is equity as stored, in fewer digits than the trades.
    """
    is_flat = shares_held(trades, len(equity)) == 0.0
    changes = np.zeros(len(equity))
    changes[0] = initial_capital
    for fill in fills(trades):
        changes[fill.bar] -= fill.shares * fill.price + fill.fees
    if not rates:
        return np.where(is_flat, equity, changes.cumsum())
    cash, worth, days = changes.tolist(), equity.tolist(), np.diff(times // DAY_S).tolist()
    for bar, passed in enumerate(days, start=1):
        if is_flat[bar]:
            cash[bar] = worth[bar]
            continue
        interest, fee = rates.accrued(cash[bar - 1], worth[bar - 1], passed)
        cash[bar] += cash[bar - 1] + interest - fee
    return np.array(cash)


def shares_held(trades: Sequence[Values], bars: int) -> Column:
    """(bars,) shares after each bar's fills, negative when short, exact to the last bit; trades must not overlap."""
    shares = np.zeros(bars)
    for trade in trades:
        until = bars if trade["is_open"] else trade["exit_bar"]
        shares[trade["entry_bar"] : until] = trade["size"] * (1 if trade["side"] == "BUY" else -1)
    return shares


def excursions(trade: Values, high: Column, low: Column) -> dict[str, float]:
    """mae_pct and mfe_pct of a trade, each >= 0, in percent of its entry price, to 4 decimals.

    high, low: (bars,) of the traded bars. They count on bars that the position lasted throughout: not on the bar of an
    entry at the close, nor of an exit at the open or at a stop within the bar, where the fill alone counts.
    """
    first = trade["entry_bar"] + (trade["entry_at"] == "close")
    after = trade["exit_bar"] + (trade["exit_at"] == "close")
    entry, left = trade["entry_price"], trade["exit_price"]
    lowest = min(entry, low[first:after].min(initial=left))
    highest = max(entry, high[first:after].max(initial=left))
    down, up = float(entry - lowest) / entry * 100.0, float(highest - entry) / entry * 100.0
    against, favourable = (down, up) if trade["side"] == "BUY" else (up, down)
    return {"mae_pct": round(against, 4), "mfe_pct": round(favourable, 4)}


def portfolio_points(
    dates: Sequence[str], equity: Column, cash: Column, money_decimals: int = CENTS
) -> list[PortfolioPoint]:
    """Cash and market value of the position after each bar's fills."""
    return [
        {
            "date": date,
            "cash": rounded(money, money_decimals),
            "position": rounded(total - money, money_decimals),
            "total": total,
        }
        for date, money, total in zip(dates, cash.tolist(), equity.tolist(), strict=True)
    ]


def trade_rows(
    trades: Sequence[Values], times: Whole, timeframe: Timeframe, money_decimals: int = CENTS
) -> list[TradeRow]:
    """Return some of a run's trades in the form of the contract; times: of all bars of the run."""
    fees = money_decimals + FEE_DECIMALS
    money = {"entry_fees": fees, "exit_fees": fees, "pnl_abs": money_decimals}
    bars = sorted({trade[end] for trade in trades for end in FILLED_BARS})
    dates = dict(zip(bars, bar_dates(times[bars], timeframe), strict=True))
    return [_trade_row(trade, dates, timeframe, DECIMALS | money) for trade in trades]


def _trade_row(
    trade: Values, dates: Mapping[int, str], timeframe: Timeframe, decimals: Mapping[str, int]
) -> TradeRow:
    entry = fill_time(dates[trade["entry_bar"]], trade["entry_at"], timeframe)
    left = fill_time(dates[trade["exit_bar"]], trade["exit_at"], timeframe)
    duration = datetime.fromisoformat(left) - datetime.fromisoformat(entry)
    values = {
        **trade,
        "entry_timestamp": entry,
        "exit_timestamp": left,
        "holding_period": duration / DAY,
    }
    values |= {name: rounded(values[name], places) for name, places in decimals.items()}
    return cast(TradeRow, picked(values, TradeRow.__annotations__))


def signal_points(
    dates: Sequence[str],
    signals: Sequence[tuple[int, int, float | None]],
    candles: Sequence[Candle],
) -> list[SignalPoint]:
    """Return signals with the date of their bar, and their price or else its close; candles: of all bars."""
    return [
        {
            "date": dates[bar],
            "action": "BUY" if signal > 0 else "SELL",
            "price": candles[bar]["close"] if price is None else price,
        }
        for bar, signal, price in signals
    ]
