"""The parts of a formula in words: what a line is called, and whether it belongs on the price."""

from collections.abc import Mapping

from rules.formula.functions import FUNCTIONS, SERIES
from rules.formula.graph import Node, Value

ARITHMETIC = ("+", "-", "*", "/")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
CROSSES = ("crosses_above", "crosses_below")
# What people call them; everything else keeps its name in the language.
_TITLES = {
    name: name.upper()
    for name in ("sma", "ema", "wma", "vwap", "rsi", "roc", "atr", "adx", "obv")
} | {
    "macd_line": "MACD",
    "macd_signal": "MACD signal",
    "macd_histogram": "MACD histogram",
    "stochastic_k": "%K",
    "stochastic_d": "%D",
    "bollinger_upper": "upper band",
    "bollinger_middle": "middle band",
    "bollinger_lower": "lower band",
    "plus_di": "+DI",
    "minus_di": "-DI",
}
_TIERS = (("or",), ("and",), ("not",), COMPARISONS, ("+", "-"), ("*", "/"))
_BINDING = {op: tier for tier, ops in enumerate(_TIERS) for op in ops}
_CALL = len(_TIERS)  # how a call binds: stronger than all of them
_UNCHANGED = {("*", (1.0,)), ("/", (1.0,)), ("prev", (0,))}  # what they are given
_BY_OPERATION = {
    (each.computed_by or each.name, each.output): each for each in FUNCTIONS.values()
}
_SAME_UNIT = {
    "sma",
    "ema",
    "wma",
    "highest",
    "lowest",
    "prev",
    "min",
    "max",
    "abs",
    "bollinger_bands",
}
_PRICES = {"hl2", "hlc3", "ohlc4", "vwap"}
_DIFFERENCES = {"change", "stdev", "atr"}


def name_of(value: Value, names: Mapping[Node, str]) -> str:
    """What a part of a formula is called: a sum by the name that its text gives it, a call by its function."""
    if not isinstance(value, Node):
        return f"{value:.10g}"
    if value.op in ARITHMETIC and value in names:
        return names[value].replace("_", " ")
    if (value.op, value.operands[1:]) in _UNCHANGED:
        return name_of(value.operands[0], names)
    if value.op == "not":
        return f"not {_inside(value, value.operands[0], names)}"
    if value.op in _BINDING:
        return f" {value.op} ".join(_inside(value, each, names) for each in value.operands)
    return _call(value, names) if value.op not in SERIES and value.operands else value.op.lower()


def _inside(outer: Node, value: Value, names: Mapping[Node, str]) -> str:
    """A part as it stands inside an operation: in parentheses where that would bind stronger."""
    name = name_of(value, names)
    if not isinstance(value, Node) or " " not in name or name == names.get(value):
        return name
    binding, outside = _BINDING.get(value.op, _CALL), _BINDING[outer.op]
    is_loose = binding < outside or (binding == outside and outer.op in "-/")
    return f"({name})" if is_loose else name


def _call(node: Node, names: Mapping[Node, str]) -> str:
    if node.op == "constant":
        return "always" if node.operands[1] == 1.0 else "never"
    inner, output = (node.arrays[0], node.operands[1]) if node.op == "output" else (node, None)
    function = _BY_OPERATION[inner.op, output]  # type: ignore[index]  # an output's place is a whole number
    given = [name_of(each, names) for each in inner.operands[len(function.columns) :]]
    title = _TITLES.get(function.name, function.name)
    if function.name in _TITLES and given[:1] == ["close"]:
        del given[0]  # what an indicator is taken of unless something else is said
    if function.name == "prev" and given[1] == "1":
        del given[1]
    return f"{title}({', '.join(given)})" if given else title


def unit_of(value: Value) -> str:
    """price, change (a difference of prices), volume, number (no unit), or other."""
    if not isinstance(value, Node):
        return "number"
    if not value.operands:
        return {"Volume": "volume", "Time": "other"}.get(value.op, "price")
    if value.op in _PRICES:
        return "price"
    units = [unit_of(each) for each in value.operands]
    if value.op in _DIFFERENCES:
        return "change" if units[0] == "price" else "other"
    if value.op in _SAME_UNIT or value.op == "output":
        return units[0]
    return _unit_of_sum(value.op, units[0], units[1]) if value.op in ARITHMETIC else "other"


def _unit_of_sum(sign: str, left: str, right: str) -> str:
    if sign == "-" and left == right == "price":
        return "change"
    if right == "number" or (sign in "+-" and right in (left, "change")):
        return left
    is_right = left == "change" if sign in "+-" else left == "number" and sign == "*"
    return right if is_right else "other"
