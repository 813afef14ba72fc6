"""Candles that stay legible: of too many bars, those of the shortest calendar period that leaves few enough."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.charts.scales import Times, period_starts

MAX_CANDLES = 320  # 4.4 pixels of 1,400 each
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
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Candles:
    """OHLCV, each (candles,); `starts` are the bars at which candles begin, `period` is "" if each is one bar."""

    starts: np.ndarray[Any, np.dtype[np.int64]]
    timestamps: Times
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    volume: Numbers
    period: str


def legible_candles(
    timestamps: Times, open_: Numbers, high: Numbers, low: Numbers, close: Numbers, volume: Numbers
) -> Candles:
    """The bars themselves when there are at most 320, else the candles of the first period with at most 320."""
    if len(timestamps) <= MAX_CANDLES:
        return Candles(np.arange(len(timestamps)), timestamps, open_, high, low, close, volume, "")
    splits = ((period_starts(timestamps, unit, count), period) for unit, count, period in PERIODS)
    starts, period = next(split for split in splits if len(split[0]) <= MAX_CANDLES or split[1] == "yearly")
    ends = np.append(starts[1:], len(timestamps)) - 1
    highest, lowest = np.maximum.reduceat(high, starts), np.minimum.reduceat(low, starts)
    volumes = np.add.reduceat(volume, starts)
    return Candles(starts, timestamps[starts], open_[starts], highest, lowest, close[ends], volumes, period)
