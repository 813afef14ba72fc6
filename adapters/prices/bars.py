"""Bars as whole numbers: exact, equal on every machine, and named by the hash of their canonical CSV."""

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import gcd
from typing import TypeAlias

from contracts.run_request import Timeframe

COLUMNS = ("Date", "Open", "High", "Low", "Close", "Volume")
HEADER = ",".join(COLUMNS)
LEAST_DECIMALS = 6  # of canonical prices: one cent of a share that has been split 300 times
SHOWN_DECIMALS = 2  # at least, of a price on a page
MOST_DIGITS = 15  # of a scaled number, so that dividing by a power of ten gives the very float that its text means

Numbers: TypeAlias = "array[int]"


@dataclass(frozen=True)
class Bars:
    """Bars of one ticker, oldest first; every column has one whole number per bar.

    times: seconds since 1970, UTC: midnight of a daily bar's day, the start of an intraday one. prices: open, high, low
    and close times 10 ** price_decimals. volume: times 10 ** volume_decimals.
    """

    timeframe: Timeframe
    times: Numbers
    prices: tuple[Numbers, Numbers, Numbers, Numbers]
    volume: Numbers
    price_decimals: int
    volume_decimals: int

    def __len__(self) -> int:
        return len(self.times)

    @property
    def first(self) -> str:
        """Date of the first bar, as the canonical CSV writes it."""
        return bar_date(self.times[0], self.timeframe)

    @property
    def last(self) -> str:
        """Date of the last bar."""
        return bar_date(self.times[-1], self.timeframe)

    @cached_property
    def decimals(self) -> int:
        """How many decimals the prices have, and are shown with; price_decimals counts zeros after them, too."""
        common = str(gcd(*(gcd(*column) for column in self.prices)))
        zeros = len(common) - len(common.rstrip("0"))
        return max(self.price_decimals - zeros, SHOWN_DECIMALS)

    @cached_property
    def data_hash(self) -> str:
        """SHA-256 of the canonical CSV: equal content, equal hash, whatever file it came from."""
        digest = hashlib.sha256()
        for chunk in csv_chunks(self):
            digest.update(chunk)
        return digest.hexdigest()


def bar_date(seconds: int, timeframe: Timeframe) -> str:
    """YYYY-MM-DD of a daily bar, YYYY-MM-DDTHH:MM:SSZ of an intraday one."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%d") if timeframe == "1d" else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def csv_chunks(bars: Bars, rows: int = 10_000) -> Iterator[bytes]:
    """The canonical CSV in pieces: ISO dates, fixed decimals, one line end after each line."""
    yield f"{HEADER}\n".encode()
    for start in range(0, len(bars), rows):
        part = slice(start, start + rows)
        columns = [[bar_date(time, bars.timeframe) for time in bars.times[part]]]
        columns += [_texts(column[part], bars.price_decimals) for column in bars.prices]
        columns.append(_texts(bars.volume[part], bars.volume_decimals))
        yield "".join(f"{','.join(row)}\n" for row in zip(*columns, strict=True)).encode()


def _texts(numbers: Sequence[int], decimals: int) -> list[str]:
    if not decimals:
        return list(map(str, numbers))
    padded = (str(number).zfill(decimals + 1) for number in numbers)
    return [f"{text[:-decimals]}.{text[-decimals:]}" for text in padded]
