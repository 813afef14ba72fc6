"""From the texts of a rule, or of one number, to the graph that is evaluated."""

from functools import lru_cache

from rules.formula.checker import Checker
from rules.formula.graph import Formula
from rules.formula.text import FormulaError
from rules.parameters import Params


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
