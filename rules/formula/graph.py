"""What a formula is made of: series and functions as they are declared, and the operations of a checked one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["number", "condition"]  # of what a formula has on each bar
ArgumentKind = Literal["series", "number", "bars", "value", "condition"]


@dataclass(frozen=True)
class Series:
    """A number on each bar that has a name: a column, or what `name` on the numpy side makes of `columns`."""

    name: str
    columns: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class Argument:
    """One argument. A series changes from bar to bar, a number may; bars and value are the same on every bar.

    bars: a whole number of at least `least`. example: what is given in a call; default: None where it must be given.
    """

    name: str
    kind: ArgumentKind
    example: str
    default: float | None = None
    least: int = 2


def none(*_: float) -> int:
    """No bars, whatever the arguments are."""
    return 0


@dataclass(frozen=True)
class Function:
    """A function of a formula.

    lookback: bars without a value before the first one, beyond those of its arguments, given its bars and values.
    fade: further bars until what began the smoothing is forgotten. columns: what it reads without being told.
    computed_by: its name on the numpy side; of several arrays from there it is the one at `output`.
    folded: the same for plain numbers, where the result is a plain number too.
    """

    name: str
    arguments: tuple[Argument, ...]
    help: str
    example: str  # a condition
    lookback: Callable[..., int] = none
    fade: Callable[..., int] = none
    columns: tuple[str, ...] = ()
    result: Kind = "number"
    computed_by: str = ""
    output: int | None = None
    folded: Callable[..., Any] | None = None
    group: str = ""  # in lists for people

    @property
    def defaults(self) -> list[float]:
        """What stands for the arguments that may be left out, which are the last ones."""
        return [each.default for each in self.arguments if each.default is not None]

    @property
    def signature(self) -> str:
        """How it is written, such as rsi(x, n = 14)."""
        shown = [
            each.name + ("" if each.default is None else f" = {each.default:g}")
            for each in self.arguments
        ]
        return f"{self.name}({', '.join(shown)})"

    @property
    def call(self) -> str:
        """A call that can be used as it is, such as rsi(close, 14)."""
        return f"{self.name}({', '.join(each.example for each in self.arguments)})"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An array of one value per bar: what an operation makes of others and of plain numbers.

    op: a column (Close), a function by its name on the numpy side, an operator, "output" (one array of several), or
    "constant" (a condition that is the same on every bar). lookback: bars without a value before the first one.
    warmup: bars after which more of them before would not change it.
    """

    op: str
    operands: tuple["Node | float", ...]
    kind: Kind
    lookback: int
    warmup: int

    @property
    def arrays(self) -> list["Node"]:
        """The operands that are no plain numbers."""
        return [each for each in self.operands if isinstance(each, Node)]


Value = Node | float  # of a part of a formula: an array, or a plain number


@dataclass(frozen=True)
class Formula:
    """Two conditions over shared nodes, which are in an order in which they can be computed.

    names: those that the texts give to nodes.
    """

    nodes: tuple[Node, ...]
    buy: Node
    sell: Node
    names: Mapping[Node, str]
