"""Bars as they lie in the database: parts of at most 65,536 bars, each a few small columns, compressed.

A column is its first number and the steps from bar to bar, in the smallest integers that hold them, their bytes sorted
by significance: 3,270 daily bars take about 60 KB, a million intraday ones about 8 MB.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from adapters.prices.bars import Bars, Whole
from contracts.errors import BadPrices
from contracts.run_request import Timeframe
from contracts.values import frozen

# six columns of at most eight bytes: below MySQL's smallest packet of 4 MB
BARS_PER_PART = 65_536
_TYPES = "bhiq"  # signed integers of 1, 2, 4 and 8 bytes
# of a column: type of the steps, first number, how many steps follow
_HEAD = struct.Struct("<cqI")


@frozen
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
    for start in range(0, len(bars), BARS_PER_PART):
        part = bars[start : start + BARS_PER_PART]
        yield len(part), packed_columns((part.times, *part.prices, part.volume))


def unpack(packed: PackedPrices) -> Bars:
    """The bars that `pack` packed; BadPrices when the parts are not what was packed."""
    try:
        by_column = zip(*map(unpacked_columns, packed.parts), strict=True)
        times, *prices, volume = map(np.concatenate, by_column)
    except (zlib.error, struct.error, ValueError) as error:
        named = f"{packed.ticker} {packed.timeframe} {packed.data_hash[:12]}"
        raise BadPrices(f"the stored prices of {named} are damaged: {error}") from error
    return Bars(
        packed.timeframe,
        times,
        tuple(prices),
        volume,
        packed.price_decimals,
        packed.volume_decimals,
    )


def packed_columns(columns: Iterable[Any]) -> bytes:
    """Columns of whole numbers, each with at least one, as one compressed part."""
    return zlib.compress(b"".join(map(_packed, columns)))


def _packed(column: Any) -> bytes:
    steps = np.diff(column)
    most = max(int(steps.max(initial=0)), -1 - int(steps.min(initial=0)))
    kind = next(kind for kind in _TYPES if most <= np.iinfo(kind).max)
    lowest_first = steps.astype(np.dtype(kind).newbyteorder("<"))
    # all lowest bytes, then all second ones …: alike beside alike compresses to half of what numbers do
    by_significance = lowest_first.view(np.uint8).reshape(len(steps), lowest_first.itemsize).T
    return bytes(
        _HEAD.pack(kind.encode(), int(column[0]), len(steps)) + by_significance.tobytes()
    )


def unpacked_columns(part: bytes) -> list[Whole]:
    """The columns of one packed part."""
    raw, at, columns = zlib.decompress(part), 0, list[Whole]()
    while at < len(raw):
        kind, first, count = _HEAD.unpack_from(raw, at)
        size = np.dtype(kind).itemsize
        mixed = np.frombuffer(raw, np.uint8, count * size, at + _HEAD.size)
        column = np.empty(count + 1, np.int64)
        column[0] = first
        np.cumsum(
            mixed.reshape(size, -1).T.copy().view(f"<{kind.decode()}").ravel(), out=column[1:]
        )
        column[1:] += first
        columns.append(column)
        at += _HEAD.size + count * size
    return columns
