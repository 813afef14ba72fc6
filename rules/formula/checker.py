"""Checker of formulas: from text to a graph of typed operations; it computes only arithmetic of plain numbers."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from rules.formula.functions import FUNCTIONS, SERIES
from rules.formula.graph import (
    REDUCERS,
    Formula,
    Frame,
    Function,
    FunctionArgument,
    Kind,
    Node,
    Read,
    ReadKind,
    Value,
)
from rules.formula.limits import LARGEST, LENGTHS_S, MAX_BARS, MAX_DEPTH, MAX_NAMES
from rules.formula.text import WORDS, FormulaError, parse, part_of, suggest, word

# the sign, and the function for plain numbers
Operator = tuple[str, Callable[[float, float], Any]]

_OPERATORS: dict[type[ast.AST], Operator] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
_EXAMPLES: dict[Kind, str] = {"condition": "close > sma(close, 200)", "number": "roc(close, 20)"}
# a session of 6.5 hours, five a week and at least 19 a month, for the number of bars in a coarser one
_TRADED_S = {"1d": 23_400, "1w": 5 * 23_400, "1mo": 19 * 23_400}
_COLUMN = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_PARTS = "numbers, names, + - * /, comparisons, and, or, not, and functions of the list"


def _fault(node: ast.expr | ast.stmt, message: str, unknown: str | None = None) -> FormulaError:
    return FormulaError(message, node.lineno, node.col_offset + 1, unknown)


class Checker(ast.NodeVisitor):
    """Checker of one rule's texts; equal parts become one node, in both texts.

    timeframe: of the bars, for lookback and warm-up. reads: the parts of the latest text that only a market can check,
    in its order. A name stands for its expression, which on other bars has another value.
    """

    def __init__(self, inputs: Mapping[str, float], timeframe: str) -> None:
        self.reads: list[Read] = []
        self._inputs = {name: float(value) for name, value in inputs.items()}
        self._lines: dict[str, tuple[str, ast.expr]] = {}  # text and expression of each name
        self._values: dict[tuple[str, Frame], Value] = {}
        self._nodes: dict[tuple[str, tuple[Value, ...], Frame], Node] = {}
        self._timeframe, self._frame = timeframe, Frame()
        self._text, self._depth = "", 0
        self._used_at: ast.expr | None = None  # the name whose expression is being read

    def node(
        self,
        op: str,
        operands: tuple[Value, ...] = (),
        kind: Kind = "number",
        lookback: int = 0,
        fade: int = 0,
    ) -> Node:
        """Return the only node of an operation or column on these operands. lookback, fade: of the operation alone."""
        key = (op, operands, self._frame)
        if key not in self._nodes:
            arrays = [each for each in operands if isinstance(each, Node)]
            first_bar = max((each.lookback for each in arrays), default=0) + lookback
            warmup = max((each.warmup for each in arrays), default=0) + lookback + fade
            self._nodes[key] = Node(op, operands, kind, first_bar, warmup, self._frame)
        return self._nodes[key]

    def formula(self, buy: Node, sell: Node) -> Formula:
        """Return both conditions with the nodes that they need, and the first name of each node."""
        needed = {buy, sell}
        for node in reversed(self._nodes.values()):
            if node in needed:
                needed.update(node.arrays)
        nodes = tuple(node for node in self._nodes.values() if node in needed)
        named = reversed(self._values.items())
        names = {node: name for (name, _), node in named if isinstance(node, Node)}
        return Formula(nodes, buy, sell, names)

    def last_line(self, text: str, kind: Kind) -> Node:
        """Return the condition or number on the last line, with names from the lines before; FormulaError."""
        self._text, self._depth, self._frame, self._used_at, self.reads = text, 0, (), None, []
        example = _EXAMPLES[kind]
        *lines, last = parse(text)
        for line in lines:
            self._assign(line)
        if not isinstance(last, ast.Expr):
            raise _fault(last, f"the last line must be a {kind}, such as {example}")
        value = self._of_kind(kind, last.value, f"the last line must be a {kind}")
        if not isinstance(value, Node):
            raise self._refused(
                last.value,
                f" is the same on every bar; write a {kind} of bars, such as {example}",
            )
        return value

    def _assign(self, line: ast.stmt) -> None:
        match line:
            case ast.Assign([ast.Name(name)], expression):
                if name in WORDS or name in self._inputs or name in self._lines:
                    raise _fault(line, f"`{name}` has a meaning already; choose another name")
                if len(self._inputs) + len(self._lines) >= MAX_NAMES:
                    raise _fault(line, f"more than {MAX_NAMES} names, inputs included")
                self._values[name, ()] = self._value(expression)
                self._lines[name] = self._text, expression
            case _:
                raise _fault(line, "lines before the last one read `name = expression`")

    def _value(self, node: ast.expr) -> Value:
        """Return the value of an expression, by the method for its node of Python's syntax tree."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _fault(node, f"more than {MAX_DEPTH} expressions inside each other")
        value: Value = self.visit(node)
        self._depth -= 1
        if isinstance(value, float) and not abs(value) < LARGEST:  # nor NaN
            raise self._refused(node, " is too large; numbers are below 1e15")
        return value

    def _of_kind(self, kind: Kind, node: ast.expr, requirement: str) -> Any:
        value = self._value(node)
        actual = value.kind if isinstance(value, Node) else "number"
        if actual != kind:
            raise self._refused(node, f" is a {actual}; {requirement}")
        return value

    def _refused(self, node: ast.expr, why: str) -> FormulaError:
        return _fault(node, f"{self._quoted(node)}{why}")

    def _quoted(self, node: ast.expr) -> str:
        return f"`{part_of(self._text, node)}`"

    def generic_visit(self, node: Any) -> None:
        raise self._refused(node, f" is no part of a formula, which has {_PARTS}")

    def visit_Constant(self, node: ast.Constant) -> float:
        if isinstance(node.value, str):
            raise self._refused(node, " is quoted, as only the first argument of on and of is")
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self._refused(node, " is no part of a formula; a comparison makes a condition")
        return float(min(node.value, LARGEST))  # LARGEST itself is refused as too large

    def visit_Name(self, node: ast.Name) -> Value:
        if node.id in self._inputs:
            return self._inputs[node.id]
        if node.id in self._lines:
            return self._named(node)
        name = word(node.id)
        if name in SERIES:
            columns = tuple(map(self.node, SERIES[name].columns))
            is_column = name == columns[0].op.lower()
            return columns[0] if is_column else self.node(name, columns)
        names: tuple[str, ...] = (*SERIES, *self._inputs, *self._lines, *FUNCTIONS)
        if name in FUNCTIONS:
            fault, names = f"`{name}` is a function: {FUNCTIONS[name].signature}", ()
        else:
            fault = f"`{name}` has no value: set it as an input"
        if not _COLUMN.fullmatch(name.lower()):
            raise _fault(node, fault + suggest(name, names), name)
        self._read("column", name, node, fault, names)
        return self.node(name.lower())

    def _read(
        self,
        kind: ReadKind,
        name: str,
        node: ast.expr,
        fault: str = "",
        names: tuple[str, ...] = (),
    ) -> None:
        at = self._used_at or node
        place = at.lineno, at.col_offset + 1
        self.reads.append(Read(kind, name, self._innermost("of"), place, fault, names))

    def _named(self, name: ast.Name) -> Value:
        """Return the value of a name on the bars of this place, where its expression may not have been read yet."""
        key = (name.id, self._frame)
        if key not in self._values:
            outside = self._text, self._used_at
            self._text, expression = self._lines[name.id]
            self._used_at = self._used_at or name
            try:
                self._values[key] = self._value(expression)
            except FormulaError as fault:
                raise _fault(name, f"in `{name.id}`: {fault.message}", fault.unknown) from None
            self._text, self._used_at = outside
        return self._values[key]

    def _innermost(self, op: str) -> str:
        """Return the ticker ("of"), or the timeframe ("on"), whose bars this place is on; "" for that of the run."""
        return next((step[1] for step in reversed(self._frame) if step[0] == op), "")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            negated = self._of_kind("condition", node.operand, "`not` needs a condition")
            return self.node("not", (negated,), "condition")
        value: Value = self._of_kind("number", node.operand, "a sign needs a number")
        if isinstance(node.op, ast.UAdd):
            return value
        return -value if isinstance(value, float) else self.node("-", (0.0, value))

    def visit_BinOp(self, node: ast.BinOp) -> Value:
        sign, compute = self._operator(node, node.op, "arithmetic is + - * / only")
        left, right = (
            self._of_kind("number", each, f"`{sign}` needs numbers")
            for each in (node.left, node.right)
        )
        if right == 0.0 and sign == "/":
            raise _fault(node.right, f"{self._quoted(node)} divides by zero")
        if isinstance(left, float) and isinstance(right, float):
            return float(compute(left, right))
        return self.node(sign, (left, right))

    def visit_BoolOp(self, node: ast.BoolOp) -> Node:
        word = "and" if isinstance(node.op, ast.And) else "or"
        requirement = f"`{word}` needs conditions"
        conditions = [self._of_kind("condition", each, requirement) for each in node.values]
        return self.node(word, tuple(conditions), "condition")

    def visit_Compare(self, node: ast.Compare) -> Node:
        """Return the comparison; a chain is the conjunction of its comparisons, each operand checked once."""
        signs = [
            self._operator(node, op, "comparisons are < <= > >= == != only") for op in node.ops
        ]
        requirement = f"`{signs[0][0]}` compares numbers"
        operands = (node.left, *node.comparators)
        sides = [self._of_kind("number", each, requirement) for each in operands]
        compared = tuple(map(self._compared, signs, sides, sides[1:]))
        return self.node("and", compared, "condition") if compared[1:] else compared[0]

    def _operator(self, node: ast.expr, op: ast.AST, accepted: str) -> Operator:
        if type(op) not in _OPERATORS:
            raise self._refused(node, f": {accepted}")
        return _OPERATORS[type(op)]

    def _compared(self, comparison: Operator, left: Value, right: Value) -> Node:
        sign, holds = comparison
        if isinstance(left, float) and isinstance(right, float):
            truth = 1.0 if holds(left, right) else -1.0
            return self.node("constant", (self.node("Close"), truth), "condition")
        return self.node(sign, (left, right), "condition")

    def visit_Call(self, node: ast.Call) -> Value:
        function = self._function(node)
        if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            raise _fault(node, f"arguments are given by their place: {function.signature}")
        count, most = len(node.args), len(function.arguments)
        least = most - len(function.defaults)
        if not least <= count <= most:
            raise _fault(node, f"{count} arguments given, but it is {function.signature}")
        if function.name in ("on", "of"):
            return self._elsewhere(function, node)
        pairs = zip(function.arguments, node.args, strict=False)
        values = [self._argument(function, *pair) for pair in pairs]
        return self._applied(function, node, [*values, *function.defaults[count - least :]])

    def _function(self, node: ast.Call) -> Function:
        if not isinstance(node.func, ast.Name):
            called = self._quoted(node.func)
            raise _fault(node, f"{called} cannot be called; a function is called by its name")
        name = word(node.func.id)
        if name in FUNCTIONS:
            return FUNCTIONS[name]
        if name in SERIES:
            back = f"that of n bars before is prev({name}, n)"
            raise _fault(node, f"`{name}` is a series, no function; {back}")
        if name in self._inputs or name in self._lines:
            raise _fault(node, f"`{name}` is the name of a value, no function")
        raise _fault(node, f"there is no function `{name}`{suggest(name, FUNCTIONS)}", name)

    def _elsewhere(self, function: Function, node: ast.Call) -> Node:
        """Return an expression on other bars, at the bars of this place."""
        outer, text, inner = self._frame, node.args[0], node.args[1]
        name = text.value if isinstance(text, ast.Constant) else None
        if not isinstance(name, str):
            example = function.arguments[0].example
            raise self._refused(text, f" is not quoted: {function.signature}, such as {example}")
        step = self._step(function, name, node)
        self._frame = (*outer, step)
        value = self._value(inner)
        self._frame = outer
        if not isinstance(value, Node):
            raise self._refused(
                inner, f" is the same on every bar; {function.name} needs a series"
            )
        if function.name == "of":  # how far the other series goes back is not known here
            return self.node("of", (value,), value.kind, -value.lookback, value.lookback)
        base = self._innermost("on") or self._timeframe
        traded_s = [_TRADED_S.get(each, LENGTHS_S[each]) for each in (step[1], base)]
        per = max(1, traded_s[0] // traded_s[1])
        lookback = value.lookback * (per - 1) + 1
        fade = (value.warmup + 1) * per - value.warmup - lookback
        return self.node("on", (value,), value.kind, lookback, fade)

    def _step(self, function: Function, name: str, node: ast.Call) -> tuple[Any, ...]:
        """Return the step to the bars of a timeframe, or of a ticker with the days after which it is too old."""
        text = node.args[0]
        if function.name == "of":
            self._read("ticker", name.upper(), text)
            days = function.defaults[0]
            for each in node.args[2:]:
                days = self._argument(function, function.arguments[2], each)  # type: ignore[assignment]
                if not days > 0:
                    raise self._refused(each, " days are not above 0")
            return "of", name.upper(), days
        accepted = [*LENGTHS_S][1:]
        if name not in accepted:
            raise self._refused(text, f" is no timeframe: must be one of {', '.join(accepted)}")
        outer = self._innermost("on")
        if outer and LENGTHS_S[name] <= LENGTHS_S[outer]:
            raise self._refused(text, f" is not coarser than {outer}, whose bars it is on")
        self._read("timeframe", name, text)
        return "on", name

    def _argument(
        self, function: Function, argument: FunctionArgument, node: ast.expr
    ) -> Value | str:
        if argument.kind == "reducer":
            name = word(node.id) if isinstance(node, ast.Name) else ""
            if name not in REDUCERS:
                raise self._refused(node, f" is not one of: {', '.join(REDUCERS)}")
            return name
        kind: Kind = "condition" if argument.kind == "condition" else "number"
        needs = f"`{argument.name}` of {function.signature} is"
        value: Value = self._of_kind(kind, node, f"{needs} a {kind}")
        if isinstance(value, Node):
            if argument.kind in ("bars", "value"):
                raise self._refused(node, f" changes from bar to bar; {needs} one number")
            return value
        if argument.kind == "series":
            raise self._refused(
                node, f" is the same on every bar; {function.signature} needs a series"
            )
        if argument.kind != "bars":
            return value
        if value.is_integer() and argument.least <= value <= MAX_BARS:
            return int(value)
        computed = "" if isinstance(node, ast.Constant) else f", which is {value:,.10g},"
        bounds = f"from {argument.least} to {MAX_BARS:,}"
        raise self._refused(node, f"{computed} is not a whole number of bars {bounds}")

    def _applied(self, function: Function, node: ast.Call, arguments: list[Any]) -> Value:
        names = [each for each in arguments if isinstance(each, str)]
        values: list[Value] = [each for each in arguments if not isinstance(each, str)]
        fixed: list[Any] = [each for each in values if not isinstance(each, Node)]
        if len(fixed) == len(values) and not function.columns:
            if function.folded is None:
                raise self._refused(node, " is the same on every bar; give it a series")
            return float(function.folded(*values))
        if function.computed_by == "macd" and not fixed[0] < fixed[1]:
            raise _fault(node, f"fast is {fixed[0]}; must be less than slow, which is {fixed[1]}")
        operands = (*map(self.node, function.columns), *values)
        extent = function.lookback(*fixed), function.fade(*fixed)
        op = ":".join([function.computed_by or function.name, *names])
        if function.output is None:
            return self.node(op, operands, function.result, *extent)
        # the arrays are computed together, but their first values may be on different bars
        together = self.node(op, operands)
        return self.node("output", (together, function.output), "number", *extent)
