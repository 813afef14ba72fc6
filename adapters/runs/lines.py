"""What a rule looked at in a run, as it is stored: a head, and parts of so many bars.

The columns of a part are those of adapters.prices.packing: of each line its values, whole numbers of six digits, and
whether it has one, then the truth of each condition. 3,270 bars take 5 to 10 KB per line.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from adapters.prices.bars import Bars, Column, Whole
from adapters.prices.packing import packed_columns
from adapters.runs.stored_series import decimals_for, packed_json
from contracts.values import Json, frozen

BARS_PER_PART = 16_384  # a point of a million bars is then found by reading a sixtieth of them
DIGITS = 6  # of the largest value of a line: a pixel of a chart is a thousandth of it


def packed_lines(head: Json, values: Sequence[Any], truths: Sequence[Any]) -> list[bytes]:
    """Head and parts of an explanation (see rules.explanation); the lines of `head` get their decimals."""
    columns: list[Any] = []
    for line, each in zip(stored_lines(head["lines"]), values, strict=True):
        known = ~np.isnan(each)
        largest = float(np.abs(each[known]).max(initial=0.0))
        line["decimals"] = decimals_for(largest, DIGITS)
        columns += [_without_gaps(each, known, line["decimals"]), known.view(np.int8)]
    columns += truths
    parts = [
        packed_columns([column[start : start + BARS_PER_PART] for column in columns])
        for start in range(0, len(columns[0]), BARS_PER_PART)
    ]
    return [packed_json(head), *parts]


def _without_gaps(values: Any, known: Any, decimals: int) -> Whole:
    """Whole numbers; where there is no value, the one before, which takes no room."""
    before = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    whole: Whole = np.rint(np.nan_to_num(values[before]) * 10.0**decimals).astype(np.int64)
    return whole


def stored_lines(lines: Sequence[Json]) -> list[Json]:
    """Those of the lines that are stored; the others are columns of the prices."""
    return [line for line in lines if "column" not in line]


@frozen
class RunLines:
    """What is stored of a run's lines from the bar `first` on; head: as rules.explanation.Explanation says.

    traded: all bars of the run.
    """

    head: Json
    first: int
    columns: Sequence[Whole]
    traded: Bars

    def values(self, number: int, bars: Whole) -> Column:
        """A line of the head on these bars, NaN where it has no value."""
        lines = self.head["lines"]
        if "column" in lines[number]:
            return self.traded.columns[lines[number]["column"].capitalize()][bars]
        place = 2 * len(stored_lines(lines[:number]))
        numbers, known = (self.columns[each][bars - self.first] for each in (place, place + 1))
        return np.where(known, numbers / 10.0 ** lines[number]["decimals"], np.nan)

    def truths(self, place: int, bars: Whole) -> Whole:
        """Of a condition on these bars: above 0 where it held, below where not, 0 where that is unknown."""
        return self.columns[2 * len(stored_lines(self.head["lines"])) + place][bars - self.first]

    def truth(self, place: int, bar: int) -> bool | None:
        """Whether a condition held on a bar; None where that is unknown."""
        truth = self.truths(place, np.array([bar]))[0]
        return None if truth == 0 else bool(truth > 0)
