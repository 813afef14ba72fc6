"""The curves and tables of a run as the contract shows them, from its series; without numpy, for the web tier."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from adapters.prices.bar_times import bar_close_time, bar_open_time
from adapters.results.rates import Rates, days_before
from contracts.run_request import Timeframe
from contracts.run_result import Candle, DrawdownPoint, EquityPoint, PortfolioPoint, SignalPoint, TradeRow

FillBars = tuple[int, int]  # numbers of the bars, from 0, on which a trade began and ended
DAY = timedelta(days=1)


def close_dates(bars: Sequence[str], timeframe: Timeframe) -> Sequence[str]:
    """What is known at a bar's close is dated by it, as trades are: equity, drawdown, portfolio and signals.

    Candles, and everything of a day, keep the bar's own date.
    """
    return bars if timeframe == "1d" else [bar_close_time(bar, timeframe) for bar in bars]


def equity_points(bars: Sequence[str], equity: Sequence[float]) -> list[EquityPoint]:
    """Equity after each bar's fills."""
    return [{"date": bar, "equity": value} for bar, value in zip(bars, equity, strict=True)]


def drawdown_points(bars: Sequence[str], equity: Sequence[float], initial_capital: float) -> list[DrawdownPoint]:
    """Percent below the running peak, per bar."""
    depths = drawdowns_pct(equity, initial_capital)
    return [{"date": bar, "drawdown_pct": depth} for bar, depth in zip(bars, depths, strict=True)]


def drawdowns_pct(equity: Sequence[float], initial_capital: float) -> list[float]:
    """Percent below the running peak, which starts at the initial capital."""
    peaks = list(accumulate(equity, max, initial=initial_capital))[1:]
    return [round((peak - value) / peak * 100, 6) for value, peak in zip(equity, peaks, strict=True)]


def cash_curve(
    bars: Sequence[str],
    equity: Sequence[float],
    trades: Sequence[Mapping[str, Any]],
    initial_capital: float,
    rates: Rates,
) -> list[float]:
    """Cash after each bar's fills: it follows from the trades, and with rates from equity, too."""
    changes = [0.0] * (len(bars) + 1)
    for trade in trades:
        sign = 1.0 if trade["side"] == "BUY" else -1.0
        changes[trade["entry_bar"]] -= sign * trade["entry_price"] * trade["size"] + trade["entry_fees"]
        if not trade["is_open"]:
            changes[trade["exit_bar"]] += sign * trade["exit_price"] * trade["size"] - trade["exit_fees"]
    cash, curve = initial_capital, []
    for bar, days in enumerate(days_before(bars) if rates else [0] * len(bars)):
        if days:
            interest, fee = rates.accrued(cash, equity[bar - 1], days)
            cash += interest - fee
        cash += changes[bar]
        curve.append(cash)
    return curve


def portfolio_points(dates: Sequence[str], equity: Sequence[float], cash: Sequence[float]) -> list[PortfolioPoint]:
    """Cash and market value of the position after each bar's fills."""
    return [
        {"date": date, "cash": round(money, 2), "position": round(total - money, 2) + 0.0, "total": total}
        for date, money, total in zip(dates, cash, equity, strict=True)
    ]


def fill_bars(trades: Sequence[Mapping[str, Any]]) -> list[FillBars]:
    """Bars of each trade's entry and exit. Times do not tell them: within a day a bar closes as the next one opens."""
    return [(trade["entry_bar"], trade["exit_bar"]) for trade in trades]


def trade_rows(trades: Sequence[Mapping[str, Any]], bars: Sequence[str], timeframe: Timeframe) -> list[TradeRow]:
    """Trades as the contract shows them: numbered and dated."""
    return [trade_row(number, trade, bars.__getitem__, timeframe) for number, trade in enumerate(trades)]


def trade_row(number: int, trade: Mapping[str, Any], date_of: Callable[[int], str], timeframe: Timeframe) -> TradeRow:
    """One trade as the contract shows it; `date_of` gives the date of a bar by its number."""
    entry = _fill_time(date_of(trade["entry_bar"]), trade["entry_at"], timeframe)
    left = _fill_time(date_of(trade["exit_bar"]), trade["exit_at"], timeframe)
    held = datetime.fromisoformat(left) - datetime.fromisoformat(entry)
    row: TradeRow = {
        "trade_no": number,
        "side": trade["side"],
        "size": trade["size"],
        "entry_timestamp": entry,
        "entry_price": trade["entry_price"],
        "entry_fees": round(trade["entry_fees"], 4),
        "exit_timestamp": left,
        "exit_price": trade["exit_price"],
        "exit_fees": round(trade["exit_fees"], 4),
        "pnl_abs": round(trade["pnl_abs"], 2),
        "pnl_pct": round(trade["pnl_pct"], 4),
        "holding_period": round(held / DAY, 4),
        "exit_reason": trade["exit_reason"],
        "is_open": trade["is_open"],
    }
    if "mae_pct" in trade:  # older runs have none
        row["mae_pct"], row["mfe_pct"] = trade["mae_pct"], trade["mfe_pct"]
    return row


def _fill_time(bar: str, at: str, timeframe: Timeframe) -> str:
    """A fill at the open is dated by the bar's open; one at the close, or at a stop within the bar, by its close."""
    return bar_open_time(bar, timeframe) if at == "open" else bar_close_time(bar, timeframe)


def signal_points(
    bars: Sequence[str],
    signals: Sequence[tuple[int, int, float | None]],
    candles: Callable[[], Sequence[Candle] | None],
) -> list[SignalPoint]:
    """Signals with the date and close of their bars; candles: asked for where a signal has no price of its own."""
    held = (any(price is None for _, _, price in signals) and candles()) or []
    return [
        {
            "date": bars[bar],
            "action": "BUY" if signal > 0 else "SELL",
            "price": held[bar]["close"] if price is None else price,
        }
        for bar, signal, price in signals
    ]
