"""Conditions on metrics, rankings by them, and params by flat names."""

import ast
import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

from adapters.metrics.table import METRIC_NAMES, METRICS_BY_NAME
from contracts.values import Json, Values, frozen

MAX_CHARACTERS = 1000
LARGEST = 1e50  # larger numbers are cut to this, beyond any metric: databases refuse a product of more than 1.8e308
MAX_NODES = 200  # nodes of one comparison, whose tree is evaluated by recursion
FORM = "comparisons (< <= > >= == !=) of {} and numbers with + - * / and parentheses, joined by 'and'"
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
_ARITHMETIC = (ast.BinOp, ast.UnaryOp, ast.USub, ast.Name, ast.Load)


@frozen
class Condition:
    """Parsed condition and the names in it."""

    text: str
    names: frozenset[str]
    comparisons: tuple[ast.Compare, ...]

    def holds(self, values: Values) -> bool:
        """Return True if the condition holds for these values; False if one is missing, null or of another type."""
        try:
            return all(self.over(values))
        except (TypeError, KeyError, ArithmeticError):
            return False

    @property
    def values(self) -> int:
        """Number of names, numbers and arithmetic operations: the cost of evaluating the condition."""
        nodes = (node for each in self.comparisons for node in ast.walk(each))
        return sum(
            isinstance(node, ast.Name | ast.Constant | ast.BinOp | ast.UnaryOp) for node in nodes
        )

    def over(self, values: Values) -> Iterator[Any]:
        """Yield each comparison, evaluated over values or, given columns, as a clause of SQL."""
        for each in self.comparisons:
            sides = [_value(node, values) for node in (each.left, *each.comparators)]
            for op, (left, right) in zip(each.ops, pairwise(sides), strict=True):
                yield _OPERATORS[type(op)](left, right)


@frozen
class Reader:
    """Parser of conditions on these names. kinds: accepted types of constants."""

    subject: str  # kind of the names, for messages
    names: Collection[str]
    kinds: tuple[type, ...] = (int, float)

    def parse(self, text: str) -> Condition:
        """Parse a condition; ValueError describes what is accepted."""
        fault = ValueError(FORM.format(self.subject))
        try:
            body = _Plain().visit(
                ast.parse(text.strip() if len(text) <= MAX_CHARACTERS else "", mode="eval").body
            )
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise fault from None
        parts = (
            body.values
            if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And)
            else [body]
        )
        if not all(map(self._is_comparison, parts)):
            raise fault
        names = frozenset(name for part in parts for name in _names(part))
        if unknown := sorted(names - set(self.names)):
            raise ValueError(
                f"{self.subject}, and {unknown[0]!r} is none: {', '.join(self.names)}"
            )
        return Condition(text, names, tuple(parts))  # type: ignore[arg-type]  # all of them are comparisons

    def parse_all(
        self, texts: Sequence[str] | str, field: str, errors: dict[str, str]
    ) -> list[Condition]:
        """Parse each of `texts`; faults go into `errors`, by field and index."""
        conditions = []
        for number, text in enumerate([texts] if isinstance(texts, str) else texts):
            try:
                conditions.append(self.parse(text))
            except ValueError as error:
                errors[f"{field}.{number}"] = f"{text[:60]!r} is not accepted; accepted: {error}"
        return conditions

    def _is_comparison(self, part: ast.expr) -> bool:
        """Return True for a comparison of names, with accepted nodes only."""
        nodes = list(ast.walk(part))[1:]
        is_small = isinstance(part, ast.Compare) and len(nodes) <= MAX_NODES
        return is_small and bool(_names(part)) and all(map(self._is_accepted, nodes))

    def _is_accepted(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Constant):
            return type(node.value) in self.kinds
        return isinstance(node, _ARITHMETIC) or type(node) in _OPERATORS


