"""What a run reads: its range of bars, and all bars before it, which warm its rule up and are not traded."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from adapters.prices.bars import CLOSES_ONLY, Bars, Column, Whole
from adapters.prices.candles import closes_at
from adapters.prices.packing import PackedPrices, unpack
from adapters.prices.sessions import bars_per_year
from contracts.errors import NoPricesInRange


@dataclass(frozen=True)
class RunPrices:
    """Bars up to the last one of a run, whose traded ones begin with the bar number `first_bar`.

    bars_per_year: of the whole series, so that all its runs are annualised alike, unless the request says otherwise.
    clipped: a sentence when the request reached beyond the prices. packed: what they were unpacked from.
    """

    bars: Bars
    first_bar: int
    bars_per_year: int
    clipped: str | None
    packed: PackedPrices

    @cached_property
    def traded(self) -> Bars:
        """The bars of the requested range alone."""
        return self.bars[self.first_bar :]

    @property
    def notes(self) -> list[str]:
        """Sentences on clipped dates, and on traded bars that are closes only."""
        lone = f"The prices have {CLOSES_ONLY}" if self.traded.closes_only else None
        return [note for note in (self.clipped, lone) if note]

    @property
    def benchmark(self) -> Column | None:
        """Closes of what the run is held against, at its traded bars; None for its own."""
        return benchmark_closes(self.packed, self.traded.times)


def benchmark_closes(packed: PackedPrices, times: Whole) -> Column | None:
    """(times,) the benchmark's latest close at each time, NaN before its first bar; None where there is none."""
    return closes_at(unpack(packed.benchmark), times) if packed.benchmark else None


def run_prices(
    packed: PackedPrices, start_date: date, end_date: date, asked_per_year: int | None = None
) -> RunPrices:
    """Bars from `start_date` to `end_date`, both inclusive, and all before them.

    asked_per_year: bars of a year where the one who asks knows better than the count of the whole series.
    NoPricesInRange when fewer than two bars are between the dates: a backtest needs two.
    """
    bars = unpack(packed)
    chosen = bars.between(start_date, end_date)
    held = f"{packed.ticker} has {packed.timeframe} prices from {bars.first[:10]} to {bars.last[:10]}"
    if len(chosen) < 2:
        found = "only one bar, and a backtest needs two," if chosen else "no prices"
        raise NoPricesInRange(f"{found} between {start_date} and {end_date}: {held}")
    per_year = asked_per_year or packed.bars_per_year or bars_per_year(bars.times)
    return RunPrices(
        bars[: chosen.stop],
        chosen.start,
        per_year,
        _clipped(held, bars, start_date, end_date),
        packed,
    )


def _clipped(held: str, bars: Bars, start_date: date, end_date: date) -> str | None:
    first, last = (date.fromisoformat(each[:10]) for each in (bars.first, bars.last))
    if first <= start_date and end_date <= last:
        return None
    return f"{held}: {start_date} to {end_date} was clipped to {max(first, start_date)} to {min(last, end_date)}"
