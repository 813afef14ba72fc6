"""The conditions of a rule in words with numbers: what held on a bar, and what held it back."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from adapters.money import decimals_for
from contracts.values import Values, frozen

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
