"""Compilation of a rule's texts, or of the text of one number, to the graph to evaluate; doubts about a graph."""

from collections.abc import Iterator
from functools import lru_cache

from rules.formula.checker import Checker
from rules.formula.graph import Formula, Kind, Node
from rules.formula.text import FormulaError
from rules.parameters import Params

OF_THIS_BAR = (
    "highest and lowest look at this bar, too; prev(highest(…)) is that of the bars before it"
)
Inputs = tuple[tuple[str, float], ...]  # names and values
_PRICES = {"Open", "High", "Low", "Close"}


@lru_cache(maxsize=64)  # a rule is first checked, then built
def compile_formula(
    buy: str, sell: str, inputs: Inputs
) -> tuple[Formula | None, dict[str, FormulaError]]:
    """Return the formula, or None and the faults by text. Both are shared: do not change. inputs: names, values."""
    checker, conditions, faults = Checker(dict(inputs)), {}, {}
    for name, text in (("buy", buy), ("sell", sell)):
        try:
            conditions[name] = checker.last_line(text, "condition")
        except FormulaError as error:
            # stored without its frames
            faults[name] = error.with_traceback(None)
    if "buy" in faults and (after := faults.get("sell")) and after.unknown:
        del faults["sell"]  # the name may be one that `buy` assigns
    if faults:
        return None, faults
    return checker.formula(**conditions), {}


@lru_cache(maxsize=64)  # every leg of a portfolio has the same text
def compile_series(text: str, kind: Kind = "number", inputs: Inputs = ()) -> Formula:
    """Compile the text of one number or condition over bars, as both parts of a formula; FormulaError."""
    checker = Checker(dict(inputs))
    line = checker.last_line(text, kind)
    return checker.formula(line, line)


def text_faults(full: Params) -> dict[str, FormulaError]:
    """Return the faults of the texts of complete params, by buy and sell."""
    return compile_formula(full["buy"], full["sell"], tuple(full["inputs"].items()))[1]


def series_fault(text: str, kind: Kind = "number", inputs: Inputs = ()) -> FormulaError | None:
    """Return the fault of a text that should be a number, or a condition, over bars, or None."""
    try:
        compile_series(text, kind, inputs)
    except FormulaError as error:
        return error.with_traceback(None)
    return None


def doubts(formula: Formula) -> Iterator[str]:
    """Yield warnings: both conditions are the same, or one of them can never hold."""
    if formula.buy is formula.sell:
        yield "buy and sell are the same condition: a bar on which both hold has no signal, so there will be no trade"
    for side, condition in (("buy", formula.buy), ("sell", formula.sell)):
        if _never_holds(condition):
            yield f"{side} can never hold: {OF_THIS_BAR}"


def _never_holds(condition: Node) -> bool:
    """Return whether no bar can meet a condition: a value beyond an extreme over bars that include it."""
    if condition.op in ("and", "or"):
        return (any if condition.op == "and" else all)(map(_never_holds, condition.arrays))
    if condition.op not in ("<", ">") or len(condition.arrays) < 2:
        return False
    low, high = condition.arrays if condition.op == "<" else reversed(condition.arrays)
    above = low.op == "highest" and _is_at_most(high, low.arrays[0])
    return above or (high.op == "lowest" and _is_at_most(high.arrays[0], low))


def _is_at_most(one: Node, other: Node) -> bool:
    """Return whether `one` is never above `other`: the same, or prices of a bar of which one is Low or High."""
    return (
        one is other or {one.op, other.op} <= _PRICES and (one.op == "Low" or other.op == "High")
    )
