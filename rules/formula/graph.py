"""What a checked formula is: operations on arrays, of which equal ones are one."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.formula.signature import Kind


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


class Graph:
    """The nodes of one rule as they are met; named: what its names stand for."""

    def __init__(self, named: dict[str, Value]) -> None:
        self.named = named
        self._nodes: dict[tuple[str, tuple[Value, ...]], Node] = {}

    def node(
        self,
        op: str,
        operands: tuple[Value, ...] = (),
        kind: Kind = "number",
        lookback: int = 0,
        fade: int = 0,
    ) -> Node:
        """The node of an operation, or of a column; the same one for equal operands. lookback, fade: its own part."""
        key = (op, operands)
        if key not in self._nodes:
            before = [each for each in operands if isinstance(each, Node)]
            first = max((each.lookback for each in before), default=0) + lookback
            settled = max((each.warmup for each in before), default=0) + lookback + fade
            self._nodes[key] = Node(op, operands, kind, first, settled)
        return self._nodes[key]

    def formula(self, buy: Node, sell: Node) -> Formula:
        """Both conditions with the nodes that they need, and the first name that each node was given."""
        needed = {buy, sell}
        for node in reversed(self._nodes.values()):
            if node in needed:
                needed.update(node.arrays)
        nodes = tuple(node for node in self._nodes.values() if node in needed)
        named = reversed(self.named.items())
        names = {node: name for name, node in named if isinstance(node, Node)}
        return Formula(nodes, buy, sell, names)
