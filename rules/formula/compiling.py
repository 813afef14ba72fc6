"""From the texts of a rule, or of one number, to the graph that is evaluated, and what is doubtful about it."""

from collections.abc import Iterator
from functools import lru_cache

from rules.formula.checker import Checker
from rules.formula.graph import Formula, Node
from rules.formula.text import FormulaError
from rules.parameters import Params

OF_THIS_BAR = (
    "highest and lowest look at this bar, too; prev(highest(…)) is that of the bars before it"
)
_PRICES = {"Open", "High", "Low", "Close"}


@lru_cache(maxsize=64)  # a rule is checked first, and then built
def compile_formula(
    buy: str, sell: str, inputs: tuple[tuple[str, float], ...]
) -> tuple[Formula | None, dict[str, FormulaError]]:
    """The formula, or None with what is wrong by text. Both are shared: leave them alone. inputs: name and value."""
    checker, conditions, faults = Checker(dict(inputs)), {}, {}
    for name, text in (("buy", buy), ("sell", sell)):
        try:
            conditions[name] = checker.last_line(text, "condition")
        except FormulaError as error:
            # kept without the frames that it came through
            faults[name] = error.with_traceback(None)
    if "buy" in faults and (after := faults.get("sell")) and after.unknown:
        del faults["sell"]  # the name may be one that `buy` would have given
    if faults:
        return None, faults
    return checker.formula(**conditions), {}


def compile_series(text: str) -> Formula:
    """A number over bars, as both parts of a formula; FormulaError."""
    checker = Checker({})
    line = checker.last_line(text, "number")
    return checker.formula(line, line)


def text_faults(full: Params) -> dict[str, FormulaError]:
    """What is wrong with the texts of complete params, by buy and sell."""
    return compile_formula(full["buy"], full["sell"], tuple(full["inputs"].items()))[1]


def series_fault(text: str) -> FormulaError | None:
    """What is wrong with a text that should be a number over bars."""
    try:
        compile_series(text)
    except FormulaError as error:
        return error.with_traceback(None)
    return None


def doubts(formula: Formula) -> Iterator[str]:
    """That both conditions are one, or that one of them can never hold, in sentences."""
    if formula.buy is formula.sell:
        yield "buy and sell are the same condition: a bar on which both hold has no signal, so there will be no trade"
    for side, condition in (("buy", formula.buy), ("sell", formula.sell)):
        if _never_holds(condition):
            yield f"{side} can never hold: {OF_THIS_BAR}"


def _never_holds(condition: Node) -> bool:
    """Whether no bar can fulfil it, since it is to be beyond an extreme of which it is a part itself."""
    if condition.op in ("and", "or"):
        return (any if condition.op == "and" else all)(map(_never_holds, condition.arrays))
    if condition.op not in ("<", ">") or len(condition.arrays) < 2:
        return False
    low, high = condition.arrays if condition.op == "<" else reversed(condition.arrays)
    above = low.op == "highest" and _is_at_most(high, low.arrays[0])
    return above or (high.op == "lowest" and _is_at_most(high.arrays[0], low))


def _is_at_most(one: Node, other: Node) -> bool:
    """Whether it is no larger on any bar: it is the same, or a price beside that bar's highest or lowest one."""
    return (
        one is other or {one.op, other.op} <= _PRICES and (one.op == "Low" or other.op == "High")
    )
