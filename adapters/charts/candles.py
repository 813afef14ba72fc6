"""Legible candles: too many bars are aggregated over the shortest calendar period that leaves few enough."""

import numpy as np

from adapters.prices.bars import PriceBars, Timestamps, Whole, joined

MAX_CANDLES = (
    200  # 7 of 1,400 pixels each, wide enough to distinguish a hollow body from a filled one
)
PERIODS = {
    "15m": "15-minute",
    "1h": "hourly",
    "4h": "4-hour",
    "1D": "daily",
    "7D": "weekly",
    "1M": "monthly",
    "3M": "quarterly",
    "1Y": "yearly",
}


def legible_candles(bars: PriceBars) -> tuple[PriceBars, Whole, str]:
    """Return one bar per candle, the indexes at which candles begin, and their period, "" for the bars themselves.

    Candles are the bars themselves when there are at most 200, else those of the first period with at most 200.
    """
    starts, period = np.arange(len(bars)), ""
    for unit, name in PERIODS.items():
        if len(starts) > MAX_CANDLES:
            starts, period = period_starts(bars.timestamps, unit), name
    return joined(bars, starts), starts, period


def period_starts(timestamps: Timestamps, unit: str) -> Whole:
    """Index of the first bar of each period of this unit, including the very first bar; weeks begin on Monday."""
    thursday = np.timedelta64(3 if unit == "7D" else 0, "D")  # when 1970 began
    periods = (timestamps + thursday).astype(f"M8[{unit}]").astype(np.int64)
    return np.concatenate(([0], np.flatnonzero(np.diff(periods)) + 1))
