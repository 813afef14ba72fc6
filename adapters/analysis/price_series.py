"""Prices of one ticker as arrays, validated; numpy without pandas, since every Job pays for its imports."""

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from adapters.analysis.bars_per_year import bars_per_year
from adapters.prices.bar_times import CLOSE_OFFSET_S, DATE_LAYOUT, OPEN_OFFSET_S
from adapters.prices.price_file import COLUMNS, price_faults, price_lines
from adapters.prices.tickers import price_path
from contracts.errors import BadPriceFile, NoPricesInRange
from contracts.run_request import Timeframe

NUMBER_CHARACTERS = b"0123456789.,+-eETZ:\n"
Timestamps = np.ndarray[tuple[int], np.dtype[np.datetime64]]
Column = np.ndarray[tuple[int], np.dtype[np.float64]]
FIRST_DATE = np.datetime64("0001-01-01")  # of Python's calendar; numpy's has a year 0
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class PriceSeries:
    """Bars of one ticker, oldest first: all from before the requested range, which are not traded, then the range.

    timestamps: (bars,) datetime64[s], the bars' Date: midnight of a daily bar, the start of an intraday one.
    columns: Open, High, Low, Close, Volume, each (bars,) float64, contiguous, finite; prices are positive.
    first_bar: index of the first bar that may be traded.
    bars_per_year: of the whole series, so that all its runs are annualised alike.
    clipped: a sentence when the request reached beyond the prices.
    """

    ticker: str
    timeframe: Timeframe
    timestamps: Timestamps
    columns: dict[str, Column]
    first_bar: int
    data_hash: str
    bars_per_year: int
    clipped: str | None

    def __getitem__(self, column: str) -> Column:
        return self.columns[column]

    def __len__(self) -> int:
        return len(self.timestamps)

    def traded(self) -> "PriceSeries":
        """The bars of the requested range alone."""
        columns = {name: column[self.first_bar :] for name, column in self.columns.items()}
        return replace(self, timestamps=self.timestamps[self.first_bar :], columns=columns, first_bar=0)

    def bar_dates(self) -> list[str]:
        """Date of each bar as its price file writes it."""
        if self.timeframe == "1d":
            return [str(day) for day in self.timestamps.astype("M8[D]").tolist()]
        return self._times(0)

    def open_times(self) -> list[str]:
        """ISO 8601 UTC time at which each bar opens."""
        return self._times(OPEN_OFFSET_S[self.timeframe])

    def close_times(self) -> list[str]:
        """ISO 8601 UTC time at which each bar closes."""
        return self._times(CLOSE_OFFSET_S[self.timeframe])

    def _times(self, offset_s: int) -> list[str]:
        return [f"{time}Z" for time in (self.timestamps + np.timedelta64(offset_s, "s")).astype("U19").tolist()]


def read_prices(data_dir: Path, ticker: str, timeframe: Timeframe, start_date: date, end_date: date) -> PriceSeries:
    """Bars from `start_date` to `end_date`, both inclusive, and all before them.

    UnknownTicker when there is no such file, BadPriceFile (file, line, fault) when any of it is broken, NoPricesInRange
    when it has fewer than two bars between the dates: a backtest needs two.
    """
    path = price_path(data_dir, ticker, timeframe)
    content = path.read_bytes()
    timestamps, columns = parse_prices(content, path.name, timeframe)
    first, after = np.searchsorted(timestamps, [np.datetime64(start_date), np.datetime64(end_date) + DAY])
    held = f"{ticker} has {timeframe} prices from {timestamps[0].astype('M8[D]')} to {timestamps[-1].astype('M8[D]')}"
    if after - first < 2:
        found = "only one bar, and a backtest needs two," if after > first else "no prices"
        raise NoPricesInRange(f"{found} between {start_date} and {end_date}: {held}")
    return PriceSeries(
        ticker,
        timeframe,
        timestamps[:after],
        {name: column[:after] for name, column in columns.items()},
        int(first),
        hashlib.sha256(content).hexdigest(),
        bars_per_year(timestamps),
        _clipped(held, timestamps, start_date, end_date),
    )


def _clipped(held: str, timestamps: Timestamps, start_date: date, end_date: date) -> str | None:
    first, last = timestamps[[0, -1]].astype("M8[D]").tolist()
    if first <= start_date and end_date <= last:
        return None
    used = f"{max(first, start_date)} to {min(last, end_date)}"
    return f"{held}: {start_date} to {end_date} was clipped to {used}"


def parse_prices(content: bytes, name: str, timeframe: Timeframe) -> tuple[Timestamps, dict[str, Column]]:
    """Timestamps and columns of a whole price file; BadPriceFile names the first line that is broken and why.

    Valid files are checked by whole arrays; only a broken one is read again line by line to find the fault.
    """
    lines = price_lines(content, name)
    try:
        return _parsed(lines, timeframe)
    except ValueError as error:
        line_no, fault = next(price_faults(lines, timeframe), (2, str(error)))
        raise BadPriceFile(f"{name}, line {line_no}: {fault}") from None


def _parsed(lines: list[str], timeframe: Timeframe) -> tuple[Timestamps, dict[str, Column]]:
    """Timestamps and columns; ValueError unless every bar is valid."""
    width = len(DATE_LAYOUT[timeframe]) + 1  # one character more shows a date that is too long
    row = np.dtype([("Date", f"U{width}"), *((column, np.float64) for column in COLUMNS[1:])])
    if "".join(lines).encode().translate(None, NUMBER_CHARACTERS):
        raise ValueError("characters that no number and no date has")
    # Four times as fast as splitting in Python, and without pandas' half second of import.
    table = np.loadtxt(lines, row, comments=None, delimiter=",", ndmin=1)
    if len(table) != len(lines):
        raise ValueError("empty lines")
    timestamps = _timestamps(np.ascontiguousarray(table["Date"]), timeframe)
    columns = {column: np.ascontiguousarray(table[column]) for column in COLUMNS[1:]}
    _check_numbers(columns)
    return timestamps, columns


def _timestamps(dates: np.ndarray[Any, np.dtype[np.str_]], timeframe: Timeframe) -> Timestamps:
    """Ascending datetime64[s] of dates in exactly the layout of the timeframe; ValueError otherwise."""
    layout = DATE_LAYOUT[timeframe]
    codes = dates.view(np.uint32).reshape(len(dates), -1)
    for position, character in enumerate(layout + "\0"):
        lowest, highest = ("0", "9") if character == "d" else (character, character)
        column = codes[:, position]
        if column.min() < ord(lowest) or column.max() > ord(highest):
            raise ValueError("dates of another layout")
    timestamps = dates.astype("U19").astype("M8[s]")  # without the Z, which numpy does not read
    if (timestamps[1:] <= timestamps[:-1]).any() or timestamps[0] < FIRST_DATE:
        raise ValueError("dates not ascending, or before the calendar")
    return timestamps


def _check_numbers(columns: dict[str, Column]) -> None:
    open_, high, low, close, volume = columns.values()
    sound = (low > 0) & (low <= np.minimum(open_, close)) & (high >= np.maximum(open_, close))
    if not (sound.all() and np.isfinite(high).all() and np.isfinite(volume).all() and (volume >= 0).all()):
        raise ValueError("prices or volumes that cannot be")
