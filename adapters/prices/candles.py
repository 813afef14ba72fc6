"""Bars as pages and charts show them: candles, several bars as one, and what holding an asset came to."""

from dataclasses import replace
from typing import Any, cast

import numpy as np

from adapters.prices.bars import Bars, Column, Whole
from contracts.run_result import Candle


def candles(bars: Bars) -> list[Candle]:
    """Bars with prices as they are stored."""
    columns = {"date": bars.dates()} | _lists(bars)
    rows = zip(*columns.values(), strict=True)
    return [cast(Candle, dict(zip(columns, row, strict=True))) for row in rows]


def _lists(bars: Bars) -> dict[str, list[Any]]:
    return {name.lower(): column.tolist() for name, column in bars.columns.items()}


def joined(bars: Bars, starts: Whole) -> Bars:
    """A bar for each number of a bar in `starts`, of those from it up to the next one or the end."""
    open_, high, low, close = bars.prices
    lasts = np.append(starts[1:], len(bars)) - 1
    prices = (
        open_[starts],
        np.maximum.reduceat(high, starts),
        np.minimum.reduceat(low, starts),
        close[lasts],
    )
    return replace(
        bars, times=bars.times[starts], prices=prices, volume=np.add.reduceat(bars.volume, starts)
    )


def candle_columns(bars: Bars) -> dict[str, Any]:
    """Candles as columns; time: seconds since 1970, UTC."""
    return {"time": bars.times.tolist()} | _lists(bars)


def closes_at(bars: Bars, times: Whole) -> Column:
    """(times,) the latest close at each time, seconds since 1970; NaN before the first bar.

    A time without a bar, such as a holiday of the one and not of the other, repeats the close of before.
    """
    places = np.searchsorted(bars.times, times, side="right") - 1
    closes: Column = np.where(places >= 0, bars.columns["Close"][places], np.nan)
    return closes


def held(bars: Bars, times: Whole, capital: float) -> Column:
    """Money at each time of holding what `capital` bought at the first close there, without costs; NaN before it."""
    closes = closes_at(bars, times)
    return capital * closes / next(iter(closes[np.isfinite(closes)]), np.nan)
