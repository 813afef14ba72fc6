"""Packed bars as numpy columns: what a Job reads."""

import struct
import zlib
from typing import Any

import numpy as np

from adapters.prices.bars import COLUMNS
from adapters.prices.packing import PackedPrices, columns_of
from contracts.errors import BadPrices

Column = np.ndarray[tuple[int], np.dtype[np.float64]]
Timestamps = np.ndarray[tuple[int], np.dtype[np.datetime64]]


def unpacked_columns(packed: PackedPrices) -> tuple[Timestamps, dict[str, Column]]:
    """Timestamps (bars,) datetime64[s], and Open, High, Low, Close and Volume by name, each (bars,) float64.

    Each number is the float that its text in the canonical CSV means: dividing an integer of at most 15 digits by a
    power of ten rounds once. BadPrices when the parts are not what was packed.
    """
    try:
        by_column = zip(*map(columns_of, packed.parts), strict=True)
        times, *numbers = (np.concatenate([_restored(*each) for each in column]) for column in by_column)
    except (zlib.error, struct.error, ValueError) as error:
        named = f"{packed.ticker} {packed.timeframe} {packed.data_hash[:12]}"
        raise BadPrices(f"the stored prices of {named} are damaged: {error}") from error
    decimals = (*[packed.price_decimals] * 4, packed.volume_decimals)
    columns = {name: each / 10.0**places for name, each, places in zip(COLUMNS[1:], numbers, decimals, strict=True)}
    return times.view("M8[s]"), columns


def _restored(kind: str, first: int, raw: bytes) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A column of one part as whole numbers."""
    size = np.dtype(kind).itemsize
    steps = np.frombuffer(raw, np.uint8).reshape(size, -1).T.copy().view(f"<{kind}" if size > 1 else kind).ravel()
    restored = np.empty(len(steps) + 1, np.int64)
    restored[0] = first
    np.cumsum(steps, out=restored[1:])
    restored[1:] += first
    return restored
