"""Signals from lines and thresholds: int8 arrays of 1, -1 and 0."""

import numpy as np

from rules.prices import Array

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
Signals = np.ndarray[tuple[int], np.dtype[np.int8]]


def levels(buy: Flags, sell: Flags) -> Signals:
    """1 where `buy`, -1 where `sell`, 0 where neither or both; shape (bars,)."""
    return np.subtract(buy.view(np.int8), sell.view(np.int8), dtype=np.int8)


def crossings(line: Array, other: Array) -> Signals:
    """1 where `line` crosses above `other`, -1 where it crosses below, else 0; shape (bars,).

    A cross is a bar above (below) after a bar that was not; lines that touch and part to the same side cross anew.
    The first bar on which both lines have a value (are not NaN) has no bar to come from and is no cross.
    """
    above, below = line > other, line < other
    signals = np.zeros(line.size, dtype=np.int8)
    if line.size:
        np.subtract(_onsets(above), _onsets(below), out=signals[1:])
        signals[: _first_valid(line, other) + 1] = 0
    return signals


def _onsets(flags: Flags) -> Signals:
    """1 where a flag is set after a bar on which it was not, from the second bar on."""
    return (flags[1:] > flags[:-1]).view(np.int8)


def _first_valid(line: Array, other: Array) -> int:
    """The first bar with a value in both lines, whose NaN, if any, stand at the start; their length if none has."""
    return max(_nan_head(line), _nan_head(other))


def _nan_head(line: Array) -> int:
    missing = np.isnan(line)
    return int(missing.argmin()) if not missing[-1] else line.size
