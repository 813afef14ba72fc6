"""Explanation of a rule's signals: lines for a chart, and on which bars each condition is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rules.arrays import Array, Signals
from rules.base import BaseRule
from rules.catalog import CompositeRule
from rules.formula.evaluation import values_of
from rules.formula.functions import FUNCTIONS, SERIES
from rules.formula.graph import Frame, Node, Value
from rules.parameters import Json
from rules.prices import OHLCV, Prices

MAX_LINES = 24  # further parts of a large formula have names, but no values
ARITHMETIC = ("+", "-", "*", "/")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
# titles; everything else keeps its name in the language
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
_PAIRS = (("<", ">="), (">", "<="), ("==", "!="), ("and", "or"))
_OPPOSITES = dict(_PAIRS) | {second: first for first, second in _PAIRS}
_TIERS = (("or",), ("and",), ("not",), COMPARISONS, ("+", "-"), ("*", "/"))
_BINDING = {op: tier for tier, ops in enumerate(_TIERS) for op in ops}
_CALL = len(_TIERS)  # a call binds stronger than all operators
_UNCHANGED = {
    ("*", (1.0,)),
    ("/", (1.0,)),
    ("prev", (0,)),
}  # operations that return their operand
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
    "on",
}
_PRICES = {"hl2", "hlc3", "ohlc4", "vwap", "vwap_today", "session_open"}
_DIFFERENCES = {"change", "stdev", "atr"}


class Explanation:
    """A rule's lines and the truth of its conditions from `first_bar` on; ValueError as for BaseRule.generate_signals.

    values: of each line, (bars,) float64, NaN where it has none. truths: (bars,) int8 of 1 (true), -1 (false) and 0
    (unknown). head: JSON values.
    "lines": name, pane ("price" or "below"), group (lines that share a pane), levels, and the column if it is a price.
    "buy", "sell": a condition. It has
    op: a comparison, crosses_above, crosses_below, and, or, not, becomes, latest, above_for, constant, vote or stance;
    of: its conditions, or the two sides of a comparison, each {"line": n}, {"number": x} or {"text": name};
    truth: its place in `truths`.
    """

    def __init__(self, rule: BaseRule, prices: Prices, first_bar: int = 0) -> None:
        self._lines: list[Json] = []  # in order of appearance, each once
        self.values: list[Array] = []
        self.truths: list[Signals] = []
        self._prices, self._traded = prices, slice(first_bar, None)
        # of the formula that is being read: names of its nodes, and their arrays
        self._names: Mapping[Node, str] = {}
        self._arrays: Mapping[Any, Any] = {}
        both = self._vote(rule) if isinstance(rule, CompositeRule) else self._rule(rule)
        self.head = {"lines": self._lines} | both

    def _rule(self, rule: BaseRule) -> Json:
        """Read both conditions of a rule, with their lines."""
        formula = rule.formula
        conditions = [node for node in formula.nodes if node.kind == "condition"]
        compared = [node for node in conditions if _compares(node)]
        sides = [side for node in compared for side in node.arrays]
        self._names = formula.names
        arrays = values_of(formula, self._prices, {*conditions, *sides})
        self._arrays = {node: self._prices.seen_from(node.frame, arrays[node]) for node in arrays}
        both = {"buy": self._read(formula.buy), "sell": self._read(formula.sell)}
        for node in compared:  # also those inside numbers, such as bars_since(a > b)
            self._compared(node)
        return both

    def _vote(self, rule: CompositeRule) -> Json:
        """Read both sides of a vote: the stance of each member, with the member's conditions."""
        prices = self._prices
        members = [
            (each.label, prices.carry_forward(each.signals(prices)), self._rule(each))
            for each in rule.members
        ]
        signals, both = rule.signals(prices), {}
        for side, sign in (("buy", 1), ("sell", -1)):
            stances = [
                self._condition("stance", stance * np.int8(sign), [conditions[side]])
                | {"name": label}
                for label, stance, conditions in members
            ]
            outcome = self._condition(
                "vote", prices.levels(signals == sign, signals != sign), stances
            )
            both[side] = outcome | {"mode": rule.params["mode"], "side": side}
        return both

    def _read(self, node: Node, holds: bool = True) -> Json:
        """Read a condition with its parts; with `holds` False its negation, which is pushed down into the parts."""
        if node.op == "not":
            return self._read(node.arrays[0], not holds)
        if node.op in ("on", "of"):  # the arrays of other bars are those that these bars see
            return self._read(node.arrays[0], holds)
        truth = self._arrays[node]
        if not holds and node.op not in _OPPOSITES:
            return self._condition("not", -truth, [self._read(node)])
        op, truth = (node.op, truth) if holds else (_OPPOSITES[node.op], -truth)
        if _compares(node):
            return self._condition(op, truth, self._compared(node))
        inner = [self._read(each, holds) for each in node.arrays if each.kind == "condition"]
        bars = {"bars": node.operands[1]} if op == "above_for" else {}
        return self._condition(op, truth, inner) | bars

    def _condition(self, op: str, truth: Signals, of: list[Json]) -> Json:
        """Store the truth of a condition; return the condition in the form of Explanation.head."""
        self.truths.append(truth[self._traded])
        return {"op": op, "truth": len(self.truths) - 1, "of": of}

    def _compared(self, node: Node) -> list[Json]:
        """Read both sides of a comparison: two lines get one pane, a number becomes a level of the line."""
        left, right = sides = [self._side(value) for value in node.operands]
        line, other = (left, right) if "line" in left else (right, left)
        if "line" in line:
            drawn = self._lines[line["line"]]
            if "line" in other:
                self._share_pane(drawn, self._lines[other["line"]])
            elif "number" in other and other["number"] not in drawn["levels"]:
                drawn["levels"].append(other["number"])
        return sides

    def _share_pane(self, line: Json, other: Json) -> None:
        merged = other["group"]
        for each in self._lines:
            if each["group"] == merged and other["pane"] == line["pane"]:
                each["group"] = line["group"]

    def _side(self, value: Value) -> Json:
        """Read a side of a comparison: a number, or a line, which is stored unless there are too many."""
        if not isinstance(value, Node):
            return {"number": value}
        name = self._within(value.frame, self._name(value))
        names = [each["name"] for each in self._lines]
        if name in names:
            return {"line": names.index(name)}
        if len(names) == MAX_LINES:
            return {"text": name}
        self._lines.append(_line(value, name))
        self.values.append(self._arrays[value][self._traded])
        return {"line": len(names)}

    def _name(self, value: Value) -> str:
        """Name a part of a formula: a sum by the name that its text gives it, a call by its function."""
        if not isinstance(value, Node):
            return f"{value:.10g}"
        if value.op in ARITHMETIC and value in self._names:
            return self._names[value].replace("_", " ")
        if (value.op, value.operands[1:]) in _UNCHANGED:
            return self._name(value.operands[0])
        if value.op in ("on", "of"):
            inner = value.arrays[0]
            return self._within(inner.frame[len(value.frame) :], self._name(inner))
        if value.op == "not":
            return f"not {self._inside(value, value.operands[0])}"
        if value.op in _BINDING:
            return f" {value.op} ".join(self._inside(value, each) for each in value.operands)
        return (
            self._call(value) if value.op not in SERIES and value.operands else value.op.lower()
        )

    def _within(self, frame: Frame, name: str) -> str:
        """Name what is on other bars: on("1w", SMA(close, 20))."""
        for op, series, *_ in reversed(frame):
            name = f'{op}("{series}", {name})'
        return name

    def _inside(self, outer: Node, value: Value) -> str:
        """Name an operand of an operation, in parentheses where the operation binds stronger."""
        name = self._name(value)
        if not isinstance(value, Node) or " " not in name or name == self._names.get(value):
            return name
        binding, outside = _BINDING.get(value.op, _CALL), _BINDING[outer.op]
        is_loose = binding < outside or (binding == outside and outer.op in "-/")
        return f"({name})" if is_loose else name

    def _call(self, node: Node) -> str:
        if node.op == "constant":
            return "always" if node.operands[1] == 1.0 else "never"
        inner, output = (
            (node.arrays[0], node.operands[1]) if node.op == "output" else (node, None)
        )
        op, *reducer = inner.op.split(":")
        function = _BY_OPERATION[op, output]  # type: ignore[index]  # an output's place is a whole number
        operands = [self._name(each) for each in inner.operands[len(function.columns) :]]
        arguments = [*reducer, *operands]
        title = _TITLES.get(function.name, function.name)
        if function.name in _TITLES and arguments[:1] == ["close"]:
            del arguments[0]  # the usual input of an indicator
        if (function.name, arguments[-1:]) in (("prev", ["1"]), ("today", ["0"])):
            del arguments[-1]
        return f"{title}({', '.join(arguments)})" if arguments else title


def _line(node: Node, name: str) -> Json:
    unit = unit_of(node)
    is_price = node.op in OHLCV and not node.frame
    column = {"column": node.op.lower()} if is_price else {}
    pane = "price" if unit == "price" else "below"
    group = unit if unit in ("price", "volume") else name
    return {"name": name, "pane": pane, "group": group, "levels": [], **column}


def _compares(node: Node) -> bool:
    return node.op in (*COMPARISONS, "crosses_above", "crosses_below")


def unit_of(value: Value) -> str:
    """Return the unit: price, change (a difference of prices), volume, number (no unit), or other."""
    if not isinstance(value, Node):
        return "number"
    if any(step[0] == "of" for step in value.frame) or value.op == "of":
        return "other"  # the prices of another ticker may be in another currency
    if not value.operands:
        unit = "price" if value.op in OHLCV else "other"
        return "volume" if value.op == "Volume" else unit
    if value.op in _PRICES:
        return "price"
    units = [unit_of(each) for each in value.operands]
    if value.op in ("today:highest", "today:lowest"):
        return units[1]
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
