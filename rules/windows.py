"""Sums, extremes and moments over the last bars, in time that does not grow with the window.

A window is put together from a block's tail and the next block's head. Nothing is ever subtracted from a running total:
no error builds up over the bars, and a huge value leaves no trace once it has left the window. numpy's accumulate goes
element by element, so the bits are the same on every CPU.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rules.arrays import Array, in_rows

# windows worked on together, so that the passes over them stay in the second-level cache
CHUNK = 16_384


def window_means(values: Array, period: int) -> Array:
    """The mean of the last `period` values, from bar `period` - 1 on; exactly the value where all of them are equal."""
    return _means(window_sums(values, period), values, period, period)


def window_weighted_means(values: Array, period: int) -> Array:
    """The mean of the last `period` values with weights 1 to `period`, the latest counting most; as window_means."""
    return _means(
        _over_chunks(_weighted_sums, values, period), values, period, period * (period + 1) / 2
    )


def _means(sums: Array, values: Array, period: int, weight: float) -> Array:
    """The sums divided by the weight in them, written into `sums`; the value itself where a window is flat.

    Sums would miss that value by rounding, differently from bar to bar, and two averages would seem to cross.
    """
    sums /= weight
    changed = values[1:] != values[:-1]
    if sums.size and changed.size - np.count_nonzero(changed) >= period - 1:
        last_change = np.maximum.accumulate(np.where(changed, np.arange(1, values.size), 0))
        flat = np.arange(period - 1, values.size) - last_change[period - 2 :] >= period - 1
        sums[flat] = values[period - 1 :][flat]
    return sums


def _over_chunks(compute: Callable[[Array, int], Array], values: Array, period: int) -> Array:
    count = max(0, values.size - period + 1)
    windows = np.empty(count)
    for first in range(0, count, CHUNK):
        windows[first : first + CHUNK] = compute(
            values[first : first + CHUNK + period - 1], period
        )
    return windows


def _reduced(ufunc: Any, values: Array, period: int) -> Any:
    rows = in_rows(values, period)  # the zeros at the end are in no window
    return _put_together(ufunc, rows, rows, values.size)


def _put_together(ufunc: Any, tails: Any, heads: Any, bars: int) -> Any:
    """What `ufunc` makes of each window: of a block's tail, in the rows `tails`, and of the next head, in `heads`.

    The heads are overwritten; the tails may be the same rows.
    """
    period = heads.shape[1]
    ends = ufunc.accumulate(tails[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    ufunc.accumulate(heads, axis=1, out=heads)
    if ufunc.identity is not None:
        heads[:, -1] = ufunc.identity  # a window that is one whole block is all tail
    return ufunc(ends[: bars - period + 1], heads.reshape(-1)[period - 1 : bars])


def _weighted_sums(values: Array, period: int) -> Any:
    """Sums with weights 1 to `period`: sums of a tail's sums, then a head with the weights that the tail leaves it."""
    count, rows = values.size - period + 1, in_rows(values, period)
    twice = np.add.accumulate(np.add.accumulate(rows[:, ::-1], axis=1), axis=1)
    tails = twice[:, ::-1].reshape(-1)[:count]
    # bars of the window in the tail
    before = np.tile(np.arange(period, 0.0, -1.0), len(rows))[:count]
    sums = np.add.accumulate(rows, axis=1)
    weighted = np.add.accumulate(rows * np.arange(1.0, period + 1.0), axis=1)
    sums[:, -1] = weighted[:, -1] = 0.0  # a window that is one whole block is all tail
    heads, weighted_heads = (each.reshape(-1)[period - 1 :][:count] for each in (sums, weighted))
    return tails + (weighted_heads + before * heads)


def _deviations(values: Array, period: int) -> Any:
    """Squares are taken around a value of the window itself, the last one of the block that it starts in.

    So prices of 1000 that move by cents keep their digits, and a flat window gives exactly 0.
    """
    rows = in_rows(values, period)
    ahead = rows.copy()
    ahead[1:] -= rows[:-1, -1:]
    tails, heads = _with_squares(rows - rows[:, -1:]), _with_squares(ahead)
    means = _put_together(np.add, tails, heads, values.size)
    means /= period
    return np.sqrt(np.maximum(means.imag - means.real * means.real, 0.0))


def _with_squares(values: Array) -> Any:
    """values + i * values^2: one complex sum gives both in the time of one, by the additions of two real ones."""
    pairs = values.astype(np.complex128)
    np.multiply(values, values, out=pairs.imag)
    return pairs


# The sum, the extremes and the population standard deviation (ddof 0) of the last `period` values, from bar
# `period` - 1 on, each of shape (bars - period + 1,), or (0,).
window_sums = partial(_over_chunks, partial(_reduced, np.add))
window_max = partial(_over_chunks, partial(_reduced, np.maximum))
window_min = partial(_over_chunks, partial(_reduced, np.minimum))
window_deviations = partial(_over_chunks, _deviations)
