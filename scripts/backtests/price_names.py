"""Which ticker and timeframe a price file holds, as far as its name says so."""

import re
from typing import NamedTuple

# Names that exports have when nobody gave them one; none of them is a ticker that was meant.
NAMELESS = "chart data download export history ohlcv prices quotes stock table"
# how file names speak of each timeframe
TIMEFRAMES = {
    "1m": "1m 1 1min",
    "5m": "5m 5 5min",
    "15m": "15m 15 15min",
    "30m": "30m 30 30min",
    "1h": "1h h 60 60min",
    "4h": "4h 240",
    "1d": "1d d daily",
    "1w": "1w w weekly",
}
_TICKER = r"(?P<ticker>[A-Z0-9.^=-]{1,15}?)"
_PATTERNS = (
    rf"{_TICKER}[._]us(?:_(?P<frame>[dhwm]|5))?",  # Stooq: aapl.us, aapl_us_d
    rf"{_TICKER}(?:_(?P<frame>\d+[dhmw]))?",  # ours: AAPL, BRK-B_1h
    rf"[A-Z0-9]+_{_TICKER}, (?P<frame>\d*[A-Z]?)(?:_[0-9a-f]+)?",  # TradingView: NASDAQ_AAPL, 1D
    rf"(?P<frame>daily|weekly)(?:_adjusted)?_{_TICKER}",  # Alpha Vantage: daily_AAPL
    rf"intraday_(?P<frame>\d+min)_{_TICKER}",  # Alpha Vantage: intraday_5min_AAPL
    rf"{_TICKER} Historical Data",  # Investing.com
)


class Series(NamedTuple):
    """What a file holds; timeframe: None for one that the platform does not have."""

    ticker: str
    timeframe: str | None


def series_named(name: str) -> Series | None:
    """The series that a file's name, without its folder, speaks of; None when it says nothing.

    A copy's number, as browsers add it, is not part of the name: `AAPL (1).csv`.
    """
    stem = re.sub(r"( ?\(\d+\))?(\.(csv|txt)(\.gz)?)?$", "", name, flags=re.IGNORECASE)
    for pattern in _PATTERNS:
        found = re.fullmatch(pattern, stem, re.IGNORECASE | re.ASCII)
        if found and found["ticker"].lower() not in NAMELESS.split():
            frame = (found.groupdict().get("frame") or "d").replace("M", "month").lower()
            known = (each for each, words in TIMEFRAMES.items() if frame in words.split())
            return Series(found["ticker"].upper(), next(known, None))
    return None
