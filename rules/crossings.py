"""Signals from lines and thresholds: int8 arrays of 1, -1 and 0."""

from typing import Any

import numpy as np

from rules.prices import Array

Flags = np.ndarray[tuple[Any, ...], np.dtype[np.bool_]]
Signals = np.ndarray[tuple[Any, ...], np.dtype[np.int8]]


def levels(buy: Flags, sell: Flags) -> Signals:
    """1 where `buy`, -1 where `sell`, 0 where neither or both; shape (bars,)."""
    return np.subtract(buy.view(np.int8), sell.view(np.int8), dtype=np.int8)


def crossings(line: Array, other: Array) -> Signals:
    """1 where `line` crosses above `other`, -1 where it crosses below, else 0; shape (bars,).

    A cross is a bar above (below) after a bar that was not; lines that touch and part to the same side cross anew.
    A bar without a value (NaN) in one of them is no bar to come from, so the first values of the lines never cross.
    """
    signals = np.zeros(line.size, dtype=np.int8)
    upward = (line > other)[1:] & (line <= other)[:-1]
    downward = (line < other)[1:] & (line >= other)[:-1]
    np.subtract(upward.view(np.int8), downward.view(np.int8), out=signals[1:])
    return signals


def held(signals: Signals) -> Signals:
    """The latest signal that was not 0, carried forward; 0 before the first one; shape (bars,)."""
    stances = np.zeros(signals.size, dtype=np.int8)
    at = np.flatnonzero(signals)
    if at.size:
        stances[at[0] :] = np.repeat(signals[at], np.diff(at, append=signals.size))
    return stances


def turns(stances: Signals) -> Signals:
    """The stance on the bars where it is another than on the bar before, else 0; the first bar is no turn."""
    changes = np.zeros(stances.size, dtype=np.int8)
    np.multiply(stances[1:], stances[1:] != stances[:-1], out=changes[1:], casting="unsafe")
    return changes
