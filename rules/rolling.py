"""Sums that decay over all bars, and sums, extremes and moments over the last ones, without a Python loop over bars.

No BLAS and no reduction, whose order of additions depends on the CPU: numpy's accumulate adds one after the other.

A window is put together from a block's tail and the next block's head, in time that does not depend on its length.
Nothing is subtracted from a running total: no error builds up over the bars, and a huge value has no effect once it has
left the window.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from math import log
from typing import Any

import numpy as np

from rules.arrays import Array, in_rows

BLOCK = 256  # bars that one scaled cumulative sum covers
# blocks worked on together: 128 KB, so that the passes over them stay in the second-level cache
ROWS = 64
# natural logarithm of the largest factor within a block, e^100: values up to 1e260 do not overflow
LARGEST_SCALE = 100.0
# windows worked on together, so that the passes over them stay in the second-level cache
CHUNK = 16_384
_REDUCERS: Mapping[str, tuple[Any, float]] = {  # with what changes nothing
    "highest": (np.maximum, -np.inf),
    "lowest": (np.minimum, np.inf),
    "sum": (np.add, 0.0),
}
VALUES = 2**20  # of windows that are copied side by side, 8 MB


def ordered_sum(values: Array) -> float:
    """Return the sum, added in the order of the bars; np.sum's order depends on the CPU."""
    return float(np.add.accumulate(values)[-1])


def ordered_mean(values: Array) -> float:
    """Return the mean; where all values are equal, exactly that value."""
    return float(values[0]) + ordered_sum(values - values[0]) / values.size


def wilder_sums(values: Array, period: int) -> Array:
    """Return Wilder's smoothed sum, `period` times his average, from the window of the first `period` values on.

    values: (bars,), overwritten. Shape (bars - period + 1,), or (0,).
    """
    return decayed_sums(wilder_seeded(values, period), 1.0 - 1.0 / period, 0.0)


def wilder_seeded(values: Array, period: int) -> Array:
    """Return the values from bar `period` - 1 on, the first replaced by the sum up to it; written into `values`."""
    if values.size >= period:
        values[period - 1] = ordered_sum(values[:period])
    return values[period - 1 :]


def decayed_sums(values: Array, decay: float, start: float) -> Array:
    """s[t] = decay * s[t-1] + values[t] with s[-1] = `start`, written into `values`; shape (bars,).

    values: (bars,) float64 without NaN, contiguous; 0 < decay < 1. Within a block, s is decay^k times the cumulative
    sum of values / decay^k, whose rounding errors decay with it; only its last s goes on to the next, in Python.
    Equal to the recursion within a few units of the last digit.
    """
    length, up, down = _powers(decay)
    for first in range(0, values.size, length * ROWS):
        chunk = values[first : first + length * ROWS]
        rows = in_rows(chunk, length) if chunk.size % length else chunk.reshape(-1, length)
        rows *= up
        start = _accumulate(rows, start, decay, down[-1])
        rows *= down
        chunk[:] = rows.reshape(-1)[: chunk.size]
    return values


def decayed_ratio(part: Array, whole: Array, decay: float, start: complex, out: Array) -> None:
    """Write the decayed sums of `part` divided by those of `whole` into `out`, NaN for 0 / 0; all of shape (bars,).

    part, whole: (bars,) float64 >= 0 without NaN; start: their sums before, as real and imaginary part. The two sums go
    through one complex cumulative sum, which takes no longer than a real one; its additions are those of two real ones.
    Both carry the same power of the decay, so the ratio needs none.
    """
    length, up, down = _powers(decay)
    twice = np.repeat(up, 2)
    for first in range(0, part.size, length * ROWS):
        chunk = slice(first, first + length * ROWS)
        sums = in_rows(part[chunk], length, np.complex128)
        sums.reshape(-1).imag[: whole[chunk].size] = whole[chunk]
        scaled = sums.view(np.float64)
        scaled *= twice
        start = _accumulate(sums, start, decay, down[-1])
        ratio = sums.reshape(-1)[: part[chunk].size]
        with np.errstate(invalid="ignore"):
            np.divide(ratio.real, ratio.imag, out=out[chunk])


def _accumulate(rows: Any, start: Any, decay: float, fade: float) -> Any:
    """Turn scaled values into running sums across all rows, in place; return the decayed sum at the end."""
    np.add.accumulate(rows, axis=1, out=rows)
    carries = []
    for total in rows[:, -1].tolist():
        carries.append(start * decay)
        start = (carries[-1] + total) * float(fade)
    rows += np.array(carries)[:, None]
    return start


