"""Parts of a formula: declarations of series and functions, and the graph of operations of a checked formula."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["number", "condition"]  # of a value on each bar
ReadKind = Literal["column", "ticker", "timeframe"]
ArgumentKind = Literal[
    "series", "number", "bars", "value", "condition", "any", "ticker", "timeframe", "reducer"
]
REDUCERS = ("highest", "lowest", "sum")
# other bars within the run's: each step is ("on", timeframe) or ("of", ticker, days); () for the run's own
Frame = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class BarSeries:
    """A named number on each bar: a column, or the result of the numpy function `name` on `columns`."""

    name: str
    columns: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class FunctionArgument:
    """One argument. A series changes from bar to bar, a number may; bars and value are the same on every bar.

    any: a number or a condition. ticker and timeframe are quoted, a reducer is one of highest, lowest and sum.
    bars: a whole number of at least `least`. example: its text in an example call. default: None if required.
    """

    name: str
    kind: ArgumentKind
    example: str
    default: float | None = None
    least: int = 2


def none(*_: float) -> int:
    """Return 0 bars for any arguments."""
    return 0


@dataclass(frozen=True)
class Function:
    """A function of a formula.

    lookback: bars without a value before the first one, in addition to those of its arguments; a function of its bars
    and values. fade: further bars until the seed of its smoothing has faded. columns: columns that it reads implicitly.
    computed_by: name of the numpy function, if another; output: index of its array when that returns several.
    folded: the same function for plain numbers, if the result is a plain number then.
    """

    name: str
    arguments: tuple[FunctionArgument, ...]
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
        """Defaults of the optional arguments, which are the last ones."""
        return [each.default for each in self.arguments if each.default is not None]

    @property
    def signature(self) -> str:
        """The signature, such as rsi(x, n = 14)."""
        arguments = [
            each.name + ("" if each.default is None else f" = {each.default:g}")
            for each in self.arguments
        ]
        return f"{self.name}({', '.join(arguments)})"

    @property
    def call(self) -> str:
        """A complete example call, such as rsi(close, 14)."""
        return f"{self.name}({', '.join(each.example for each in self.arguments)})"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An array of one value per bar: an operation on other arrays and plain numbers.

    op: a column (Close), the name of a numpy function, an operator, "output" (one array of several), "constant" (a
    condition that is the same on every bar), or "on" and "of": the operand, which is of other bars, on these.
    lookback: bars without a value before the first one. warmup: number of earlier bars that is enough: more of them
    would not change the value. frame: its bars.
    """

    op: str
    operands: tuple["Node | float", ...]
    kind: Kind
    lookback: int
    warmup: int
    frame: Frame = ()

    @property
    def arrays(self) -> list["Node"]:
        """The operands that are arrays."""
        return [each for each in self.operands if isinstance(each, Node)]


Value = Node | float  # an array, or a plain number


@dataclass(frozen=True)
class Formula:
    """Two conditions over shared nodes, which are in an order in which they can be computed.

    names: names of nodes in the texts.
    """

    nodes: tuple[Node, ...]
    buy: Node
    sell: Node
    names: Mapping[Node, str]


@dataclass(frozen=True)
class Market:
    """Series that texts may name: the timeframe of the bars ("" if unknown), and their further columns.

    others: the further columns of another ticker; LookupError says why it cannot be read.
    """

    timeframe: str = ""
    columns: Collection[str] = ()
    others: Callable[[str], Collection[str]] = lambda ticker: ()


@dataclass(frozen=True)
class Read:
    """A part of a text that only a market can check: a name that may be a column, a ticker, or a timeframe.

    ticker: whose; "" for the run's own. fault: what it is if it is unknown; names: those that it might have meant.
    """

    kind: ReadKind
    name: str
    ticker: str
    place: tuple[int, int]  # line and column, from 1
    fault: str = ""
    names: tuple[str, ...] = ()
