"""Candles for display; standard library only, since the web tier shows them."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, date, datetime

from adapters.prices.bars import Bars, bar_date
from adapters.prices.display import display_price
from contracts.run_result import Candle

_DAY_S = 86_400


def bars_between(bars: Bars, start_date: date, end_date: date) -> range:
    """The numbers of the bars from `start_date` to `end_date`, both inclusive."""
    first = bisect_left(bars.times, _midnight(start_date))
    return range(first, bisect_left(bars.times, _midnight(end_date) + _DAY_S))


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def candles(bars: Bars, start_date: date, end_date: date) -> list[Candle]:
    """Candles from `start_date` to `end_date`, both inclusive, with prices as they are shown."""
    chosen = bars_between(bars, start_date, end_date)
    part = slice(chosen.start, chosen.stop)
    dates = [bar_date(seconds, bars.timeframe) for seconds in bars.times[part]]
    shown = zip(*(_shown(column[part], 10**bars.price_decimals) for column in bars.prices), strict=True)
    scale = 10**bars.volume_decimals
    return [
        {"date": bar, "open": open_, "high": high, "low": low, "close": close, "volume": volume / scale}
        for bar, (open_, high, low, close), volume in zip(dates, shown, bars.volume[part], strict=True)
    ]


def _shown(prices: Sequence[int], scale: int) -> list[float]:
    return [display_price(price / scale) for price in prices]
