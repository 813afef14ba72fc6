"""What a rule looks at, and on which bars its conditions hold: lines for a chart, truths for an answer to "why"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rules.arrays import Array, Signals
from rules.base import BaseRule
from rules.composite import CompositeRule
from rules.formula.evaluation import values_of
from rules.formula.graph import Node, Value
from rules.formula.words import COMPARISONS, CROSSES, name_of, unit_of
from rules.prices import Prices

MAX_LINES = 24  # further parts of a large formula keep their names, but not their values


@dataclass(frozen=True, slots=True)
class Explanation:
    """A rule's lines and the truth of its conditions on the traded bars.

    values: of each line that is no column, (bars,) float64, NaN where it has none. truths: (bars,) int8 of 1 (true), -1
    (false) and 0 (unknown). head: JSON values.
    "lines": name, pane ("price" or "below"), group (lines that share a pane), levels, and the column if it is a price.
    "buy", "sell": a condition. It has
    op: a comparison, crosses_above, crosses_below, and, or, not, becomes, latest, above_for, constant, vote or stance;
    of: its conditions, or the two sides of a comparison, each {"line": n}, {"number": x} or {"text": name};
    truth: its place in `truths`; true, unknown: on how many bars it was so;
    nearest: of a comparison that was false somewhere, the bar on which it came closest, and both sides there.
    """

    head: dict[str, Any]
    values: list[Array]
    truths: list[Signals]


def explain(rule: BaseRule, prices: Prices, first_bar: int = 0) -> Explanation:
    """The explanation of a rule's signals from `first_bar` on; ValueError as for BaseRule.generate_signals."""
    found = _Found(first_bar)
    read = found.vote if isinstance(rule, CompositeRule) else found.rule
    return Explanation({"lines": found.lines} | read(rule, prices), found.values, found.truths)  # type: ignore[arg-type]


class _Found:
    """Lines and truths as they are met; a line that is met twice is one."""

    def __init__(self, first_bar: int) -> None:
        self.lines: list[dict[str, Any]] = []
        self.values: list[Array] = []
        self.truths: list[Signals] = []
        self.first_bar = first_bar

    def rule(self, rule: BaseRule, prices: Prices) -> dict[str, Any]:
        """Both conditions of a rule, with their lines."""
        conditions = [node for node in rule.formula.nodes if node.kind == "condition"]
        compared = [each for node in conditions if _compares(node) for each in node.arrays]
        held = values_of(rule.formula, prices, {*conditions, *compared})
        reader = _Reader(self, rule.formula.names, held)
        both = {"buy": reader.read(rule.formula.buy), "sell": reader.read(rule.formula.sell)}
        for node in filter(_compares, conditions):  # also those inside numbers, such as bars_since(a > b)
            reader.compared(node)
        return both

    def vote(self, rule: CompositeRule, prices: Prices) -> dict[str, Any]:
        """Both sides of a vote: the stance of each member, with the member's own conditions."""
        members = [(each.label, prices.held(each.signals(prices)), self.rule(each, prices)) for each in rule.members]
        signals, both = rule.signals(prices), {}
        for side, sign in (("buy", 1), ("sell", -1)):
            stances = [
                self.condition("stance", stances * np.int8(sign), [own[side]]) | {"name": label}
                for label, stances, own in members
            ]
            outcome = self.condition("vote", prices.levels(signals == sign, signals != sign), stances)
            both[side] = outcome | {"mode": rule.params["mode"], "side": side}
        return both

    def condition(self, op: str, truth: Signals, of: list[dict[str, Any]]) -> dict[str, Any]:
        """A condition in the form of Explanation.head; its truth is kept."""
        traded = truth[self.first_bar :]
        self.truths.append(traded)
        counts = {"true": int((traded > 0).sum()), "unknown": int((traded == 0).sum())}
        return {"op": op, "truth": len(self.truths) - 1, "of": of, **counts}

    def line(self, node: Node, name: str, values: Array) -> dict[str, Any]:
        """A reference to a line, which is kept unless there are too many."""
        known = next((place for place, each in enumerate(self.lines) if each["name"] == name), len(self.lines))
        if known == MAX_LINES:
            return {"text": name}
        if known == len(self.lines):
            unit, column = unit_of(node), {} if node.operands else {"column": node.op.lower()}
            pane, group = ("price", "price") if unit == "price" else ("below", "volume" if unit == "volume" else name)
            self.lines.append({"name": name, "pane": pane, "group": group, "levels": [], **column})
            if not column:
                self.values.append(values[self.first_bar :])
        return {"line": known}

    def put_together(self, left: dict[str, Any], right: dict[str, Any]) -> None:
        """Let two compared lines share a pane, or a line have a level."""
        line, other = (left, right) if "line" in left else (right, left)
        if "line" not in line:
            return
        shown = self.lines[line["line"]]
        if "number" in other and other["number"] not in shown["levels"]:
            shown["levels"].append(other["number"])
        if "line" in other and self.lines[other["line"]]["pane"] == shown["pane"]:
            left_over = self.lines[other["line"]]["group"]
            for each in self.lines:
                if each["group"] == left_over:
                    each["group"] = shown["group"]


class _Reader:
    """Reads the conditions of one formula, whose nodes have these names and values."""

    def __init__(self, found: _Found, names: Mapping[Node, str], held: Mapping[Node, Any]) -> None:
        self._found, self._names, self._held = found, names, held

    def read(self, node: Node) -> dict[str, Any]:
        """A condition with all that it is made of."""
        if _compares(node):
            return self._found.condition(node.op, self._held[node], self.compared(node)) | self._nearest(node)
        inner = [self.read(each) for each in node.arrays if each.kind == "condition"]
        bars = {"bars": node.operands[1]} if node.op == "above_for" else {}
        return self._found.condition(node.op, self._held[node], inner) | bars

    def compared(self, node: Node) -> list[dict[str, Any]]:
        """Both sides of a comparison."""
        left, right = map(self._side, node.operands)
        self._found.put_together(left, right)
        return [left, right]

    def _side(self, value: Value) -> dict[str, Any]:
        if not isinstance(value, Node):
            return {"number": value}
        return self._found.line(value, name_of(value, self._names), self._held[value])

    def _nearest(self, node: Node) -> dict[str, Any]:
        """Where a comparison was false by the least; nothing where it never was."""
        traded = slice(self._found.first_bar, None)
        false = np.flatnonzero(self._held[node][traded] < 0)
        if not false.size:
            return {}
        left, right = (self._held[each][traded][false] if isinstance(each, Node) else each for each in node.operands)
        at = int(np.abs(left - right).argmin())
        return {"nearest": [int(false[at]), *(float(np.broadcast_to(each, false.shape)[at]) for each in (left, right))]}


def _compares(node: Node) -> bool:
    return node.op in (*COMPARISONS, *CROSSES)
