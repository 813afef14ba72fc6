"""Candles that stay legible: of too many bars, those of the shortest calendar period that leaves few enough."""

import numpy as np

from adapters.prices.bars import Bars, Timestamps, Whole, joined

MAX_CANDLES = 200  # 7 pixels of 1,400 each, so that a hollow body can be told from a filled one
PERIODS = (
    ("m", 15, "15-minute"),
    ("h", 1, "hourly"),
    ("h", 4, "4-hour"),
    ("D", 1, "daily"),
    ("D", 7, "weekly"),
    ("M", 1, "monthly"),
    ("M", 3, "quarterly"),
    ("Y", 1, "yearly"),
)


def legible_candles(bars: Bars) -> tuple[Bars, Whole, str]:
    """A bar per candle, the bars at which candles begin, and their period, "" where each is one bar.

    Candles are the bars themselves when there are at most 200, else those of the first period with at most 200.
    """
    starts, period = np.arange(len(bars)), ""
    for unit, count, name in PERIODS:
        if len(starts) > MAX_CANDLES:
            starts, period = period_starts(bars.timestamps, unit, count), name
    return joined(bars, starts), starts, period


def period_starts(timestamps: Timestamps, unit: str, count: int) -> Whole:
    """Index of the first bar of each period of `count` units, the first bar of all included; weeks begin on Monday."""
    periods = timestamps.astype(f"M8[{unit}]").astype(np.int64)
    if (unit, count) == ("D", 7):
        periods = periods + 3  # 1970-01-01 was a Thursday
    return np.concatenate(([0], np.flatnonzero(np.diff(periods // count)) + 1))
