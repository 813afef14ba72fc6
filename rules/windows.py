"""Sums, extremes and moments over the last bars, in time that does not grow with the window.

A window is put together from a block's tail and the next block's head. Nothing is ever subtracted from a running total:
no error builds up over the bars, and a huge value leaves no trace once it has left the window. numpy's accumulate goes
element by element, so the bits are the same on every CPU.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rules.arrays import Array

CHUNK = 16_384  # windows worked on together, so that the passes over them stay in the second-level cache


def window_sums(values: Array, period: int) -> Array:
    """The sum of the last `period` values, from bar `period` - 1 on; shape (bars - period + 1,), or (0,)."""
    return _over_chunks(_sums, values, period)


def window_max(values: Array, period: int) -> Array:
    """The largest of the last `period` values, from bar `period` - 1 on; shape (bars - period + 1,), or (0,)."""
    return _over_chunks(_largest, values, period)


def window_min(values: Array, period: int) -> Array:
    """The smallest of the last `period` values, from bar `period` - 1 on; shape (bars - period + 1,), or (0,)."""
    return _over_chunks(_smallest, values, period)


def window_means(values: Array, period: int) -> Array:
    """The mean of the last `period` values, from bar `period` - 1 on; exactly the value where all of them are equal."""
    means = window_sums(values, period)
    np.divide(means, period, out=means)
    flat = flat_windows(values, period)
    if flat is not None:
        means[flat] = values[period - 1 :][flat]
    return means


def window_weighted_means(values: Array, period: int) -> Array:
    """The mean of the last `period` values with weights 1 to `period`, the latest counting most; as window_means."""
    means = _over_chunks(_weighted_sums, values, period)
    np.divide(means, period * (period + 1) / 2, out=means)
    flat = flat_windows(values, period)
    if flat is not None:
        means[flat] = values[period - 1 :][flat]
    return means


def flat_windows(values: Array, period: int) -> Any:
    """Which windows hold one value only, as flags of shape (bars - period + 1,); None where there is none.

    Sums would miss that value by rounding, differently from bar to bar, and two averages would seem to cross.
    """
    changed = values[1:] != values[:-1]
    if values.size < period or changed.size - np.count_nonzero(changed) < period - 1:
        return None
    last_change = np.maximum.accumulate(np.where(changed, np.arange(1, values.size), 0))
    return np.arange(period - 1, values.size) - last_change[period - 2 :] >= period - 1


def window_deviations(values: Array, period: int) -> Array:
    """The population standard deviation (ddof 0) of the last `period` values; shape (bars - period + 1,), or (0,).

    Squares are taken around a value of the window itself, not around zero: prices of 1000 that move by cents keep their
    digits, and a flat window gives exactly 0.
    """
    return _over_chunks(_deviations, values, period)


def _over_chunks(compute: Callable[[Array, int], Array], values: Array, period: int) -> Array:
    count = max(0, values.size - period + 1)
    windows = np.empty(count)
    for first in range(0, count, CHUNK):
        windows[first : first + CHUNK] = compute(values[first : first + CHUNK + period - 1], period)
    return windows


def _blocks(values: Array, period: int) -> Array:
    """The values in rows of `period`; the last row is filled up with zeros, which no window reads."""
    padded = np.zeros(-(-values.size // period) * period)
    padded[: values.size] = values
    return padded.reshape(-1, period)


def _tails(ufunc: Any, rows: Any) -> Any:
    tails = ufunc.accumulate(rows[:, ::-1], axis=1)
    return tails[:, ::-1].reshape(-1)


def _sums(values: Array, period: int) -> Array:
    rows = _blocks(values, period)
    tails = _tails(np.add, rows)
    np.add.accumulate(rows, axis=1, out=rows)
    rows[:, -1] = 0.0  # a window that is one whole block is all tail
    sums: Array = tails[: values.size - period + 1] + rows.reshape(-1)[period - 1 : values.size]
    return sums


def _weighted_sums(values: Array, period: int) -> Array:
    """Sums with weights 1 to `period`: sums of a tail's sums, then a head with the weights that the tail leaves it."""
    count, rows = values.size - period + 1, _blocks(values, period)
    tails = np.add.accumulate(np.add.accumulate(rows[:, ::-1], axis=1), axis=1)[:, ::-1].reshape(-1)
    before = np.tile(np.arange(period, 0.0, -1.0), len(rows))[:count]  # bars of the window in the tail
    heads = np.add.accumulate(rows, axis=1)
    weighted = np.add.accumulate(rows * np.arange(1.0, period + 1.0), axis=1)
    heads[:, -1] = weighted[:, -1] = 0.0  # a window that is one whole block is all tail
    ends = slice(period - 1, period - 1 + count)
    sums: Array = tails[:count] + (weighted.reshape(-1)[ends] + before * heads.reshape(-1)[ends])
    return sums


def _largest(values: Array, period: int) -> Array:
    return _extremes(np.maximum, values, period)


def _smallest(values: Array, period: int) -> Array:
    return _extremes(np.minimum, values, period)


def _extremes(ufunc: Any, values: Array, period: int) -> Array:
    rows = _blocks(values, period)
    tails = _tails(ufunc, rows)
    heads = ufunc.accumulate(rows, axis=1).reshape(-1)
    extremes: Array = ufunc(tails[: values.size - period + 1], heads[period - 1 : values.size])
    return extremes


def _deviations(values: Array, period: int) -> Array:
    """As window_deviations; each window is measured from the last value of the block that it starts in."""
    count, rows = values.size - period + 1, _blocks(values, period)
    ahead = rows.copy()
    ahead[1:] -= rows[:-1, -1:]
    tails, heads = _tails(np.add, _with_squares(rows - rows[:, -1:])), _with_squares(ahead)
    np.add.accumulate(heads, axis=1, out=heads)
    heads[:, -1] = 0.0
    means = tails[:count] + heads.reshape(-1)[period - 1 : period - 1 + count]
    means /= period
    deviations: Array = np.sqrt(np.maximum(means.imag - means.real * means.real, 0.0))
    return deviations


def _with_squares(values: Array) -> Any:
    """values + i * values^2: one complex sum gives both in the time of one, by the additions of two real ones."""
    pairs = np.empty(values.shape, dtype=np.complex128)
    pairs.real = values
    np.multiply(values, values, out=pairs.imag)
    return pairs
