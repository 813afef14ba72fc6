"""The curves and tables of a run as the contract shows them, from its series."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, cast

import numpy as np

from adapters.metrics.rates import AccountRates
from adapters.money import CENTS, rounded
from adapters.prices.bar_times import CLOSE_OFFSET_S, fill_time
from adapters.prices.bars import DAY_S, Column, Whole, bar_dates
from contracts.run_result import (
    Candle,
    PortfolioPoint,
    SignalPoint,
    TradeRow,
)
from contracts.timeframes import BY_DAY, Timeframe
from contracts.values import Json, Values, picked

DAY = timedelta(days=1)
FILLED_BARS = ("entry_bar", "exit_bar")  # of a trade
# of a trade's numbers that are no money, where they are rounded
DECIMALS = {"pnl_pct": 4, "holding_period": 4}
FEE_DECIMALS = 2  # more than other money has


def close_times(times: Whole, timeframe: Timeframe) -> Whole:
    """What is known at a bar's close is dated by it, as trades are: equity, drawdown, portfolio and signals.

    Candles, and everything of a day, keep the bar's own date; what is known at the end of a week has its last day's.
    """
    return (
        last_days(times, timeframe) if timeframe in BY_DAY else times + CLOSE_OFFSET_S[timeframe]
    )


def last_days(times: Whole, timeframe: Timeframe) -> Whole:
    """Times on the day, and so in the month, of which a bar's return is: a week's last; that in which others begin."""
    return times + CLOSE_OFFSET_S[timeframe] // DAY_S * DAY_S


def points(dates: Sequence[str], name: str, column: Column) -> list[Json]:
    """A number of each bar, dated, by its name."""
    return [
        {"date": date, name: value} for date, value in zip(dates, column.tolist(), strict=True)
    ]


def drawdowns(path: Column) -> Column:
    """Fall of each point of a path from its running peak, as a fraction of the peak."""
    peaks = np.maximum.accumulate(path)
    return (peaks - path) / peaks


def falls(path: Column) -> list[list[int]]:
    """Places in a path: of each peak that a fall follows, and of the first point that is back at it, or the last."""
    peaks = np.flatnonzero(path == np.maximum.accumulate(path))
    ends = np.append(peaks[1:], len(path))
    spans = np.column_stack((peaks, np.minimum(ends, len(path) - 1)))
    found: list[list[int]] = spans[ends - peaks > 1].tolist()
    return found


class TradeFill(NamedTuple):
    """Shares bought, or below 0 sold, on a bar; reason: of an exit."""

    bar: int
    shares: float
    price: float
    fees: float
    reason: str | None = None


def fills(trades: Sequence[Values]) -> Iterator[TradeFill]:
    """The entry of each trade, and the exit of those that have ended."""
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
    """Cash after each bar's fills: it follows from the trades, and with rates from equity, too.

    Without a position it is equity, which is stored in fewer digits than the trades.
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
    """(bars,) shares after each bar's fills, below 0 when short, to the last bit; of trades that do not overlap."""
    held = np.zeros(bars)
    for trade in trades:
        until = bars if trade["is_open"] else trade["exit_bar"]
        held[trade["entry_bar"] : until] = trade["size"] * (1 if trade["side"] == "BUY" else -1)
    return held


def excursions(trade: Values, high: Column, low: Column) -> dict[str, float]:
    """mae_pct and mfe_pct of a trade, each >= 0, in percent of its entry price, to 4 decimals.

    high, low: (bars,) of the traded bars. They count on bars that the position was held throughout: not on that of an
    entry at the close, nor on that of an exit at the open or at a stop within the bar, where only the fill counts.
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
    """Some of a run's trades as the contract shows them; times: of all bars, of which those with fills are dated."""
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
    held = datetime.fromisoformat(left) - datetime.fromisoformat(entry)
    known = {
        **trade,
        "entry_timestamp": entry,
        "exit_timestamp": left,
        "holding_period": held / DAY,
    }
    known |= {name: rounded(known[name], places) for name, places in decimals.items()}
    return cast(
        TradeRow, picked(known, TradeRow.__annotations__)
    )  # older runs have no excursions


def signal_points(
    dates: Sequence[str],
    signals: Sequence[tuple[int, int, float | None]],
    candles: Sequence[Candle],
) -> list[SignalPoint]:
    """Signals with the date and close of their bars, or their own price; candles: of all bars, if there are any."""
    return [
        {
            "date": dates[bar],
            "action": "BUY" if signal > 0 else "SELL",
            "price": candles[bar]["close"] if price is None else price,
        }
        for bar, signal, price in signals
    ]
