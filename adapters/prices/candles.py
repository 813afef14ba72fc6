"""Candles for display, straight from a price file; standard library only, since the web tier shows them."""

import hashlib
from bisect import bisect_left
from datetime import date
from functools import lru_cache
from pathlib import Path

from adapters.prices.display import display_price
from adapters.prices.price_file import price_lines
from contracts.run_result import Candle

CACHED_RANGES = 16  # results looked at in a row; 3,270 candles are about 2 MB


def price_rows(path: Path, data_hash: str, start_date: date, end_date: date) -> list[Candle] | None:
    """Candles from `start_date` to `end_date`, both inclusive; None when the file is not the one with `data_hash`.

    Prices are rounded for display. The list is shared between callers and must not be changed.
    """
    try:
        stat = path.stat()
        return _cached_rows(path, stat.st_mtime_ns, stat.st_size, data_hash, start_date, end_date)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=CACHED_RANGES)
def _cached_rows(
    path: Path, mtime_ns: int, size: int, data_hash: str, start_date: date, end_date: date
) -> list[Candle] | None:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != data_hash:
        return None
    lines = price_lines(content, path.name)
    first = bisect_left(lines, start_date.isoformat())
    after = bisect_left(lines, f"{end_date.isoformat()}~")  # behind that day's bars; 9999-12-31 has no next day
    return _candles(lines[first:after])


def _candles(lines: list[str]) -> list[Candle]:
    """Candles of file lines; column by column, since 3,270 of them are made while a page waits."""
    if not lines:
        return []
    dates, opens, highs, lows, closes, volumes = zip(*[line.split(",") for line in lines], strict=True)
    prices = zip(*([display_price(float(text)) for text in each] for each in (opens, highs, lows, closes)), strict=True)
    return [
        {"date": bar_date, "open": open_, "high": high, "low": low, "close": close, "volume": float(volume)}
        for bar_date, (open_, high, low, close), volume in zip(dates, prices, volumes, strict=True)
    ]
