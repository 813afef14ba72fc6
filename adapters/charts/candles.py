"""Candles that stay legible: of too many bars, those of the shortest calendar period that leaves few enough."""

from dataclasses import replace
from typing import Any

import numpy as np

from adapters.charts.data import ChartData, Times

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


Bars = np.ndarray[Any, np.dtype[np.int64]]


def legible_candles(data: ChartData) -> tuple[ChartData, Bars, str]:
    """The data with a bar per candle, the bars at which candles begin, and their period, "" where each is one bar.

    Candles are the bars themselves when there are at most 200, else those of the first period with at most 200.
    """
    starts, period = np.arange(len(data.close)), ""
    for unit, count, name in PERIODS:
        if len(starts) > MAX_CANDLES:
            starts, period = period_starts(data.timestamps, unit, count), name
    candles = replace(
        data,
        timestamps=data.timestamps[starts],
        open=data.open[starts],
        high=np.maximum.reduceat(data.high, starts),
        low=np.minimum.reduceat(data.low, starts),
        close=data.close[np.append(starts[1:], len(data.close)) - 1],
        volume=np.add.reduceat(data.volume, starts),
    )
    return candles, starts, period


def period_starts(timestamps: Times, unit: str, count: int) -> Bars:
    """Index of the first bar of each period of `count` units, the first bar of all included; weeks begin on Monday."""
    periods = timestamps.astype(f"M8[{unit}]").astype(np.int64)
    if (unit, count) == ("D", 7):
        periods = periods + 3  # 1970-01-01 was a Thursday
    return np.concatenate(([0], np.flatnonzero(np.diff(periods // count)) + 1))
