"""Conditions such as "fast < slow" or "max_drawdown_pct < 30": Python's grammar, a few of its nodes, and no eval."""

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

MAX_CHARACTERS = 200
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
FORM = "comparisons (< <= > >= == !=) of names and numbers with + - * / and parentheses, joined by 'and'"


class BadCondition(ValueError):
    """The text is not a condition; the message says what is accepted."""


@dataclass(frozen=True)
class Condition:
    """A parsed condition over named values."""

    text: str
    comparisons: tuple[ast.Compare, ...]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of these values; False where a value is missing, null, or of another kind."""
        try:
            return all(_compare(each, values) for each in self.comparisons)
        except (TypeError, KeyError, ZeroDivisionError):
            return False


def parse_condition(text: str, names: Collection[str]) -> Condition:
    """The condition that `text` says of `names`; BadCondition for anything else."""
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        raise BadCondition(f"{str(text)[:60]!r} is not a condition: text of at most {MAX_CHARACTERS} characters")
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadCondition(f"{text!r} is not a condition; accepted: {FORM}") from None
    parts = body.values if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And) else [body]
    comparisons = tuple(part for part in parts if isinstance(part, ast.Compare))
    if len(comparisons) != len(parts):
        raise BadCondition(f"{text!r} compares nothing; accepted: {FORM}")
    for each in comparisons:
        if not all(type(op) in _OPERATORS for op in each.ops):
            raise BadCondition(f"{text!r} is not a condition; accepted: {FORM}")
        for node in (each.left, *each.comparators):
            _check(node, text, names)
    return Condition(text, comparisons)


def _check(node: ast.expr, text: str, names: Collection[str]) -> None:
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            _check(left, text, names)
            _check(right, text, names)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _check(operand, text, names)
        case ast.Name() | ast.Attribute(value=ast.Name()):
            if (name := ast.unparse(node)) not in names:
                raise BadCondition(f"{text!r}: {name!r} is not one of {', '.join(sorted(names))}")
        case _ if not isinstance(node, ast.Constant) or type(node.value) not in (int, float, str):
            raise BadCondition(f"{text!r} is not a condition; accepted: {FORM}")


def _compare(comparison: ast.Compare, values: Mapping[str, Any]) -> bool:
    left = _value(comparison.left, values)
    for op, node in zip(comparison.ops, comparison.comparators, strict=True):
        right = _value(node, values)
        if not _OPERATORS[type(op)](left, right):
            return False
        left = right
    return True


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_number(node.left, values), _number(node.right, values))
    if isinstance(node, ast.UnaryOp):
        return -_number(node.operand, values)
    known = values[node.id if isinstance(node, ast.Name) else ast.unparse(node)]  # fast or inputs.fast
    if known is None:
        raise TypeError("null compares with nothing")
    return known


def _number(node: ast.expr, values: Mapping[str, Any]) -> float:
    number = _value(node, values)
    if not isinstance(number, int | float):
        raise TypeError("arithmetic is for numbers")  # a text times a number would be a long text
    return number
