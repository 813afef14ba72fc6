"""The lines and truths of a run's rule packed for the database; adapters.results.run_lines reads them."""

import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from adapters.prices.packing import HEAD
from adapters.results.run_lines import BARS_PER_PART, stored_lines

DIGITS = 6  # of the largest value of a line: a pixel of a chart is a thousandth of it
Numbers = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]


def packed_lines(head: dict[str, Any], values: Sequence[Any], truths: Sequence[Any]) -> list[bytes]:
    """Head and parts of an explanation (see rules.explanation); the lines of `head` get their decimals."""
    columns: list[Numbers] = []
    for line, each in zip(stored_lines(head), values, strict=True):
        known = ~np.isnan(each)
        line["decimals"] = _decimals(each[known])
        columns += [_without_gaps(each, known, line["decimals"]), known.view(np.int8)]
    columns += truths
    bars = len(columns[0])
    parts = [
        zlib.compress(b"".join(_packed(column[start : start + BARS_PER_PART]) for column in columns))
        for start in range(0, bars, BARS_PER_PART)
    ]
    return [zlib.compress(json.dumps(head, separators=(",", ":"), allow_nan=False).encode()), *parts]


def _decimals(values: Any) -> int:
    largest = float(np.abs(values).max(initial=0.0))
    return DIGITS - 1 - math.floor(math.log10(largest)) if largest else 0


def _without_gaps(values: Any, known: Any, decimals: int) -> Numbers:
    """Whole numbers; where there is no value, the one before, which takes no room."""
    before = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    whole: Numbers = np.rint(np.nan_to_num(values[before]) * 10.0**decimals).astype(np.int64)
    return whole


def _packed(numbers: Numbers) -> bytes:
    """A column as adapters.prices.packing packs it."""
    steps = np.diff(numbers)
    most = max(int(steps.max(initial=0)), -1 - int(steps.min(initial=0)))
    kind = next(kind for kind in "bhiq" if most <= np.iinfo(kind).max)
    lowest_first = steps.astype(np.dtype(kind).newbyteorder("<"))
    by_significance = lowest_first.view(np.uint8).reshape(len(steps), lowest_first.itemsize).T
    return HEAD.pack(kind.encode(), int(numbers[0]), len(steps)) + by_significance.tobytes()
