"""Which tickers and timeframes a folder has prices of; standard library only, since the web tier reads it."""

import hashlib
import logging
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from sys import intern

from adapters.prices.bar_times import TIMEFRAMES
from adapters.prices.price_file import price_lines
from contracts.errors import BadPriceFile, UnknownTicker
from contracts.run_request import Timeframe

logger = logging.getLogger(__name__)

TICKER = re.compile(r"[A-Z0-9.^=-]{1,15}", re.ASCII)
FILE_NAME = re.compile(r"([A-Z0-9.^=-]{1,15}?)(?:_(1h|5m))?\.csv", re.ASCII)


@dataclass(frozen=True, slots=True)
class TickerRange:
    """What one price file holds; `data_hash` is the SHA-256 of its bytes."""

    ticker: str
    timeframe: Timeframe
    first_date: date
    last_date: date
    bars: int
    data_hash: str
    days: tuple[str, ...] = field(default=(), repr=False, compare=False)  # of each bar, YYYY-MM-DD

    def bars_between(self, first: date, last: date) -> int:
        """How many bars there are from one day to another, both included."""
        return bisect_right(self.days, last.isoformat()) - bisect_left(self.days, first.isoformat())


def is_ticker(text: str) -> bool:
    """Whether `text` may name a ticker: 1–15 of A–Z 0–9 . ^ = -, and no two dots in a row."""
    return TICKER.fullmatch(text) is not None and ".." not in text


def price_path(data_dir: Path, ticker: str, timeframe: Timeframe) -> Path:
    """The existing price file of `ticker`, inside `data_dir` even if it is a symbolic link; else UnknownTicker."""
    suffix = "" if timeframe == "1d" else f"_{timeframe}"
    path = data_dir / f"{ticker}{suffix}.csv"
    if not is_ticker(ticker) or timeframe not in TIMEFRAMES or not _is_file_inside(path, data_dir):
        raise UnknownTicker(f"no {timeframe} prices of ticker {ticker[:32]!r}")
    return path


def _is_file_inside(path: Path, folder: Path) -> bool:
    real = path.resolve()
    return real.is_relative_to(folder.resolve()) and real.is_file()


class Tickers:
    """The price files of one folder; each is read again only when its modification time or size has changed."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._ranges: dict[Path, tuple[tuple[int, int], TickerRange]] = {}

    def all(self) -> dict[str, dict[Timeframe, TickerRange]]:
        """Ranges by ticker and timeframe, sorted by ticker; a broken file is left out and logged."""
        found: dict[str, dict[Timeframe, TickerRange]] = {}
        for ticker, timeframe in sorted(self._files()):
            try:
                found.setdefault(ticker, {})[timeframe] = self.get(ticker, timeframe)
            except (BadPriceFile, UnknownTicker) as error:
                logger.warning("price_file_left_out ticker=%s timeframe=%s fault=%s", ticker, timeframe, error)
        return {ticker: ranges for ticker, ranges in found.items() if ranges}

    def get(self, ticker: str, timeframe: Timeframe = "1d") -> TickerRange:
        """Range of one ticker; UnknownTicker, or BadPriceFile when its header or its first or last date is broken."""
        path = self.path(ticker, timeframe)
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        known = self._ranges.get(path)
        if known is None or known[0] != stamp:
            known = self._ranges[path] = (stamp, _read_range(path, ticker, timeframe))
        return known[1]

    def path(self, ticker: str, timeframe: Timeframe = "1d") -> Path:
        """Price file of one ticker; UnknownTicker says which tickers, or which timeframes of it, there are."""
        try:
            return price_path(self.data_dir, ticker, timeframe)
        except UnknownTicker as error:
            raise UnknownTicker(f"{error}; {self._known(ticker)}") from None

    def _files(self) -> set[tuple[str, Timeframe]]:
        names = (FILE_NAME.fullmatch(path.name) for path in self.data_dir.glob("*.csv"))
        return {(name[1], name[2] or "1d") for name in names if name and is_ticker(name[1])}  # type: ignore[misc]

    def _known(self, ticker: str) -> str:
        files = sorted(self._files())
        timeframes = [timeframe for known, timeframe in files if known == ticker]
        if timeframes:
            return f"it has {', '.join(timeframes)}"
        return f"known are {', '.join(dict.fromkeys(known for known, _ in files)) or 'none'}"


def _read_range(path: Path, ticker: str, timeframe: Timeframe) -> TickerRange:
    content = path.read_bytes()
    lines = price_lines(content, path.name)
    first, last = (_bar_date(path.name, lines, index) for index in (0, -1))
    days = tuple(intern(line[:10]) for line in lines)  # the bars of a day share one text
    return TickerRange(ticker, timeframe, first, last, len(lines), hashlib.sha256(content).hexdigest(), days)


def _bar_date(name: str, lines: list[str], index: int) -> date:
    try:
        return date.fromisoformat(lines[index][:10])
    except ValueError:
        line_no = index % len(lines) + 2
        raise BadPriceFile(f"{name}, line {line_no}: Date {lines[index][:10]!r} is not a date") from None
