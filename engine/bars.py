"""Prices and signals, checked once: what passes here can be traded without further questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

PRICE_COLUMNS = ("Open", "High", "Low", "Close")
LOWEST_PRICE, HIGHEST_PRICE = 1e-100, 1e100  # between them no number of shares overflows


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Checked prices: four float64 arrays of one length, oldest bar first, beside the data that they came from."""

    source: Any
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray

    def __len__(self) -> int:
        return len(self.close)

    def since(self, first_bar: int) -> "Bars":
        """The bars from `first_bar` on, as views; `source` stays whole."""
        if first_bar == 0:
            return self
        return Bars(self.source, *(column[first_bar:] for column in (self.open, self.high, self.low, self.close)))


def check_bars(data: Mapping[str, Any] | Bars) -> Bars:
    """`data` as Bars; checked bars are returned as they are, so that a grid pays for the check once.

    data: gives the columns Open, High, Low, Close by name: a pandas DataFrame, or a mapping of arrays (bars,).
    ValueError for fewer than two bars, a missing column, unequal lengths, an index that does not rise, and for a
    price that is NaN, infinite, zero, negative, or outside 1e-100 to 1e100. Order of High and Low is the price file's
    business.
    """
    if isinstance(data, Bars):
        return data
    bars = Bars(data, *(_column(data, name) for name in PRICE_COLUMNS))
    _check_lengths(bars)
    _check_index(data)
    for name, column in zip(PRICE_COLUMNS, (bars.open, bars.high, bars.low, bars.close), strict=True):
        # A NaN makes min() NaN, and NaN compares false: two reductions see every bad value.
        if not (column.min() >= LOWEST_PRICE and column.max() <= HIGHEST_PRICE):
            raise ValueError(_bad_price(name, column))
    return bars


def check_signals(signals: Any, bars: int) -> np.ndarray:
    """`signals` as an int8 array (bars,) of 1, 0 and -1; ValueError names what is wrong otherwise."""
    array = np.asarray(signals)
    if array.dtype != np.int8:
        raise ValueError(f"signals: dtype must be int8, got {array.dtype}")
    if array.shape != (bars,):
        raise ValueError(f"signals: one value per bar is needed, shape ({bars},), got shape {array.shape}")
    if array.min() < -1 or array.max() > 1:
        bar = int(np.flatnonzero((array < -1) | (array > 1))[0])
        raise ValueError(f"signals: values must be 1 (buy), 0 or -1 (sell), got {array[bar]} at bar {bar}")
    return array


def check_first_bar(first_bar: Any, bars: int) -> int:
    """`first_bar` as an int; ValueError unless at least two bars are left to trade from it on."""
    if isinstance(first_bar, bool) or not isinstance(first_bar, (int, np.integer)) or not 0 <= first_bar <= bars - 2:
        raise ValueError(f"first_bar: must be an integer from 0 to {bars - 2} (two bars to trade), got {first_bar!r}")
    return int(first_bar)


def _column(data: Any, name: str) -> np.ndarray:
    try:
        column = data[name]
    except (KeyError, IndexError, TypeError, ValueError):
        raise ValueError(f"data: column {name!r} is missing; needed are {', '.join(PRICE_COLUMNS)}") from None
    try:
        array = np.ascontiguousarray(column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"data: column {name!r} must hold numbers: {error}") from None
    if array.ndim != 1:
        raise ValueError(f"data: column {name!r} must have one dimension, (bars,), got shape {array.shape}")
    return array


def _check_lengths(bars: Bars) -> None:
    lengths = {len(bars.open), len(bars.high), len(bars.low), len(bars.close)}
    if len(lengths) > 1:
        raise ValueError(f"data: all columns must have one length, got {sorted(lengths)} bars")
    if len(bars) < 2:
        raise ValueError(f"data: at least 2 bars are needed, got {len(bars)}")


def _check_index(data: Any) -> None:
    index = getattr(data, "index", None)
    if getattr(index, "is_monotonic_increasing", True) and getattr(index, "is_unique", True):
        return
    raise ValueError("data: index must rise strictly (oldest bar first, no bar twice); sort it before the run")


def _bad_price(name: str, column: np.ndarray) -> str:
    bar = int(np.flatnonzero(~((column >= LOWEST_PRICE) & (column <= HIGHEST_PRICE)))[0])
    accepted = f"finite prices above 0 ({LOWEST_PRICE:g} to {HIGHEST_PRICE:g})"
    return f"data: column {name!r} must hold {accepted}, got {column[bar]} at bar {bar}"
