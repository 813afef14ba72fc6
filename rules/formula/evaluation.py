"""The graph of a formula computed over arrays, each node once, freed after its last use.

A number is float64, NaN where it has no value: before the first one, after a division by zero, beyond the range of
floats. A condition is int8 of 1 (true), -1 (false) and 0 (unknown, since a number in it has no value), so that `and` is
the minimum, `or` the maximum and `not` the sign (Kleene): what is unknown never becomes true by way of `not`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from rules import indicators
from rules.arrays import Array, Flags, Signals, directions, levels, shift
from rules.formula.compiling import compile_series
from rules.formula.graph import Formula, Node
from rules.prices import Prices
from rules.rolling import window_sums

Condition = Signals
SECONDS_PER_DAY = 86_400.0


def evaluate(formula: Formula, prices: Prices) -> tuple[Flags, Flags]:
    """Where buy and where sell is true, each (bars,). ValueError as for Prices."""
    held = values_of(formula, prices, (formula.buy, formula.sell))
    return held[formula.buy] > 0, held[formula.sell] > 0


def series_of(text: str, prices: Prices) -> Array:
    """A number over bars, (bars,), NaN where it has no value; FormulaError, and ValueError as for Prices."""
    formula = compile_series(text)
    line: Array = values_of(formula, prices, (formula.buy,))[formula.buy]
    return line


def values_of(formula: Formula, prices: Prices, wanted: Iterable[Node]) -> dict[Node, Any]:
    """The arrays of the `wanted` nodes of a formula; ValueError as for Prices."""
    kept = {*wanted}
    held: dict[Node, Any] = {}
    last_use = {operand: node for node in formula.nodes for operand in node.arrays}
    with np.errstate(all="ignore"):
        for node in formula.nodes:
            held[node] = _computed(node, held, prices)
            for operand in {*node.arrays} - kept:
                if last_use[operand] is node:
                    del held[operand]
    return held


def _computed(node: Node, held: Mapping[Any, Any], prices: Prices) -> Any:
    if not node.operands:
        return prices[node.op]
    arrays = node.arrays
    if node.op in BAR_BY_BAR:
        return _finite(BAR_BY_BAR[node.op](*(held.get(each, each) for each in node.operands)))
    numbers: Any = node.operands[len(arrays) :]
    if arrays[0].operands:
        return _over_values(getattr(indicators, node.op), held[arrays[0]], numbers)
    # of columns, from which other rules may ask the same
    compute = OVER_COLUMNS.get(node.op, node.op)
    return _finite(prices.indicator(compute, tuple(each.op for each in arrays), *numbers))


def _finite(made: Any) -> Any:
    """Numbers with NaN for what is infinite; conditions, and arrays of which one is taken later, as they are."""
    if isinstance(made, tuple) or made.dtype == np.int8:
        return made
    infinite = np.isinf(made)
    return np.where(infinite, np.nan, made) if infinite.any() else made


def _over_values(compute: Callable[..., Any], line: Array, numbers: tuple[Any, ...]) -> Any:
    """`compute` over the bars on which the line has a value; NaN on the others, as if they were not there."""
    known = ~np.isnan(line)
    first = int(known.argmax()) if known.any() else known.size
    where: Any = slice(first, None) if known[first:].all() else known
    made = compute(line[where], *numbers)
    if isinstance(made, tuple):
        return tuple(_placed(each, where, known.size) for each in made)
    return _finite(_placed(made, where, known.size))


def _placed(values: Array, where: Any, bars: int) -> Array:
    line = np.full(bars, np.nan)
    line[where] = values
    return line


# Comparisons are unknown where neither they nor their opposite hold, since a number has no value.
def _above(a: Any, b: Any) -> Condition:
    return levels(a > b, a <= b)


def _equal(a: Any, b: Any) -> Condition:
    return levels(a == b, (a < b) | (a > b))


def _count(condition: Condition, bars: int) -> Array:
    """On how many of the last `bars` bars it is true, unknown where one of them is."""
    known = np.where(condition == 0, np.nan, condition > 0)
    return _placed(window_sums(known, bars), slice(bars - 1, None), condition.size)


def _last(flags: Flags) -> Any:
    """The bar on which the flag was last set, -1 before the first one."""
    return np.maximum.accumulate(np.where(flags, np.arange(flags.size), -1))


def _bars_since(condition: Condition) -> Any:
    at = _last(condition > 0)
    since = np.arange(condition.size, dtype=np.float64) - at
    since[_last(condition == 0) >= at] = np.nan  # unknown since then, or never true
    return since


def _latest(a: Condition, b: Condition) -> Condition:
    stances = directions(a > 0, b > 0)
    unknown = (a == 0) | (b == 0)
    stances[_last(unknown) > _last(~unknown & (a != b))] = 0
    return stances


def _becomes(condition: Condition) -> Condition:
    """As `condition and not` the one before it, which is unknown on the first bar."""
    before = np.zeros_like(condition)
    before[1:] = condition[:-1]
    turned: Condition = np.minimum(condition, -before)
    return turned


def _mean(*prices: Array) -> Any:
    return sum(prices) / len(prices)


def _days(time: Array) -> Any:
    return np.floor(time / SECONDS_PER_DAY).astype("M8[D]")


def _day_of_month(time: Array) -> Any:
    days = _days(time)
    return (days - days.astype("M8[M]").astype("M8[D]")).astype(np.float64) + 1.0


# What keeps to its bars: operators, and functions whose arguments may lack values here and there.
BAR_BY_BAR: Mapping[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "<": lambda a, b: _above(b, a),
    "<=": lambda a, b: -_above(a, b),
    ">": _above,
    ">=": lambda a, b: -_above(b, a),
    "==": _equal,
    "!=": lambda a, b: -_equal(a, b),
    "and": lambda *conditions: np.minimum.reduce(conditions),
    "or": lambda *conditions: np.maximum.reduce(conditions),
    "not": np.negative,
    "constant": lambda close, truth: np.full_like(close, truth, np.int8),
    "output": lambda arrays, place: arrays[int(place)],
    "prev": shift,
    "change": lambda x, bars: x - shift(x, bars),
    "roc": lambda x, bars: 100.0 * (x / shift(x, bars) - 1.0),
    "abs": np.abs,
    "min": np.minimum,
    "max": np.maximum,
    "crosses_above": lambda a, b: _becomes(_above(a, b)),
    "crosses_below": lambda a, b: _becomes(_above(b, a)),
    "above_for": lambda condition, bars: _equal(_count(condition, bars), bars),
    "count": _count,
    "bars_since": _bars_since,
    "latest": _latest,
    "becomes": _becomes,
}
# What is taken from columns, which have no gaps, beside the functions of rules.indicators.
OVER_COLUMNS: Mapping[str, Callable[..., Any]] = {
    "hl2": _mean,
    "hlc3": _mean,
    "ohlc4": _mean,
    # 1970 began on a Thursday
    "day_of_week": lambda time: (_days(time).astype(np.float64) + 3.0) % 7.0 + 1.0,
    "day_of_month": _day_of_month,
    "month": lambda time: _days(time).astype("M8[M]").astype(np.int64) % 12 + 1.0,
}
