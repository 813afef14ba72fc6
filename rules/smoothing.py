"""Exponentially decaying sums without a Python loop over bars, and with the same bits on every CPU.

No BLAS and no reduction, whose order of additions depends on the CPU: numpy's accumulate adds one after the other.
"""

from functools import lru_cache
from math import log
from typing import Any

import numpy as np

from rules.arrays import Array, in_rows

BLOCK = 256  # bars that one scaled cumulative sum covers
# blocks worked on together: 128 KB, so that the passes over them stay in the second-level cache
ROWS = 64
# natural logarithm of the largest factor within a block, e^100: values up to 1e260 do not overflow
LARGEST_SCALE = 100.0


def ordered_sum(values: Array) -> float:
    """The sum in the order of the bars; np.sum's order depends on the CPU."""
    return float(np.add.accumulate(values)[-1])


def ordered_mean(values: Array) -> float:
    """The mean, exactly the value where all are equal."""
    return float(values[0]) + ordered_sum(values - values[0]) / values.size


def wilder_sums(values: Array, period: int) -> Array:
    """Wilder's smoothed sum, `period` times his average, from the window of the first `period` values on.

    values: (bars,), overwritten. Shape (bars - period + 1,), or (0,).
    """
    return decayed_sums(wilder_seeded(values, period), 1.0 - 1.0 / period, 0.0)


def wilder_seeded(values: Array, period: int) -> Array:
    """The values from bar `period` - 1 on, of which the first is the sum of those until then; written into `values`."""
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
    """Turn scaled values into sums that each row takes over from the row before; the decayed sum at the end."""
    np.add.accumulate(rows, axis=1, out=rows)
    carries = []
    for total in rows[:, -1].tolist():
        carries.append(start * decay)
        start = (carries[-1] + total) * float(fade)
    rows += np.array(carries)[:, None]
    return start


@lru_cache(maxsize=1024)
def _powers(decay: float) -> tuple[int, Array, Array]:
    """A block's length for this decay, with decay^-k and decay^k for the bars k of a block."""
    length = max(1, min(BLOCK, int(LARGEST_SCALE / -log(decay))))
    down = np.full(length, decay)
    down[0] = 1.0
    np.multiply.accumulate(down, out=down)
    return length, 1.0 / down, down
