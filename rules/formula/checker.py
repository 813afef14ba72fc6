"""From text to a graph of typed operations; nothing is computed but arithmetic of plain numbers."""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from rules.formula.functions import FUNCTIONS, SERIES, Argument, Function
from rules.formula.graph import Formula, Graph, Node, Value
from rules.formula.limits import LARGEST, MAX_BARS, MAX_DEPTH, MAX_NAMES
from rules.formula.text import FormulaError, parse, part_of

WORDS = frozenset({*SERIES, *FUNCTIONS, "and", "or", "not"})

_ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[[float, float], float]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[float, float], bool]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
_PARTS = "numbers, names, + - * /, comparisons, and, or, not, and functions of the list"


def compile_formula(buy: str, sell: str, inputs: Mapping[str, float]) -> tuple[Formula | None, dict[str, FormulaError]]:
    """The formula, or None with what is wrong by text. Both are shared: leave them alone."""
    return _compiled(buy, sell, tuple(inputs.items()))


@lru_cache(maxsize=64)  # a rule is checked first, and then built
def _compiled(
    buy: str, sell: str, inputs: tuple[tuple[str, float], ...]
) -> tuple[Formula | None, dict[str, FormulaError]]:
    checker, conditions, faults = _Checker(dict(inputs)), {}, {}
    for name, text in (("buy", buy), ("sell", sell)):
        try:
            conditions[name] = checker.condition(text)
        except FormulaError as error:
            faults[name] = error.with_traceback(None)  # kept without the frames that it came through
    if "buy" in faults and (after := faults.get("sell")) and after.unknown:
        del faults["sell"]  # the name may be one that `buy` would have given
    if faults:
        return None, faults
    return checker.graph.formula(conditions["buy"], conditions["sell"], checker.names()), {}


def free_names(*texts: str) -> list[str]:
    """The names that are to be inputs, as they are met: neither known here nor given a value by a line.

    FormulaError for a text that cannot be read.
    """
    nodes = [node for text in texts for line in parse(text) for node in ast.walk(line)]
    given = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    read = [node for node in nodes if isinstance(node, ast.Name) and id(node) not in called]
    return list(dict.fromkeys(node.id for node in read if node.id not in given | WORDS))


def _fault(node: ast.expr | ast.stmt, message: str, unknown: str | None = None) -> FormulaError:
    return FormulaError(message, node.lineno, node.col_offset + 1, unknown)


