"""Compressed form of bars in the database, in parts of at most 65,536, and the bars that a run reads from it.

A column is its first number and the steps from bar to bar, in the smallest integers that hold them, their bytes sorted
by significance: 3,270 daily bars take about 60 KB, a million intraday ones about 8 MB.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np

from adapters.prices.bars import (
    CLOSES_ONLY,
    Column,
    PriceBars,
    Whole,
    bar_dates,
    bars_per_year,
    common_closes,
)
from contracts.errors import BadPrices, NoPricesInRange
from contracts.run_request import Timeframe
from contracts.values import frozen

# six columns of at most eight bytes, sent as hexadecimal digits: 6 MB, below the documented packet of 8 MB
BARS_PER_PART = 65_536
_TYPES = "bhiq"  # signed integers of 1, 2, 4 and 8 bytes
# head of a column: type of the steps, first number, number of steps
_HEAD = struct.Struct("<cqI")


@frozen
class PackedPrices:
    """All bars of one version of a ticker's prices, as stored in the database.

    bars_per_year: as counted when they were loaded. benchmark: the prices that a run on these is compared with; None
    for the same prices.
    """

    ticker: str
    timeframe: Timeframe
    data_hash: str
    price_decimals: int
    volume_decimals: int
    parts: Sequence[bytes]
    bars_per_year: int | None = None
    benchmark: "PackedPrices | None" = None


def pack(bars: PriceBars) -> Iterator[tuple[int, bytes]]:
    """(number of bars, compressed columns) of each part, in order."""
    for start in range(0, len(bars), BARS_PER_PART):
        part = bars[start : start + BARS_PER_PART]
        yield len(part), packed_columns((part.times, *part.prices, part.volume))


def unpack(packed: PackedPrices) -> PriceBars:
    """The bars that `pack` packed; BadPrices when the parts are not what was packed."""
    try:
        by_column = zip(*map(unpacked_columns, packed.parts), strict=True)
        times, *prices, volume = map(np.concatenate, by_column)
    except (zlib.error, struct.error, ValueError) as error:
        named = f"{packed.ticker} {packed.timeframe} {packed.data_hash[:12]}"
        raise BadPrices(f"the stored prices of {named} are damaged: {error}") from error
    return PriceBars(
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
    # all lowest bytes, then all second ones, and so on: this compresses to half the size of plain numbers
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


@frozen
class RunPrices:
    """Bars up to the last one of a run, and the traded ones at their end, in the requested range.

    bars_per_year: of the whole series, so that all its runs are annualised alike, unless the request overrides it.
    clipped: a sentence when the request reached beyond the prices. packed: the stored form of all bars, the last of
    which is at `last_time`. benchmark: `benchmark_closes` of the traded bars.
    """

    bars: PriceBars
    traded: PriceBars
    bars_per_year: int
    clipped: str | None
    packed: PackedPrices
    last_time: np.datetime64
    benchmark: Column | None = None

    @property
    def first_bar(self) -> int:
        """Index of the first traded bar."""
        return len(self.bars) - len(self.traded)

    @property
    def notes(self) -> list[str]:
        """Sentences on clipped dates, on traded bars that are closes only, and on a benchmark that lacks some."""
        closes = f"The prices have {CLOSES_ONLY}" if self.traded.closes_only else None
        gaps = benchmark_note(self.packed, self.benchmark, self.traded.times)
        return [note for note in (self.clipped, closes, gaps) if note]


def benchmark_closes(packed: PackedPrices, times: Whole) -> Column | None:
    """(times,) the benchmark's close at each time, NaN where it has no bar; None without a benchmark."""
    return common_closes(unpack(packed.benchmark), times) if packed.benchmark else None


def benchmark_note(packed: PackedPrices, closes: Column | None, times: Whole) -> str | None:
    """A sentence on a benchmark that lacks some bars of a run; None where it has them all, and without one.

    closes: `benchmark_closes` of the run's bars. times: of the run's bars, seconds since 1970.
    """
    if packed.benchmark is None or closes is None:
        return None
    common = times[np.isfinite(closes)]
    name, timeframe = packed.benchmark.ticker, packed.timeframe
    if len(common) == len(times):
        return None
    if not len(common):
        return f"The benchmark {name} has no bar on any of the {len(times):,} bars: nothing is compared with it"
    first, last = bar_dates(common[[0, -1]], timeframe)
    return (
        f"The benchmark {name} has bars on {len(common):,} of the {len(times):,} bars, from {first} to {last}: "
        "alpha, beta and all that compares with it are of these alone"
    )


def run_prices(
    packed: PackedPrices, start_date: date, end_date: date, override_per_year: int | None = None
) -> RunPrices:
    """Bars from `start_date` to `end_date`, both inclusive, and all before them.

    override_per_year: bars of a year as set by the request, in place of the count of the whole series.
    NoPricesInRange when fewer than two bars are between the dates: a backtest needs two.
    """
    bars = unpack(packed)
    traded = bars.between(start_date, end_date)
    first, last, start, end = bars.first[:10], bars.last[:10], str(start_date), str(end_date)
    extent = f"{packed.ticker} has {packed.timeframe} prices from {first} to {last}"
    if len(traded) < 2:
        count = "only one bar, and a backtest needs two," if traded else "no prices"
        raise NoPricesInRange(f"{count} between {start} and {end}: {extent}")
    per_year = override_per_year or packed.bars_per_year or bars_per_year(bars.times)
    clipped = None
    if start < first or last < end:
        clipped = (
            f"{extent}: {start} to {end} was clipped to {max(first, start)} to {min(last, end)}"
        )
    read = bars.between(date.min, end_date)
    benchmark = benchmark_closes(packed, traded.times)
    return RunPrices(read, traded, per_year, clipped, packed, bars.timestamps[-1], benchmark)
