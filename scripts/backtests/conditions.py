"""Conditions such as "fast < slow" or "max_drawdown_pct < 30": Python's grammar, a few of its nodes, and no eval."""

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

MAX_CHARACTERS = 200
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
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
    for comparison in comparisons:
        _check(comparison, text, names)
    return Condition(text, comparisons)


def _check(comparison: ast.Compare, text: str, names: Collection[str]) -> None:
    if not all(type(op) in _COMPARISONS for op in comparison.ops):
        raise BadCondition(f"{text!r} is not a condition; accepted: {FORM}")
    for node in (comparison.left, *comparison.comparators):
        _check_value(node, text, names)


def _check_value(node: ast.expr, text: str, names: Collection[str]) -> None:
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        _check_value(node.left, text, names)
        _check_value(node.right, text, names)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        _check_value(node.operand, text, names)
    elif (name := _name(node)) is not None:
        if name not in names:
            raise BadCondition(f"{text!r}: {name!r} is not one of {', '.join(sorted(names))}")
    elif not isinstance(node, ast.Constant) or type(node.value) not in (int, float, str):
        raise BadCondition(f"{text!r} is not a condition; accepted: {FORM}")


def _name(node: ast.expr) -> str | None:
    """The name that a node is, such as fast or inputs.fast; None for anything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def _compare(comparison: ast.Compare, values: Mapping[str, Any]) -> bool:
    left = _value(comparison.left, values)
    for op, node in zip(comparison.ops, comparison.comparators, strict=True):
        right = _value(node, values)
        if not _COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if (name := _name(node)) is not None:
        return _known(values[name])
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp):
        return -_number(node.operand, values)
    assert isinstance(node, ast.BinOp)  # nothing else passes _check_value
    return _ARITHMETIC[type(node.op)](_number(node.left, values), _number(node.right, values))


def _known(value: Any) -> Any:
    if value is None:
        raise TypeError("null compares with nothing")
    return value


def _number(node: ast.expr, values: Mapping[str, Any]) -> float:
    number = _value(node, values)
    if not isinstance(number, int | float):
        raise TypeError("arithmetic is for numbers")  # a text times a number would be a long text
    return number
