"""Explanations of a rule's signals: conditions in words, their counts, and the storage of the lines that they read.

Lines are stored as a head and parts of BARS_PER_PART bars: the truth of each condition, and of each line its values,
whole numbers of six digits, and whether it has one. 3,270 bars take 5 to 10 KB per line.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from adapters.columns import pack
from adapters.money import decimals_for
from adapters.prices.bars import Column, PriceBars, Whole
from adapters.runs.series import packed_json
from contracts.run_result import ConditionSummary
from contracts.values import Json, Values, frozen

Condition = Values  # as rules.explanation.Explanation.head says
SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠"} | {
    "crosses_above": "crosses above",
    "crosses_below": "crosses below",
}
OPPOSITES = {"<": "≥", "<=": ">", ">": "≤", ">=": "<", "==": "≠", "!=": "="} | {
    "crosses_above": "does not cross above",
    "crosses_below": "does not cross below",
}
# significant ones of a number; more where two different numbers would look the same
LEAST_DIGITS, MOST_DIGITS = 4, 8


@frozen
class BarState:
    """State of a rule on one bar: values of its lines by their places in the head, and truths of its conditions."""

    lines: Sequence[Values]
    value: Callable[[int], float | None]
    truth: Callable[[int], int]

    def met(self, condition: Condition) -> bool | None:
        """Tell whether a condition held; None where a number in it had no value."""
        return {1: True, -1: False}.get(self.truth(condition["truth"]))

    def explain(self, condition: Condition) -> str:
        """Explain why a condition held or did not, by its decisive parts."""
        return _EXPLANATIONS.get(condition["op"], _explain_comparison)(self, condition)

    def requirement(self, condition: Condition) -> str:
        """Write a comparison as the rule requires it, with the numbers of the bar."""
        return self._compared(condition, SIGNS[condition["op"]])

    def _compared(self, condition: Condition, sign: str) -> str:
        """Both sides with their numbers, of so many digits that those look different that are."""
        left, right = condition["of"]
        digits = LEAST_DIGITS
        while digits < MOST_DIGITS and self._number(left) != self._number(right):
            if self._rounded(left, digits) != self._rounded(right, digits):
                break
            digits += 1
        return f" {sign} ".join(self._text(side, digits) for side in (left, right))

    def _number(self, side: Values) -> float | None:
        return self.value(side["line"]) if "line" in side else side.get("number")

    def _rounded(self, side: Values, digits: int) -> float | None:
        value = self._number(side)
        return value if value is None or "number" in side else float(f"{value:.{digits}g}")

    def _text(self, side: Values, digits: int) -> str:
        """A number as the rule has it, or a name and its number: RSI(14) 28.4, close * 0.8 = 3.25."""
        name = name_of(side, self.lines)
        if "number" in side:
            return name
        sums = any(f" {sign} " in name for sign in "+-*/")
        return f"{name}{' =' if sums else ''} {number_text(self._number(side), digits)}"


def _explain_comparison(state: BarState, condition: Condition) -> str:
    signs = OPPOSITES if state.met(condition) is False else SIGNS
    unknown = " (unknown)" if state.met(condition) is None else ""
    return state._compared(condition, signs[condition["op"]]) + unknown


def _explain_and(state: BarState, condition: Condition) -> str:
    true_parts = [state.explain(each) for each in condition["of"] if state.met(each)]
    others = [state.explain(each) for each in condition["of"] if not state.met(each)]
    return ", but ".join(" and ".join(words) for words in (true_parts, others) if words)


def _explain_or(state: BarState, condition: Condition) -> str:
    decisive = [each for each in condition["of"] if state.met(each)] or condition["of"]
    return " and ".join(map(state.explain, decisive))


def _explain_becomes(state: BarState, condition: Condition) -> str:
    (inner,) = condition["of"]
    before = {False: ", as on the bar before", None: ", unknown on the bar before"}
    return state.explain(inner) + (
        before.get(state.met(condition), "") if state.met(inner) else ""
    )


def _explain_latest(state: BarState, condition: Condition) -> str:
    """The condition that turned it last, as it is on this bar."""
    first, second = condition["of"]
    if state.met(condition) is None:
        either = " or ".join(requirement(each, state.lines) for each in (first, second))
        return f"whether {either} held last is unknown"
    turned = first if state.met(condition) else second
    return (
        state.explain(turned)
        if state.met(turned)
        else f"{requirement(turned, state.lines)} held last"
    )


def _explain_above_for(state: BarState, condition: Condition) -> str:
    (inner,), length = condition["of"], f"for {condition['bars']} bars"
    words = state.explain(inner)
    if state.met(condition):
        return f"{words} {length}"
    return f"{words}, but not {length}" if state.met(inner) else words


def _explain_constant(state: BarState, condition: Condition) -> str:
    return f"this {'always' if state.met(condition) else 'never'} holds"


def _explain_stance(state: BarState, condition: Condition) -> str:
    return f"{condition['name']} {'agrees' if state.met(condition) else 'does not'}"


def _explain_vote(state: BarState, condition: Condition) -> str:
    members = condition["of"]
    if condition["mode"] == "any":
        return f"the latest change of a member was {'' if state.met(condition) else 'not '}to {condition['side']}"
    agreeing = [each["name"] for each in members if state.met(each)]
    named = f" ({', '.join(agreeing)})" if agreeing else ""
    return f"{len(agreeing)} of {len(members)} members agree{named}"


_EXPLANATIONS: Mapping[str, Callable[[BarState, Condition], str]] = {
    "and": _explain_and,
    "or": _explain_or,
    "not": lambda state, condition: state.explain(condition["of"][0]),
    "becomes": _explain_becomes,
    "latest": _explain_latest,
    "above_for": _explain_above_for,
    "constant": _explain_constant,
    "stance": _explain_stance,
    "vote": _explain_vote,
}


def comparisons(
    condition: Condition, member: str | None = None
) -> Iterator[tuple[str | None, Condition]]:
    """The comparisons that a condition is made of, each with the member of a vote that it belongs to."""
    if condition["op"] in SIGNS:
        yield member, condition
        return
    for each in condition["of"]:
        yield from comparisons(each, condition.get("name", member))


def requirement(condition: Condition, lines: Sequence[Values]) -> str:
    """Write a comparison as the rule requires it, or all parts of a condition, without the numbers of a bar."""
    if condition["op"] in SIGNS:
        return f" {SIGNS[condition['op']]} ".join(
            name_of(side, lines) for side in condition["of"]
        )
    parts = [requirement(each, lines) for each in condition["of"]]
    if condition["op"] in ("and", "or"):
        return f" {condition['op']} ".join(parts)
    return f"{condition['op']}({', '.join(parts)})"


def name_of(side: Values, lines: Sequence[Values]) -> str:
    """Return the name of one side of a comparison."""
    if "number" in side:
        return f"{float(side['number']):z,.10g}".replace("-", "−")
    return str(lines[side["line"]]["name"] if "line" in side else side["text"])


def number_text(value: float | None, digits: int) -> str:
    """1,234, 28.4, 0.0123; (no value) for None."""
    if value is None:
        return "(no value)"
    text = f"{value:,.{max(decimals_for(value, digits), 0)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


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

    return {**lines.head, **{side: with_counts(lines.head[side]) for side in _sides(lines.head)}}


def _nearest_bar(truth: Whole, left: Column, right: Column) -> list[float] | None:
    gaps = np.where(truth < 0, np.abs(left - right), np.nan)
    if np.isnan(gaps).all():
        return None
    nearest = int(np.nanargmin(gaps))
    return [nearest, float(left[nearest]), float(right[nearest])]


# the side that opens positions; otherwise both do
OPENING = {"longonly": ("buy",), "shortonly": ("sell",)}
Head = (
    Values  # the lines, and the conditions of both sides: see adapters.runs.explanations.counted
)


def _sides(head: Head) -> list[Literal["buy", "sell"]]:
    """Return the sides that have a condition; the lines of a strategy in Python come without any."""
    sides: tuple[Literal["buy", "sell"], ...] = ("buy", "sell")
    return [side for side in sides if side in head]


def condition_summaries(head: Head, dates: Sequence[str]) -> list[ConditionSummary]:
    """Summarize each comparison of the rule, buy before sell; dates: of the traded bars."""
    return [
        {
            "side": side,
            "member": member,
            "words": requirement(condition, head["lines"]),
            "bars": len(dates),
            "true": condition["true"],
            "unknown": condition["unknown"],
            **_nearest(condition, head, dates),  # type: ignore[typeddict-item]  # both of its keys
        }
        for side in _sides(head)
        for member, condition in comparisons(head[side])
    ]


def _nearest(condition: Condition, head: Head, dates: Sequence[str]) -> dict[str, str | None]:
    if not condition.get("nearest"):
        return {"nearest_date": None, "nearest": None}
    bar, *numbers = condition["nearest"]
    sides = (side.get("line") for side in condition["of"])
    values = dict(zip(sides, numbers, strict=True))
    state = BarState(head["lines"], values.__getitem__, lambda _: -1)
    return {"nearest_date": dates[bar], "nearest": state.explain(condition)}


def held_back(summaries: Sequence[ConditionSummary], side: str) -> str:
    """Say in sentences which parts kept a side of the rule from holding; "" without summaries."""
    parts = [each for each in summaries if each["side"] == side]
    sentences = [_sentence(each) for each in sorted(parts, key=lambda each: each["true"])]
    if len(parts) > 1 and all(each["true"] for each in parts):
        sentences.append("They were never all met on the same bar.")
    return " ".join([f"To {side}:", *sentences]) if parts else ""


def _sentence(part: ConditionSummary) -> str:
    unknown = f", unknown on {part['unknown']:,}" if part["unknown"] else ""
    words = f"{part['words']} held on {part['true'] or 'none'} of {part['bars']:,} bars{unknown}"
    if part["true"] or part["nearest"] is None:
        return f"{words}."
    return f"{words}; it came closest on {part['nearest_date']}: {part['nearest']}."
