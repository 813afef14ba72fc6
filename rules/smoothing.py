"""Exponentially decaying sums without a Python loop over bars, and with the same bits on every CPU.

No BLAS and no reduction, whose order of additions depends on the CPU: numpy's accumulate adds one after the other.
"""

from functools import lru_cache
from math import log
from typing import Any

import numpy as np

from rules.arrays import Array

BLOCK = 256  # bars that one scaled cumulative sum covers
# blocks worked on together: 128 KB, so that the passes over them stay in the second-level cache
ROWS = 64
LARGEST_SCALE = (
    # natural logarithm of the largest factor within a block, e^100: values up to 1e260 do not overflow
    100.0
)


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
    whole = values.size // length * length
    for first in range(0, whole, length * ROWS):
        rows = values[first : min(first + length * ROWS, whole)].reshape(-1, length)
        start = _decay_rows(rows, up, down, decay, start)
    rest = values[whole:].reshape(1, -1)
    if rest.size:
        _decay_rows(rest, up[: rest.size], down[: rest.size], decay, start)
    return values


def _decay_rows(rows: Array, up: Array, down: Array, decay: float, start: float) -> float:
    """Turn rows of consecutive values into their decayed sums; the last of them."""
    np.multiply(rows, up, out=rows)
    np.add.accumulate(rows, axis=1, out=rows)
    carries, last = _carries(rows[:, -1].tolist(), start, decay, float(down[-1]))
    np.add(rows, carries[:, None], out=rows)
    np.multiply(rows, down, out=rows)
    return float(last)


def decayed_ratio(part: Array, whole: Array, decay: float, start: complex, out: Array) -> None:
    """Write the decayed sums of `part` divided by those of `whole` into `out`, NaN for 0 / 0; all of shape (bars,).

    part, whole: (bars,) float64 >= 0 without NaN; start: their sums before, as real and imaginary part. The two sums go
    through one complex cumulative sum, which takes no longer than a real one; its additions are those of two real ones.
    Both carry the same power of the decay, so the ratio needs none.
    """
    length, up, down = _powers(decay)
    twice, fade = np.repeat(up, 2), float(down[-1])
    for first in range(0, part.size, length * ROWS):
        chunk = slice(first, first + length * ROWS)
        sums = _pairs(part[chunk], whole[chunk], length)
        scaled = sums.view(np.float64)
        np.multiply(scaled, twice, out=scaled)
        np.add.accumulate(sums, axis=1, out=sums)
        carries, start = _carries(sums[:, -1].tolist(), start, decay, fade)
        np.add(sums, carries[:, None], out=sums)
        ratio = sums.reshape(-1)[: part[chunk].size]
        with np.errstate(invalid="ignore"):
            np.divide(ratio.real, ratio.imag, out=out[chunk])


def _pairs(part: Array, whole: Array, length: int) -> Any:
    """part + i * whole in rows of `length`, the last one filled up with zeros."""
    rows = np.zeros((-(-part.size // length), length), dtype=np.complex128)
    pairs = rows.reshape(-1)[: part.size]
    pairs.real, pairs.imag = part, whole
    return rows


def _carries(totals: list[Any], start: Any, decay: float, fade: float) -> tuple[Any, Any]:
    """What each row takes over from the rows before it, as an array, and the decayed sum at the end of the last one."""
    carries = []
    for total in totals:
        carries.append(start * decay)
        start = (carries[-1] + total) * fade
    return np.array(carries), start


@lru_cache(maxsize=1024)
def _powers(decay: float) -> tuple[int, Array, Array]:
    """A block's length for this decay, with decay^-k and decay^k for the bars k of a block."""
    length = max(1, min(BLOCK, int(LARGEST_SCALE / -log(decay))))
    down = np.full(length, decay)
    down[0] = 1.0
    np.multiply.accumulate(down, out=down)
    return length, 1.0 / down, down