def _near(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names as a question; nothing where none is near."""
    from difflib import get_close_matches  # for a fault only: a Job pays for its imports

    near = get_close_matches(name.lower(), list(known), 1)
    return f"; did you mean `{near[0]}`?" if near else ""


class _Checker:
    """Reads the texts of one rule; equal parts become one node, in both texts."""

    def __init__(self, inputs: Mapping[str, float]) -> None:
        self.graph = Graph()
        self._values: dict[str, Value] = {name: float(value) for name, value in inputs.items()}
        self._text = ""
        self._read: dict[type[ast.expr], Callable[[Any, int], Value]] = {
            ast.Constant: self._number,
            ast.Name: self._name,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._arithmetic,
            ast.BoolOp: self._joined,
            ast.Compare: self._comparison,
            ast.Call: self._call,
        }

    def condition(self, text: str) -> Node:
        """The condition on the last line, after the names of the lines before; FormulaError."""
        self._text = text
        *lines, last = parse(text)
        for line in lines:
            self._assign(line)
        if not isinstance(last, ast.Expr):
            raise _fault(last, "the last line must be a condition, such as close > sma(close, 200)")
        return self._condition(last.value, 1, "the last line must be a condition")

    def names(self) -> dict[Node, str]:
        """The nodes that were given a name, by the first one that each was given."""
        return {node: name for name, node in reversed(self._values.items()) if isinstance(node, Node)}

    def _assign(self, line: ast.stmt) -> None:
        if not isinstance(line, ast.Assign) or len(line.targets) != 1 or not isinstance(line.targets[0], ast.Name):
            raise _fault(line, "lines before the last one read `name = expression`")
        name = line.targets[0].id
        if name in WORDS or name in self._values:
            raise _fault(line, f"`{name}` has a meaning already; choose another name")
        if len(self._values) >= MAX_NAMES:
            raise _fault(line, f"more than {MAX_NAMES} names, inputs included")
        self._values[name] = self._value(line.value, 1)

    def _value(self, node: ast.expr, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise _fault(node, f"more than {MAX_DEPTH} expressions inside each other")
        read = self._read.get(type(node))
        if read is None:
            raise _fault(node, f"{self._quoted(node)} is no part of a formula, which has {_PARTS}")
        value = read(node, depth)
        if isinstance(value, float) and not (isfinite(value) and abs(value) < LARGEST):
            raise _fault(node, f"{self._quoted(node)} is too large; numbers are below 1e15")
        return value

    def _quoted(self, node: ast.expr) -> str:
        return f"`{part_of(self._text, node)}`"

    def _condition(self, node: ast.expr, depth: int, wanted: str) -> Node:
        value = self._value(node, depth)
        if isinstance(value, float) or value.kind != "condition":
            raise _fault(node, f"{self._quoted(node)} is a number; {wanted}")
        return value

    def _numeric(self, node: ast.expr, depth: int, wanted: str) -> Value:
        value = self._value(node, depth)
        if isinstance(value, Node) and value.kind != "number":
            raise _fault(node, f"{self._quoted(node)} is a condition; {wanted}")
        return value

    def _number(self, node: ast.Constant, depth: int) -> float:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise _fault(node, f"`{node.value!r}` is no part of a formula; a comparison makes a condition")
        try:
            return float(node.value)
        except OverflowError:
            return float("inf")

    def _name(self, node: ast.Name, depth: int) -> Value:
        name = node.id
        if name in self._values:
            return self._values[name]
        if name in SERIES:
            columns = tuple(map(self.graph.column, SERIES[name].columns))
            return columns[0] if name == SERIES[name].columns[0].lower() else self.graph.node(name, columns, "number")
        if name in FUNCTIONS:
            raise _fault(node, f"`{name}` is a function: {FUNCTIONS[name].signature}")
        meant = _near(name, [*SERIES, *self._values, *FUNCTIONS])
        raise _fault(node, f"`{name}` is not known: give it a value as an input{meant}", name)

    def _unary(self, node: ast.UnaryOp, depth: int) -> Value:
        if isinstance(node.op, ast.Not):
            negated = self._condition(node.operand, depth + 1, "`not` needs a condition")
            return self.graph.node("not", (negated,), "condition")
        if isinstance(node.op, ast.Invert):
            raise _fault(node, "`~` has no meaning here: write `not`")
        value = self._numeric(node.operand, depth + 1, "a sign needs a number")
        if isinstance(node.op, ast.UAdd):
            return value
        return -value if isinstance(value, float) else self.graph.node("-", (0.0, value), "number")

    def _arithmetic(self, node: ast.BinOp, depth: int) -> Value:
        if type(node.op) not in _ARITHMETIC:
            raise _fault(node, f"{self._quoted(node)}: arithmetic is + - * / only")
        sign, compute = _ARITHMETIC[type(node.op)]
        left, right = (self._numeric(each, depth + 1, f"`{sign}` needs numbers") for each in (node.left, node.right))
        if right == 0.0 and sign == "/":
            raise _fault(node.right, f"{self._quoted(node)} divides by zero")
        if isinstance(left, float) and isinstance(right, float):
            return compute(left, right)
        return self.graph.node(sign, (left, right), "number")

    def _joined(self, node: ast.BoolOp, depth: int) -> Node:
        word = "and" if isinstance(node.op, ast.And) else "or"
        conditions = (self._condition(each, depth + 1, f"`{word}` needs conditions") for each in node.values)
        return self._all_of(word, tuple(conditions))

    def _all_of(self, word: str, conditions: tuple[Node, ...]) -> Node:
        return self.graph.node(word, conditions, "condition") if len(conditions) > 1 else conditions[0]

    def _comparison(self, node: ast.Compare, depth: int) -> Node:
        """The comparison; a chain is all of its comparisons, with what is between them read once."""
        signs = [self._sign(node, op) for op in node.ops]
        wanted = f"`{signs[0][0]}` compares numbers"
        sides = [self._numeric(each, depth + 1, wanted) for each in (node.left, *node.comparators)]
        pairs = zip(sides, signs, sides[1:], strict=False)
        return self._all_of("and", tuple(self._compared(*sign, left, right) for left, sign, right in pairs))

    def _sign(self, node: ast.Compare, op: ast.cmpop) -> tuple[str, Callable[[float, float], bool]]:
        if type(op) not in _COMPARISONS:
            raise _fault(node, f"{self._quoted(node)}: comparisons are < <= > >= == != only")
        return _COMPARISONS[type(op)]

    def _compared(self, sign: str, compare: Callable[[float, float], bool], left: Value, right: Value) -> Node:
        if isinstance(left, float) and isinstance(right, float):
            truth = 1.0 if compare(left, right) else -1.0
            return self.graph.node("constant", (self.graph.column("Close"), truth), "condition")
        return self.graph.node(sign, (left, right), "condition")

    def _call(self, node: ast.Call, depth: int) -> Value:
        function = self._function(node)
        given, wanted = len(node.args), function.arguments
        if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            raise _fault(node, f"arguments are given by their place: {function.signature}")
        if not sum(each.default is None for each in wanted) <= given <= len(wanted):
            raise _fault(node, f"{given} arguments given, but it is {function.signature}")
        pairs = zip(wanted, [*node.args, *[None] * (len(wanted) - given)], strict=True)
        return self._applied(function, node, [self._argument(function, each, arg, depth) for each, arg in pairs])

    def _function(self, node: ast.Call) -> Function:
        if not isinstance(node.func, ast.Name):
            raise _fault(node, f"{self._quoted(node.func)} cannot be called; a function is called by its name")
        name = node.func.id
        if name in FUNCTIONS:
            return FUNCTIONS[name]
        if name in SERIES:
            raise _fault(node, f"`{name}` is a series, no function; that of n bars before is prev({name}, n)")
        if name in self._values:
            raise _fault(node, f"`{name}` is the name of a value, no function")
        raise _fault(node, f"there is no function `{name}`{_near(name, FUNCTIONS)}", name)

    def _argument(self, function: Function, wanted: Argument, node: ast.expr | None, depth: int) -> Value:
        if node is None:
            value: Value = wanted.default or 0.0
        elif wanted.kind == "condition":
            return self._condition(node, depth + 1, f"`{wanted.name}` of {function.signature} is a condition")
        else:
            value = self._numeric(node, depth + 1, f"`{wanted.name}` of {function.signature} is a number")
            self._check_argument(function, wanted, node, value)
        return int(value) if wanted.kind == "bars" and isinstance(value, float) else value

    def _check_argument(self, function: Function, wanted: Argument, node: ast.expr, value: Value) -> None:
        if isinstance(value, Node):
            if wanted.kind in ("bars", "value"):
                only = f"`{wanted.name}` of {function.signature} is one number"
                raise _fault(node, f"{self._quoted(node)} changes from bar to bar; {only}")
        elif wanted.kind == "series":
            raise _fault(node, f"{self._quoted(node)} is the same on every bar; {function.signature} needs a series")
        elif wanted.kind == "bars" and not (value.is_integer() and wanted.least <= value <= MAX_BARS):
            computed = "" if isinstance(node, ast.Constant) else f", which is {value:g},"
            raise _fault(
                node,
                f"{self._quoted(node)}{computed} is not a whole number of bars from {wanted.least} to {MAX_BARS:,}",
            )

    def _applied(self, function: Function, node: ast.Call, values: list[Value]) -> Value:
        if not function.columns and not any(isinstance(each, Node) for each in values):
            if function.folded is None:
                raise _fault(node, f"{self._quoted(node)} is the same on every bar; give it a series")
            return float(function.folded(*values))
        pairs = zip(function.arguments, values, strict=True)
        fixed = [value for each, value in pairs if each.kind in ("bars", "value")]
        if function.computed_by == "macd" and not fixed[0] < fixed[1]:  # type: ignore[operator]  # bars are numbers
            raise _fault(node, f"fast is {fixed[0]}; must be less than slow, which is {fixed[1]}")
        operands = (*map(self.graph.column, function.columns), *values)
        own = function.lookback(*fixed), function.fade(*fixed)
        op = function.computed_by or function.name
        if function.output is None:
            return self.graph.node(op, operands, function.result, *own)
        # the arrays are computed together, and each begins where it does
        return self.graph.node("output", (self.graph.node(op, operands, "number"), function.output), "number", *own)
