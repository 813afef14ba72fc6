"""Prices of one ticker as arrays; numpy without pandas, since every Job pays for its imports."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from adapters.analysis.unpacking import Column, Timestamps, unpacked_columns
from adapters.prices.packing import PackedPrices
from adapters.prices.sessions import bars_per_year
from contracts.errors import NoPricesInRange
from contracts.run_request import Timeframe

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class PriceSeries:
    """Bars of one ticker, oldest first: all from before the requested range, which are not traded, then the range.

    timestamps: (bars,) datetime64[s], the bars' Date: midnight of a daily bar, the start of an intraday one.
    columns: Open, High, Low, Close, Volume, each (bars,) float64, contiguous, finite; prices are positive.
    first_bar: index of the first bar that may be traded.
    bars_per_year: of the whole series, so that all its runs are annualised alike, unless the request says otherwise.
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
        return [f"{time}Z" for time in self.timestamps.astype("U19").tolist()]


def price_series(
    packed: PackedPrices, start_date: date, end_date: date, asked_per_year: int | None = None
) -> PriceSeries:
    """Bars from `start_date` to `end_date`, both inclusive, and all before them.

    asked_per_year: bars of a year where the one who asks knows better than the count of the whole series.

    NoPricesInRange when fewer than two bars are between the dates: a backtest needs two.
    """
    ticker, timeframe = packed.ticker, packed.timeframe
    timestamps, columns = unpacked_columns(packed)
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
        packed.data_hash,
        asked_per_year or packed.bars_per_year or bars_per_year(timestamps.view(np.int64).tolist()),
        _clipped(held, timestamps, start_date, end_date),
    )


def _clipped(held: str, timestamps: Timestamps, start_date: date, end_date: date) -> str | None:
    first, last = timestamps[[0, -1]].astype("M8[D]").tolist()
    if first <= start_date and end_date <= last:
        return None
    used = f"{max(first, start_date)} to {min(last, end_date)}"
    return f"{held}: {start_date} to {end_date} was clipped to {used}"
