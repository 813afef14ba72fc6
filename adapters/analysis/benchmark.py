"""The closes of a benchmark on the bars of a run."""

import numpy as np

from adapters.analysis.unpacking import Column, Timestamps, unpacked_columns
from adapters.prices.packing import PackedPrices


def benchmark_closes(packed: PackedPrices, timestamps: Timestamps) -> Column:
    """(bars,) the benchmark's latest close at each bar, NaN before its first one.

    The two may have bars at different times: a holiday of the benchmark repeats its close of before.
    """
    times, columns = unpacked_columns(packed)
    places = np.searchsorted(times, timestamps, side="right") - 1
    closes: Column = np.where(places >= 0, columns["Close"][places], np.nan)
    return closes
