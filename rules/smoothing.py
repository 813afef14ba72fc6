"""Exponential smoothing and sums over windows, without a Python loop over bars and with the same bits on every CPU.

No BLAS and no SIMD reduction: numpy's accumulate works element by element in a fixed order, and so do the products.
"""

from functools import lru_cache
from itertools import accumulate
from math import log

import numpy as np

from rules.prices import Array

BLOCK = 64  # bars smoothed by one scaled cumulative sum
LARGEST_SCALE = 30.0  # natural logarithm of the largest factor within a block, 1e13: far from overflow


def smooth(values: Array, weight: float, seed: float) -> Array:
    """y[t] = y[t-1] + weight * (values[t] - y[t-1]) with y[-1] = `seed`; shape (bars,).

    values: (bars,) float64 without NaN; 0 < weight < 1. Solved block by block: within a block y is a cumulative sum of
    values / decay^k times decay^k, and only the last value goes from block to block, in Python. Each block is measured
    from the value before it, so that a flat stretch of prices stays flat to the last bit.
    """
    bars, (length, up, down) = values.size, _block(weight)
    blocks = -(-bars // length)
    padded = np.zeros(blocks * length)
    padded[:bars] = values
    table = padded.reshape(blocks, length)
    origin = table[:, 0].copy()
    sums = np.add.accumulate((table - origin[:, None]) * up, axis=1)
    sums *= down
    fade = float(down[-1])
    ends = (sums[:, -1]).tolist()
    starts = list(
        accumulate(zip(origin.tolist(), ends, strict=True), lambda y, block: _carried(y, block, fade), initial=seed)
    )[:-1]
    sums += (np.array(starts) - origin)[:, None] * down
    sums += origin[:, None]
    return sums.reshape(-1)[:bars]


def _carried(before: float, block: tuple[float, float], fade: float) -> float:
    """The smoothed value at a block's end from the one before the block."""
    origin, end = block
    return (before - origin) * fade + end + origin


@lru_cache(maxsize=1024)
def _block(weight: float) -> tuple[int, Array, Array]:
    """A block's length, weight / decay^k to multiply the values with, and decay^k to multiply the sums with."""
    decay = 1.0 - weight
    length = max(1, min(BLOCK, int(LARGEST_SCALE / -log(decay))))
    down = np.multiply.accumulate(np.full(length, decay))
    return length, weight / down, down


def window_sums(values: Array, period: int) -> Array:
    """The sum of the last `period` values, from the bar `period` - 1 on; shape (bars - period + 1,).

    Put together from a block's tail and the next block's head, so that nothing is ever subtracted: no error builds up
    over the bars, and a huge value leaves no trace once it has left the window.
    """
    count = values.size - period + 1
    blocks = -(-values.size // period)
    padded = np.zeros(blocks * period)
    padded[: values.size] = values
    table = padded.reshape(blocks, period)
    tails = np.add.accumulate(table[:, ::-1], axis=1)[:, ::-1]
    heads = np.add.accumulate(table, axis=1)
    heads[:, -1] = 0.0  # a window that is one whole block is all tail
    return tails.reshape(-1)[:count] + heads.reshape(-1)[period - 1 : values.size]
