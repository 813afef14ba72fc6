"""Storage of the lines that a rule used in a run: a head, and parts of BARS_PER_PART bars.

The columns of a part: the truth of each condition, and of each line its values, whole numbers of six digits, and
whether it has one. 3,270 bars take 5 to 10 KB per line.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from adapters.columns import pack
from adapters.money import decimals_for
from adapters.prices.bars import Column, PriceBars, Whole
from adapters.runs.reasons import SIGNS
from adapters.runs.stored_series import packed_json
from contracts.values import Json, Values, frozen

BARS_PER_PART = 16_384  # a point of a million bars is then found by reading a sixtieth of them
DIGITS = 6  # of the largest value of a line: a pixel of a chart is a thousandth of it


@frozen
class RunLines:
    """Lines and truths of a rule on some of a run's bars; rules.explanation.Explanation describes each field."""

    head: Json
    values: Sequence[Column]
    truths: Sequence[Any]


def packed_lines(lines: RunLines) -> list[bytes]:
    """Pack all lines of a run as head and parts; stored lines get their decimals, conditions their counts."""
    columns = {f"truth {number}": each for number, each in enumerate(lines.truths)}
    for number, (line, values) in enumerate(zip(lines.head["lines"], lines.values, strict=True)):
        if "column" not in line:
            has_value = ~np.isnan(values)
            largest = float(np.abs(values[has_value]).max(initial=0.0))
            line["decimals"] = decimals_for(largest, DIGITS)
            columns[f"line {number}"] = _without_gaps(values, has_value, line["decimals"])
            columns[f"has {number}"] = has_value
    bars = max(map(len, columns.values()))
    starts = range(0, bars, BARS_PER_PART)
    return [
        packed_json(counted(lines)),
        *(
            pack(
                {name: column[start : start + BARS_PER_PART] for name, column in columns.items()}
            )
            for start in starts
        ),
    ]


def _without_gaps(values: Any, is_number: Any, decimals: int) -> Whole:
    """Scale to whole numbers; gaps repeat the value before, which compresses to nothing."""
    before = np.maximum.accumulate(np.where(is_number, np.arange(len(values)), 0))
    whole: Whole = np.rint(np.nan_to_num(values[before]) * 10.0**decimals).astype(np.int64)
    return whole


def lines_on(bars: Whole, head: Json, columns: dict[str, Whole], traded: PriceBars) -> RunLines:
    """Restore the lines on these bars from the stored columns and the prices; NaN where a line has no value."""
    values = []
    for number, line in enumerate(head["lines"]):
        if "column" in line:  # it is not stored, since the prices are
            values.append(traded.columns[line["column"].capitalize()][bars])
        else:
            numbers = columns[f"line {number}"] / 10.0 ** line["decimals"]
            values.append(np.where(columns[f"has {number}"], numbers, np.nan))
    return RunLines(head, values, [each for name, each in columns.items() if name[:5] == "truth"])


def counted(lines: RunLines) -> Json:
    """Return the head with counts: `true` and `unknown` of each condition are numbers of bars.

    `nearest` of a comparison is the bar of its closest miss, from 0, with both sides there; None where it was never
    false, or where a side is no line.
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
