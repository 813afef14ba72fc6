"""Evaluation of a formula's graph over arrays: each node is computed once and freed after its last use.

A number is float64, NaN where it has no value: before the first one, after a division by zero, beyond the range of
floats. A condition is int8 of 1 (true), -1 (false) and 0 (unknown, since a number in it has no value), so that `and` is
the minimum, `or` the maximum and `not` the sign (Kleene): `not` never turns unknown into true.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rules import indicators
from rules.arrays import Array, Flags, Signals, directions, levels, shift
from rules.formula.compiling import Inputs, compile_series
from rules.formula.graph import Formula, Kind, Node
from rules.prices import DAY_S, OHLCV, Prices
from rules.rolling import running, window_sums

Condition = Signals


def evaluate(formula: Formula, prices: Prices) -> tuple[Flags, Flags]:
    """Return the bars on which buy and on which sell is true, each (bars,). ValueError as for Prices."""
    conditions = values_of(formula, prices, (formula.buy, formula.sell))
    return conditions[formula.buy] > 0, conditions[formula.sell] > 0


def series_of(text: str, prices: Prices, kind: Kind = "number", inputs: Inputs = ()) -> Array:
    """Evaluate the text of a number over bars, (bars,), NaN without a value; FormulaError, ValueError as for Prices.

    kind: "condition" for one of 1 (true), -1 (false) and 0 (unknown). inputs: names in the text, and their values.
    """
    formula = compile_series(text, kind, inputs)
    line: Array = values_of(formula, prices, (formula.buy,))[formula.buy]
    return line


def values_of(formula: Formula, prices: Prices, nodes: Iterable[Node]) -> dict[Node, Any]:
    """Return the arrays of some nodes of a formula, each on the bars of its frame; ValueError as for Prices."""
    results = {*nodes}
    arrays: dict[Node, Any] = {}
    last_use = {operand: node for node in formula.nodes for operand in node.arrays}
    with np.errstate(all="ignore"):
        for node in formula.nodes:
            arrays[node] = _compute(node, arrays, prices.at(node.frame))
            for operand in {*node.arrays} - results:
                if last_use[operand] is node:
                    del arrays[operand]
    return arrays


def _compute(node: Node, arrays: Mapping[Any, Any], prices: Prices) -> Any:
    if not node.operands:
        return prices[node.op]
    inputs = node.arrays
    if node.op in ("on", "of"):
        inner = inputs[0]
        return prices.at(inner.frame[len(node.frame) :]).seen_outside(arrays[inner])
    operands = (arrays.get(each, each) for each in node.operands)
    if node.op in BAR_BY_BAR:
        return _finite(BAR_BY_BAR[node.op](*operands))
    if node.op.startswith("today:"):
        return _today(node.op[len("today:") :], *operands)
    numbers: Any = node.operands[len(inputs) :]
    if any(each.op not in OHLCV for each in inputs) and node.op not in OVER_COLUMNS:
        lines = [arrays[each] for each in inputs]
        return _over_values(getattr(indicators, node.op), lines, numbers)
    # indicators of columns are shared with other rules
    compute = OVER_COLUMNS.get(node.op, node.op)
    return _finite(prices.indicator(compute, tuple(each.op for each in inputs), *numbers))


def _finite(result: Any) -> Any:
    """Replace infinite numbers by NaN; conditions, and tuples of arrays, are returned unchanged."""
    if isinstance(result, tuple) or result.dtype == np.int8:
        return result
    infinite = np.isinf(result)
    return np.where(infinite, np.nan, result) if infinite.any() else result


def _over_values(
    compute: Callable[..., Any], lines: Sequence[Array], numbers: tuple[Any, ...]
) -> Any:
    """Apply `compute` to the bars on which all lines have values, as if there were no others; NaN on the others."""
    bars, has_value = lines[0].size, ~np.isnan(lines[0])
    for line in lines[1:]:
        has_value &= ~np.isnan(line)
    first = int(has_value.argmax()) if has_value.any() else bars
    where: Any = slice(first, None) if has_value[first:].all() else has_value
    result = compute(*(line[where] for line in lines), *numbers)
    if isinstance(result, tuple):
        return tuple(_place(each, where, bars) for each in result)
    return _finite(_place(result, where, bars))


def _place(values: Array, where: Any, bars: int) -> Array:
    line = np.full(bars, np.nan)
    line[where] = values
    return line


# a comparison is unknown where neither it nor its opposite holds, since a number has no value
def _above(a: Any, b: Any) -> Condition:
    return levels(a > b, a <= b)


def _equal(a: Any, b: Any) -> Condition:
    return levels(a == b, (a < b) | (a > b))


def _count(condition: Condition, bars: int) -> Array:
    """Count the bars among the last `bars` on which the condition is true; NaN where one of them is unknown."""
    truths = np.where(condition == 0, np.nan, condition > 0)
    return _place(window_sums(truths, bars), slice(bars - 1, None), condition.size)


def _last(flags: Flags) -> Any:
    """Return the bar on which the flag was last set, -1 before the first one."""
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
    """Return where a condition is true that was false on the bar before, which is unknown for the first bar."""
    before = np.zeros_like(condition)
    before[1:] = condition[:-1]
    becomes: Condition = np.minimum(condition, -before)
    return becomes


def _mean(*prices: Array) -> Any:
    return sum(prices) / len(prices)


def _days(local: Array) -> Any:
    return np.floor(local / DAY_S).astype("M8[D]")


def _day_of_month(local: Array) -> Any:
    days = _days(local)
    return (days - days.astype("M8[M]").astype("M8[D]")).astype(np.float64) + 1.0


def _begins(local: Array) -> Flags:
    """Return where a session begins: on the first bar of a date."""
    begins: Flags = np.diff(np.floor(local / DAY_S), prepend=np.nan) != 0
    return begins


def _bars_today(local: Array) -> Array:
    return running("sum", np.ones(local.size), _begins(local))


def _session_open(local: Array, opens: Array) -> Any:
    return opens[_last(_begins(local))]


def _today(reducer: str, local: Array, line: Array, bars: int) -> Any:
    """Reduce a line over its session so far, or over the first `bars` of it; NaN before its first value."""
    begins = _begins(local)
    if bars:
        line = np.where(_bars_today(local) <= bars, line, np.nan)
    has_value = running("highest", np.where(np.isnan(line), 0.0, 1.0), begins) > 0
    return _finite(np.where(has_value, running(reducer, line, begins), np.nan))


def _vwap_today(local: Array, high: Array, low: Array, close: Array, volume: Array) -> Any:
    value = _today("sum", local, (high + low + close) / 3.0 * volume, 0)
    return value / _today("sum", local, volume, 0)


# computed bar by bar: operators, and functions whose arguments may be NaN on any bar
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
# computed from columns, which have no gaps, as are the functions of rules.indicators
OVER_COLUMNS: Mapping[str, Callable[..., Any]] = {
    "hl2": _mean,
    "hlc3": _mean,
    "ohlc4": _mean,
    # 1970 began on a Thursday
    "day_of_week": lambda time: (_days(time).astype(np.float64) + 3.0) % 7.0 + 1.0,
    "day_of_month": _day_of_month,
    "month": lambda time: _days(time).astype("M8[M]").astype(np.int64) % 12 + 1.0,
    "minute_of_day": lambda local: np.floor(local % DAY_S / 60.0),
    "bars_today": _bars_today,
    "session_open": _session_open,
    "vwap_today": _vwap_today,
}