class _Plain(ast.NodeTransformer):
    """Simplify a tree: inputs.fast becomes one name, and each number a float that databases accept."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if type(node.value) not in (int, float):
            return node
        return ast.Constant(min(float(str(node.value)), LARGEST))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return (
            ast.Name(f"{node.value.id}.{node.attr}") if isinstance(node.value, ast.Name) else node
        )


def _names(part: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}


METRIC_CONDITIONS = Reader("metrics", METRIC_NAMES)


def _value(node: ast.expr, values: Values) -> Any:
    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.UnaryOp(operand=operand):
            return -_number(operand, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_number(left, values), _number(right, values))
    value = values[node.id]  # type: ignore[attr-defined]  # nothing else passes _is_accepted
    if value is None:
        raise TypeError("null cannot be compared")
    return value


def _number(node: ast.expr, values: Values) -> Any:
    number = _value(node, values)
    if isinstance(number, Sequence):
        raise TypeError("arithmetic is for numbers")  # a text times a number would be a long text
    return number


def flat_params(params: Values) -> Json:
    """Return params by name, nested ones by a dotted name: {"inputs": {"fast": 5}} has inputs.fast.

    An input with bounds, {value, min, max}, is represented by its value.
    """
    flat: Json = {}
    for name, value in params.items():
        # dict and not Mapping: twice as fast, and one page reads 20,000 runs
        if isinstance(value, dict):
            flat |= {
                f"{name}.{part}": nested.get("value") if isinstance(nested, dict) else nested
                for part, nested in value.items()
            }
        else:
            flat[name] = value
    return flat


def with_params(fixed: Values, changes: Values) -> Json:
    """Apply `changes` by flat names to `fixed`: inputs.fast sets the input `fast`, which keeps its bounds."""
    params = dict(fixed)
    for name, value in changes.items():
        group, _, part = name.partition(".")
        if not part:
            params[name] = value
            continue
        inside = params[group] if isinstance(params.get(group), Mapping) else {}
        bounds = inside.get(part)
        params[group] = {
            **inside,
            part: {**bounds, "value": value} if isinstance(bounds, Mapping) else value,
        }
    return params


Goal = Literal["max", "min"]

RUIN_PCT = 100.0  # maximum drawdown at which equity was 0 or less


@frozen
class Ranking:
    """Metric, goal, and the constraints that a run must keep to be ranked."""

    metric: str
    goal: Goal
    constraints: Sequence[Condition] = ()

    def to_json(self) -> Json:
        """Return this ranking in the form of the API."""
        return {
            "metric": self.metric,
            "goal": self.goal,
            "constraints": [each.text for each in self.constraints],
        }


DEFAULT = Ranking("sharpe_ratio", "max")


def ranking_by(metric: str, goal: Goal | None, constraints: Sequence[str]) -> Ranking:
    """Build a ranking from checked values; without a goal, by the better direction of the metric."""
    return Ranking(
        metric, goal or default_goal(metric), list(map(METRIC_CONDITIONS.parse, constraints))
    )


def default_goal(metric: str) -> Goal:
    """Return the better direction of a metric."""
    return "min" if METRICS_BY_NAME[metric].better == "low" else "max"


def is_ruined(metrics: Values) -> bool:
    """Return True if equity once fell to 0: no broker would have let the account continue."""
    return (metrics.get("max_drawdown_pct") or 0.0) >= RUIN_PCT


def tried_note(tried: int, left_out: int = 0, *, to_come: int = 0, what: str = "run") -> str:
    """Return a caveat on the best of `tried` completed runs, of which `left_out` are not ranked.

    to_come: number of runs that have not ended; the caveat waits for them.
    """
    if to_come:
        return f"Skill or luck can be judged once all {what}s have ended; {to_come:,} to go."
    if not tried:
        return f"No {what} has completed."
    runs = f"1 {what} was" if tried == 1 else f"{tried:,} {what}s were"
    note = (
        f"{runs} tried: the best of many looks better than it is (selection bias), so confirm it on dates "
        "that weren't used to choose it."
    )
    return note + (
        f" {left_out:,} excluded: constraint, no trades or ruined." if left_out else ""
    )
