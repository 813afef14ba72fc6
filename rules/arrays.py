"""Arrays of one value per bar: lines and thresholds in, signals out as int8 of 1, -1 and 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = Any  # a one-dimensional array or a pandas Series; pandas is not imported for its name
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Signals = NDArray[np.int8]


def form_fault(signals: object, bars: int | None) -> str | None:
    """Return the fault in the form of signals, which must be int8 of 1, -1 and 0 of shape (bars,), or None.

    bars: None accepts any length.
    """
    if not isinstance(signals, np.ndarray) or signals.dtype != np.int8:
        kind = signals.dtype if isinstance(signals, np.ndarray) else type(signals).__name__
        return f"the signals are {kind}; must be an array of int8, as signals.astype(np.int8) is"
    if bars is not None and signals.shape != (bars,):
        return f"the shape of the signals is {signals.shape}; must be ({bars},), one per bar"
    if signals.size and (signals.min() < -1 or signals.max() > 1):
        bar = int(np.flatnonzero(np.abs(signals.astype(np.int16)) > 1)[0])
        return f"the signal of bar {bar} is {signals[bar]}; must be 1 (buy), -1 (sell) or 0"
    return None


def levels(buy: Flags, sell: Flags) -> Signals:
    """1 where `buy`, -1 where `sell`, 0 where neither or both; shape (bars,)."""
    return np.subtract(buy.view(np.int8), sell.view(np.int8), dtype=np.int8)


def crossings(line: Array, other: Array) -> Signals:
    """1 where `line` crosses above `other`, -1 where it crosses below, else 0; shape (bars,).

    A cross is a bar above (below) after a bar that was not; lines that touch and part to the same side cross again.
    A bar on which one of them is NaN does not count as the bar before, so the first values of the lines never cross.
    """
    signals = np.zeros(line.size, dtype=np.int8)
    upward = (line > other)[1:] & (line <= other)[:-1]
    downward = (line < other)[1:] & (line >= other)[:-1]
    signals[1:] = levels(upward, downward)
    return signals


def carry_forward(signals: Signals) -> Signals:
    """Return the latest signal that was not 0 on each bar; 0 before the first one; shape (bars,)."""
    stances = np.zeros(signals.size, dtype=np.int8)
    at = np.flatnonzero(signals)
    if at.size:
        stances[at[0] :] = np.repeat(signals[at], np.diff(at, append=signals.size))
    return stances


def changes(stances: Signals) -> Signals:
    """Return the stance on bars where it differs from the bar before, else 0; the first bar is no change."""
    return _keep_where(stances[1:] != stances[:-1], stances)


def reversals(stances: Signals) -> Signals:
    """Return the stance on bars where it is the opposite of the bar before, else 0; a first stance is no reversal."""
    return _keep_where(stances[1:] == -stances[:-1], stances)


def _keep_where(is_kept: Flags, stances: Signals) -> Signals:
    """Return the stance on the bars of `is_kept`, (bars - 1,), which begins with the second bar; else 0."""
    kept = np.zeros_like(stances)
    kept[1:] = stances[1:] * is_kept
    return kept


def directions(up: Flags, down: Flags) -> Signals:
    """1 since a bar that was `up`, -1 since one that was `down`, 0 before the first of them; shape (bars,).

    A bar that is both reverses the direction.
    """
    both = up & down
    if not both.any():
        return carry_forward(levels(up, down))
    flips = np.multiply.accumulate(1 - 2 * both.view(np.int8), dtype=np.int8)
    return carry_forward(levels(up, down) * flips) * flips


def shift(line: Array, bars: int) -> Array:
    """Shift a line to later bars: each bar has the value of `bars` bars before, the first ones NaN; shape (bars,)."""
    shifted = np.empty(line.size)
    shifted[:bars] = np.nan
    shifted[bars:] = line[: max(0, line.size - bars)]
    return shifted


def in_rows(values: Array, length: int, dtype: Any = np.float64) -> Any:
    """Arrange the values in rows of `length`; the last row is filled up with zeros."""
    padded = np.zeros(-(-values.size // length) * length, dtype)
    padded[: values.size] = values
    return padded.reshape(-1, length)
