"""Conditions on metrics, such as "num_trades >= 5 and max_drawdown_pct < 30"; the command line reads the same ones.

Python's grammar, a few of its nodes, and no eval. The same tree is worked out over numbers and over a table's columns.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from adapters.metrics.table import METRIC_NAMES

MAX_CHARACTERS = 1000
FORM = "comparisons (< <= > >= == !=) of metrics and numbers with + - * / and parentheses, joined by 'and'"
_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition, and the metrics that it names."""

    text: str
    names: frozenset[str]
    comparisons: tuple[ast.Compare, ...]

    def holds(self, metrics: Mapping[str, Any]) -> bool:
        """Whether it is true of a run's metrics; False where one is missing or null."""
        try:
            return all(self.over(metrics))
        except (TypeError, KeyError, ZeroDivisionError):
            return False

    def over(self, values: Mapping[str, Any]) -> Iterator[Any]:
        """Each comparison, worked out over numbers, or as clauses over columns."""
        for each in self.comparisons:
            sides = [_value(node, values) for node in (each.left, *each.comparators)]
            for op, (left, right) in zip(each.ops, pairwise(sides), strict=True):
                yield _OPERATORS[type(op)](left, right)


def parse_condition(text: str) -> Condition:
    """The condition that `text` says of a run's metrics; ValueError says what is accepted."""
    try:
        body = ast.parse(text.strip(), mode="eval").body if len(text) <= MAX_CHARACTERS else ast.Pass()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(FORM) from None
    parts = body.values if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And) else [body]
    comparisons = tuple(part for part in parts if isinstance(part, ast.Compare))
    names = frozenset[str]().union(*(_names(each) for each in comparisons))
    if len(comparisons) != len(parts):
        raise ValueError(FORM)
    return Condition(text, names, comparisons)


def _names(comparison: ast.Compare) -> frozenset[str]:
    """The metrics of a comparison; ValueError when there is none, or anything else in it."""
    nodes = [node for node in ast.walk(comparison) if not isinstance(node, ast.Load | ast.USub)]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    if unknown := names - set(METRIC_NAMES):
        raise ValueError(f"metrics, and {sorted(unknown)[0]!r} is none: {', '.join(METRIC_NAMES)}")
    if not names or not all(_is_accepted(node) for node in nodes):
        raise ValueError(FORM)
    return frozenset(names)


def _is_accepted(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    return isinstance(node, ast.Compare | ast.BinOp | ast.UnaryOp | ast.Name) or type(node) in _OPERATORS


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(operand=operand):
            return -_value(operand, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.Constant(value=number):
            return number
    raise AssertionError(node)  # nothing else passes _is_accepted