@lru_cache(maxsize=1024)
def _powers(decay: float) -> tuple[int, Array, Array]:
    """Return the length of a block for this decay, with decay^-k and decay^k for the bars k of a block."""
    length = max(1, min(BLOCK, int(LARGEST_SCALE / -log(decay))))
    down = np.full(length, decay)
    down[0] = 1.0
    np.multiply.accumulate(down, out=down)
    return length, 1.0 / down, down


def window_means(values: Array, period: int) -> Array:
    """Return the mean of the last `period` values, from bar `period` - 1 on; of equal values exactly that value."""
    return _means(window_sums(values, period), values, period, period)


def window_weighted_means(values: Array, period: int) -> Array:
    """Return the mean of the last `period` values with weights 1 to `period`, the latest counting most."""
    return _means(
        _over_chunks(_weighted_sums, values, period), values, period, period * (period + 1) / 2
    )


def _means(sums: Array, values: Array, period: int, weight: float) -> Array:
    """Divide the sums by their weight, in place; where a window is flat, write its value itself.

    Rounding would miss that value, differently from bar to bar, and two averages would seem to cross.
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


def running(reducer: str, values: Array, begins: Any) -> Array:
    """Return the highest or lowest value, or the sum, from the last bar on that begins a stretch; shape (bars,).

    begins: (bars,) bool, true on the first bar. Values that are NaN change nothing.
    """
    ufunc, fill = _REDUCERS[reducer]
    places = np.flatnonzero(begins)
    lengths = np.diff(places, append=values.size)
    stretch = np.repeat(np.arange(places.size), lengths)
    position = np.arange(values.size) - places[stretch]
    rows = np.full((places.size, int(lengths.max(initial=0))), fill)
    rows[stretch, position] = np.where(np.isnan(values), fill, values)
    accumulated: Array = ufunc.accumulate(rows, axis=1)[stretch, position]
    return accumulated


def over_rows(compute: Callable[..., Any], *lines: Array, period: int) -> Array:
    """Compute a value of each whole window from its values side by side, (windows, period) of each line."""
    count = max(0, lines[0].size - period + 1)
    windows, step = np.empty(count), max(1, VALUES // period)
    views = (
        [np.lib.stride_tricks.sliding_window_view(line, period) for line in lines]
        if count
        else []
    )
    for first in range(0, count, step):
        windows[first : first + step] = compute(*(view[first : first + step] for view in views))
    return windows


def row_sums(rows: Array) -> Array:
    """Return the sum of each row, (rows, 1), added in the order of the bars."""
    return np.add.accumulate(rows, axis=1)[:, -1:]


def _reduced(ufunc: Any, values: Array, period: int) -> Any:
    rows = in_rows(values, period)  # the zeros at the end are in no window
    return _put_together(ufunc, rows, rows, values.size)


def _put_together(ufunc: Any, tails: Any, heads: Any, bars: int) -> Any:
    """Reduce each window with `ufunc`: a block's tail, in the rows `tails`, and the next block's head, in `heads`.

    The heads are overwritten; the tails may be the same rows.
    """
    period = heads.shape[1]
    ends = ufunc.accumulate(tails[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    ufunc.accumulate(heads, axis=1, out=heads)
    if ufunc.identity is not None:
        heads[:, -1] = ufunc.identity  # a window that is one whole block is all tail
    return ufunc(ends[: bars - period + 1], heads.reshape(-1)[period - 1 : bars])


def _weighted_sums(values: Array, period: int) -> Any:
    """Return sums with weights 1 to `period`: sums of a tail's sums, plus a head with the remaining weights."""
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
    """Return the standard deviation of each window, from squares around a value of the window itself.

    That value is the last one of the block in which the window starts. So prices of 1000 that move by cents keep their
    digits, and a flat window gives exactly 0.
    """
    rows = in_rows(values, period)
    ahead = rows.copy()
    ahead[1:] -= rows[:-1, -1:]
    tails, heads = _with_squares(rows - rows[:, -1:]), _with_squares(ahead)
    means = _put_together(np.add, tails, heads, values.size)
    means /= period
    return np.sqrt(np.maximum(means.imag - means.real * means.real, 0.0))


def _with_squares(values: Array) -> Any:
    """Return values + i * values^2: one complex sum gives both sums in the time of one."""
    pairs = values.astype(np.complex128)
    np.multiply(values, values, out=pairs.imag)
    return pairs


# The sum, the extremes and the population standard deviation (ddof 0) of the last `period` values, from bar
# `period` - 1 on, each of shape (bars - period + 1,), or (0,).
window_sums = partial(_over_chunks, partial(_reduced, np.add))
window_max = partial(_over_chunks, partial(_reduced, np.maximum))
window_min = partial(_over_chunks, partial(_reduced, np.minimum))
window_deviations = partial(_over_chunks, _deviations)
