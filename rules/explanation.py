"""What a rule looks at, and on which bars its conditions hold: lines for a chart, truths for an answer to "why"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rules.arrays import Array, Signals
from rules.base import BaseRule
from rules.composite import CompositeRule
from rules.formula.evaluation import values_of
from rules.formula.graph import Node, Value
from rules.formula.words import COMPARISONS, CROSSES, name_of, unit_of
from rules.parameters import Json
from rules.prices import Prices

MAX_LINES = 24  # further parts of a large formula keep their names, but not their values


class Explanation:
    """A rule's lines and the truth of its conditions from `first_bar` on; ValueError as for BaseRule.generate_signals.

    values: of each line that is no column, (bars,) float64, NaN where it has none. truths: (bars,) int8 of 1 (true), -1
    (false) and 0 (unknown). head: JSON values.
    "lines": name, pane ("price" or "below"), group (lines that share a pane), levels, and the column if it is a price.
    "buy", "sell": a condition. It has
    op: a comparison, crosses_above, crosses_below, and, or, not, becomes, latest, above_for, constant, vote or stance;
    of: its conditions, or the two sides of a comparison, each {"line": n}, {"number": x} or {"text": name};
    truth: its place in `truths`; true, unknown: on how many bars it was so;
    nearest: of a comparison that was false somewhere, the bar on which it came closest, and both sides there.
    """

    def __init__(self, rule: BaseRule, prices: Prices, first_bar: int = 0) -> None:
        self._lines: list[Json] = []  # as they are met; one that is met twice is one
        self.values: list[Array] = []
        self.truths: list[Signals] = []
        self._prices, self._traded = prices, slice(first_bar, None)
        # those of the formula that is read, and the arrays of its nodes
        self._names: Mapping[Node, str] = {}
        self._held: Mapping[Any, Any] = {}
        both = self._vote(rule) if isinstance(rule, CompositeRule) else self._rule(rule)
        self.head = {"lines": self._lines} | both

    def _rule(self, rule: BaseRule) -> Json:
        """Both conditions of a rule, with their lines."""
        formula = rule.formula
        conditions = [node for node in formula.nodes if node.kind == "condition"]
        compared = [node for node in conditions if _compares(node)]
        sides = [side for node in compared for side in node.arrays]
        self._names = formula.names
        self._held = values_of(formula, self._prices, {*conditions, *sides})
        both = {"buy": self._read(formula.buy), "sell": self._read(formula.sell)}
        for node in compared:  # also those inside numbers, such as bars_since(a > b)
            self._compared(node)
        return both

    def _vote(self, rule: CompositeRule) -> Json:
        """Both sides of a vote: the stance of each member, with the member's own conditions."""
        prices = self._prices
        members = [
            (each.label, prices.held(each.signals(prices)), self._rule(each))
            for each in rule.members
        ]
        signals, both = rule.signals(prices), {}
        for side, sign in (("buy", 1), ("sell", -1)):
            stances = [
                self._condition("stance", stance * np.int8(sign), [own[side]]) | {"name": label}
                for label, stance, own in members
            ]
            outcome = self._condition(
                "vote", prices.levels(signals == sign, signals != sign), stances
            )
            both[side] = outcome | {"mode": rule.params["mode"], "side": side}
        return both

    def _read(self, node: Node) -> Json:
        """A condition with all that it is made of."""
        if _compares(node):
            return self._condition(
                node.op, self._held[node], self._compared(node)
            ) | self._nearest(node)
        inner = [self._read(each) for each in node.arrays if each.kind == "condition"]
        bars = {"bars": node.operands[1]} if node.op == "above_for" else {}
        return self._condition(node.op, self._held[node], inner) | bars

    def _condition(self, op: str, truth: Signals, of: list[Json]) -> Json:
        """A condition in the form of Explanation.head; its truth is kept."""
        traded = truth[self._traded]
        self.truths.append(traded)
        counts = {"true": int((traded > 0).sum()), "unknown": int((traded == 0).sum())}
        return {"op": op, "truth": len(self.truths) - 1, "of": of, **counts}

    def _compared(self, node: Node) -> list[Json]:
        """Both sides of a comparison, of which lines share a pane, and a number is a line's level."""
        left, right = sides = [self._side(value) for value in node.operands]
        line, other = (left, right) if "line" in left else (right, left)
        if "line" in line:
            shown = self._lines[line["line"]]
            if "line" in other:
                self._put_beside(shown, self._lines[other["line"]])
            elif "number" in other and other["number"] not in shown["levels"]:
                shown["levels"].append(other["number"])
        return sides

    def _put_beside(self, line: Json, other: Json) -> None:
        leaving = other["group"]
        for each in self._lines:
            if each["group"] == leaving and other["pane"] == line["pane"]:
                each["group"] = line["group"]

    def _side(self, value: Value) -> Json:
        """A number, or a line, which is kept unless there are too many."""
        if not isinstance(value, Node):
            return {"number": value}
        name, known = name_of(value, self._names), [each["name"] for each in self._lines]
        if name in known:
            return {"line": known.index(name)}
        if len(known) == MAX_LINES:
            return {"text": name}
        self._lines.append(_line(value, name))
        if value.operands:
            self.values.append(self._held[value][self._traded])
        return {"line": len(known)}

    def _nearest(self, node: Node) -> Json:
        """Where a comparison was false by the least; nothing where it never was."""
        [false] = np.nonzero(self._held[node][self._traded] < 0)
        if not false.size:
            return {}
        sides = np.broadcast_arrays(*(self._held.get(each, each) for each in node.operands))
        left, right = (side[self._traded][false] for side in sides)
        at = int(np.abs(left - right).argmin())
        return {"nearest": [int(false[at]), float(left[at]), float(right[at])]}


def _line(node: Node, name: str) -> Json:
    unit = unit_of(node)
    column = {} if node.operands else {"column": node.op.lower()}
    pane = "price" if unit == "price" else "below"
    group = unit if unit in ("price", "volume") else name
    return {"name": name, "pane": pane, "group": group, "levels": [], **column}


def _compares(node: Node) -> bool:
    return node.op in (*COMPARISONS, *CROSSES)
