"""Bars as they lie in the database: parts of at most 65,536 bars, each a few small columns, compressed.

A column is its first number and the steps from bar to bar, in the smallest integers that hold them, their bytes sorted
by significance: 3,270 daily bars take about 60 KB, a million intraday ones about 8 MB.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from adapters.prices.bars import Bars, Numbers
from contracts.run_request import Timeframe

BARS_PER_PART = 65_536  # six columns of at most eight bytes: below MySQL's smallest packet of 4 MB
_TYPES = "bhiq"  # signed integers of 1, 2, 4 and 8 bytes
HEAD = struct.Struct("<cqI")  # of a column: type of the steps, first number, how many steps follow


@dataclass(frozen=True, slots=True)
class PackedPrices:
    """All bars of one version of a ticker's prices, as they lie in the database.

    bars_per_year: as counted when they were loaded; None in versions from before it was recorded. benchmark: the prices
    that a run on these is held against; None for their own.
    """

    ticker: str
    timeframe: Timeframe
    data_hash: str
    price_decimals: int
    volume_decimals: int
    parts: Sequence[bytes]
    bars_per_year: int | None = None
    benchmark: "PackedPrices | None" = None


def pack(bars: Bars) -> Iterator[tuple[int, bytes]]:
    """(number of bars, compressed columns) of each part, in order."""
    columns = (bars.times, *bars.prices, bars.volume)
    for start in range(0, len(bars), BARS_PER_PART):
        parts = [column[start : start + BARS_PER_PART] for column in columns]
        yield len(parts[0]), zlib.compress(b"".join(map(_packed, parts)))


def _packed(column: Numbers) -> bytes:
    steps = [after - before for before, after in pairwise(column)]
    kind = _smallest_type(steps)
    return HEAD.pack(kind.encode(), column[0], len(steps)) + _by_significance(array(kind, steps))


def _smallest_type(steps: Sequence[int]) -> str:
    most = max(max(steps, default=0), -1 - min(steps, default=0))
    return next(kind for kind in _TYPES if most < 1 << (8 * array(kind).itemsize - 1))


def _by_significance(steps: Numbers) -> bytes:
    """All lowest bytes, then all second ones …: alike beside alike compresses to half of what numbers do."""
    if sys.byteorder == "big":
        steps.byteswap()
    raw, size = steps.tobytes(), steps.itemsize
    return b"".join(raw[place::size] for place in range(size))


def columns_of(part: bytes) -> Iterator[tuple[str, int, bytes]]:
    """(type, first number, bytes of the steps by significance) of the columns of one packed part."""
    raw, at = zlib.decompress(part), 0
    while at < len(raw):
        kind, first, count = HEAD.unpack_from(raw, at)
        start, at = at + HEAD.size, at + HEAD.size + count * array(kind.decode()).itemsize
        yield kind.decode(), first, raw[start:at]


def unpack(packed: PackedPrices) -> Bars:
    """The bars that `pack` packed; in plain Python, for pages. A Job reads the same with numpy."""
    columns = [array("q") for _ in range(6)]
    for part in packed.parts:
        for column, packed_column in zip(columns, columns_of(part), strict=True):
            column.extend(numbers_of(*packed_column))
    times, open_, high, low, close, volume = columns
    prices = (open_, high, low, close)
    return Bars(packed.timeframe, times, prices, volume, packed.price_decimals, packed.volume_decimals)


def numbers_of(kind: str, first: int, raw: bytes) -> Iterator[int]:
    """The numbers of one packed column."""
    return accumulate(_steps(kind, raw), initial=first)


def _steps(kind: str, raw: bytes) -> Numbers:
    size = array(kind).itemsize
    count = len(raw) // size
    mixed = bytearray(len(raw))
    for place in range(size):
        mixed[place::size] = raw[place * count : (place + 1) * count]
    steps = array(kind, bytes(mixed))
    if sys.byteorder == "big":
        steps.byteswap()
    return steps
