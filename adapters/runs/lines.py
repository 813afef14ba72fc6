"""What a rule looked at in a run, as it is stored: a head, and parts of so many bars.

The columns of a part are those of adapters.prices.packing: of each line its values, whole numbers of six digits, and
whether it has one, then the truth of each condition. 3,270 bars take 5 to 10 KB per line.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from adapters.money import decimals_for
from adapters.prices.bars import Bars, Column, Whole
from adapters.prices.packing import packed_columns
from adapters.runs.reasons import SIGNS
from adapters.runs.stored_series import packed_json
from contracts.values import Json, Values, frozen

BARS_PER_PART = 16_384  # a point of a million bars is then found by reading a sixtieth of them
DIGITS = 6  # of the largest value of a line: a pixel of a chart is a thousandth of it


@frozen
class RunLines:
    """What a rule looked at on some of a run's bars; rules.explanation.Explanation says what each of them is."""

    head: Json
    values: Sequence[Column]
    truths: Sequence[Any]


def packed_lines(lines: RunLines) -> list[bytes]:
    """Head and parts of all lines of a run; the stored ones get their decimals, the conditions their counts."""
    columns: list[Any] = []
    for line, each in zip(lines.head["lines"], lines.values, strict=True):
        if "column" not in line:
            known = ~np.isnan(each)
            largest = float(np.abs(each[known]).max(initial=0.0))
            line["decimals"] = decimals_for(largest, DIGITS)
            columns += [_without_gaps(each, known, line["decimals"]), known.view(np.int8)]
    columns += lines.truths
    parts = [
        packed_columns([column[start : start + BARS_PER_PART] for column in columns])
        for start in range(0, len(columns[0]), BARS_PER_PART)
    ]
    return [packed_json(counted(lines)), *parts]


def _without_gaps(values: Any, known: Any, decimals: int) -> Whole:
    """Whole numbers; where there is no value, the one before, which takes no room."""
    before = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    whole: Whole = np.rint(np.nan_to_num(values[before]) * 10.0**decimals).astype(np.int64)
    return whole


def lines_on(bars: Whole, head: Json, columns: Iterator[Whole], traded: Bars) -> RunLines:
    """The lines on these bars, from what is stored of each and the prices of all; NaN where a line has no value."""
    values = []
    for line in head["lines"]:
        if "column" in line:  # it is not stored, since the prices are
            values.append(traded.columns[line["column"].capitalize()][bars])
        else:
            numbers, known = next(columns), next(columns)
            values.append(np.where(known, numbers / 10.0 ** line["decimals"], np.nan))
    return RunLines(head, values, [*columns])


def counted(lines: RunLines) -> Json:
    """Their head, which says of each condition true and unknown: on how many bars it was so.

    And nearest of a comparison: the bar on which it came closest, from 0, and both sides there; None where it was never
    false, and for a side that is no line.
    """

    def values(side: Values) -> Column | float:
        number: float = side.get("number", np.nan)
        return lines.values[side["line"]] if "line" in side else number

    def with_counts(condition: Values) -> Json:
        truth = lines.truths[condition["truth"]]
        counts = {"true": int((truth > 0).sum()), "unknown": int((truth == 0).sum())}
        if condition["op"] not in SIGNS:
            return {**condition, "of": [*map(with_counts, condition["of"])], **counts}
        sides = np.broadcast_arrays(truth, *map(values, condition["of"]))
        return {**condition, **counts, "nearest": _nearest_bar(*sides)}

    return {**lines.head, **{side: with_counts(lines.head[side]) for side in ("buy", "sell")}}


def _nearest_bar(truth: Whole, left: Column, right: Column) -> list[float] | None:
    gaps = np.where(truth < 0, np.abs(left - right), np.nan)
    if np.isnan(gaps).all():
        return None
    nearest = int(np.nanargmin(gaps))
    return [nearest, float(left[nearest]), float(right[nearest])]
