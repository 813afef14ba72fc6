"""Candles for display; standard library only, since the web tier shows them."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime

from adapters.prices.bars import Bars, bar_date
from contracts.run_result import Candle

_DAY_S = 86_400


def bars_between(bars: Bars, start_date: date, end_date: date) -> range:
    """The numbers of the bars from `start_date` to `end_date`, both inclusive."""
    first = bisect_left(bars.times, _midnight(start_date))
    return range(first, bisect_left(bars.times, _midnight(end_date) + _DAY_S))


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def candles(bars: Bars, start_date: date, end_date: date) -> list[Candle]:
    """Candles from `start_date` to `end_date`, both inclusive, with prices as they are stored."""
    chosen = bars_between(bars, start_date, end_date)
    part = slice(chosen.start, chosen.stop)
    dates = [bar_date(seconds, bars.timeframe) for seconds in bars.times[part]]
    scale, volume_scale = 10**bars.price_decimals, 10**bars.volume_decimals
    prices = zip(*([price / scale for price in column[part]] for column in bars.prices), strict=True)
    return [
        {"date": bar, "open": open_, "high": high, "low": low, "close": close, "volume": volume / volume_scale}
        for bar, (open_, high, low, close), volume in zip(dates, prices, bars.volume[part], strict=True)
    ]


def candle_columns(bars: Bars, chosen: range) -> dict[str, list[float]]:
    """Candles as columns, one for each number in `chosen`, which joins the bars up to the next one or the end.

    time: seconds since 1970, UTC, of the first bar; volume: the sum.
    """
    parts = [slice(start, min(start + chosen.step, chosen.stop)) for start in chosen]
    scale, volume_scale = 10**bars.price_decimals, 10**bars.volume_decimals
    open_, high, low, close = bars.prices
    return {
        "time": [bars.times[part.start] for part in parts],
        "open": [open_[part.start] / scale for part in parts],
        "high": [max(high[part]) / scale for part in parts],
        "low": [min(low[part]) / scale for part in parts],
        "close": [close[part.stop - 1] / scale for part in parts],
        "volume": [sum(bars.volume[part]) / volume_scale for part in parts],
    }


def holding(bars: Bars, times: Sequence[int], capital: float) -> list[float | None]:
    """Money at each of these times of holding what `capital` bought at the first close there, without costs.

    None before the first bar. A time without a bar repeats the close of before.
    """
    closes = bars.prices[3]
    held = [bisect_right(bars.times, time) for time in times]
    bought = next((closes[bar - 1] for bar in held if bar), 1)
    return [round(capital * closes[bar - 1] / bought, 4) if bar else None for bar in held]
