"""Compressed form of bars in the database, in parts of at most 65,536, and the bars that a run reads from it."""

import zlib
from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np

from adapters.columns import pack, unpack
from adapters.prices.bars import (
    CLOSES_ONLY,
    COLUMNS,
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

# six columns of at most eight bytes, sent as hexadecimal digits: 6 MB, below the documented packet of 8 MB; fewer bars
# where there are further columns
BARS_PER_PART = 65_536


@frozen
class PackedPrices:
    """All bars of one version of a ticker's prices, as stored in the database.

    bars_per_year: as counted when they were loaded. benchmark: the prices that a run on these is compared with; None
    for the same prices. zone: of the exchange. others: the prices of other tickers that the rule reads.
    """

    ticker: str
    timeframe: Timeframe
    data_hash: str
    price_decimals: int
    volume_decimals: int
    parts: Sequence[bytes]
    bars_per_year: int | None = None
    benchmark: "PackedPrices | None" = None
    zone: str = ""
    others: "Sequence[PackedPrices]" = ()


def pack_bars(bars: PriceBars) -> Iterator[tuple[int, bytes]]:
    """(number of bars, compressed columns) of each part, in order."""
    step = BARS_PER_PART * len(COLUMNS) // (len(COLUMNS) + len(bars.further))
    for start in range(0, len(bars), step):
        part = bars[start : start + step]
        numbers = (part.times, *part.prices, part.volume)
        yield len(part), pack({**dict(zip(COLUMNS, numbers, strict=True)), **part.further})


def unpack_bars(packed: PackedPrices) -> PriceBars:
    """The bars that `pack_bars` packed; BadPrices when the parts are not what was packed."""
    try:
        columns = unpack(*packed.parts)
        times, *prices, volume = (columns.pop(name) for name in COLUMNS)
    except (zlib.error, ValueError, KeyError) as error:
        named = f"{packed.ticker} {packed.timeframe} {packed.data_hash[:12]}"
        raise BadPrices(f"the stored prices of {named} are damaged: {error}") from error
    decimals = packed.price_decimals, packed.volume_decimals
    return PriceBars(packed.timeframe, times, tuple(prices), volume, *decimals, columns)


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
    return common_closes(unpack_bars(packed.benchmark), times) if packed.benchmark else None


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
    bars = unpack_bars(packed)
    traded = bars.between(start_date, end_date)
    first, last, start, end = bars.first[:10], bars.last[:10], str(start_date), str(end_date)
    available = f"available ({packed.timeframe}): {first} to {last}"
    if len(traded) < 2:
        missing = (
            f"only one bar of {packed.ticker} from {start} to {end}, and a backtest needs two"
            if traded
            else f"no {packed.ticker} prices from {start} to {end}"
        )
        raise NoPricesInRange(f"{missing}; {available}")
    per_year = override_per_year or packed.bars_per_year or bars_per_year(bars.times)
    clipped = None
    if start < first or last < end:
        used = f"{max(first, start)} to {min(last, end)}"
        extent = f"{packed.ticker} has {packed.timeframe} prices from {first} to {last}"
        clipped = f"{extent}: {start} to {end} was clipped to {used}"
    read = bars.between(date.min, end_date)
    benchmark = benchmark_closes(packed, traded.times)
    return RunPrices(read, traded, per_year, clipped, packed, bars.timestamps[-1], benchmark)
