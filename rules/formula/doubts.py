"""What conditions without faults are nevertheless unlikely to have been meant to be."""

from collections.abc import Iterator

from rules.formula.graph import Formula, Node

OF_THIS_BAR = (
    "highest and lowest look at this bar, too; prev(highest(…)) is that of the bars before it"
)
_PRICES = {"Open", "High", "Low", "Close"}


def doubts(formula: Formula) -> Iterator[str]:
    """That both conditions are one, or that one of them can never hold, in sentences."""
    if formula.buy is formula.sell:
        yield "buy and sell are the same condition: a bar on which both hold has no signal, so there will be no trade"
    for side, condition in (("buy", formula.buy), ("sell", formula.sell)):
        if _never_holds(condition):
            yield f"{side} can never hold: {OF_THIS_BAR}"


def _never_holds(condition: Node) -> bool:
    """Whether no bar can fulfil it, since it is to be beyond an extreme of which it is a part itself."""
    if condition.op in ("and", "or"):
        return (any if condition.op == "and" else all)(map(_never_holds, condition.arrays))
    if condition.op not in ("<", ">") or len(condition.arrays) < 2:
        return False
    low, high = condition.arrays if condition.op == "<" else reversed(condition.arrays)
    above = low.op == "highest" and _is_at_most(high, low.arrays[0])
    return above or (high.op == "lowest" and _is_at_most(high.arrays[0], low))


def _is_at_most(one: Node, other: Node) -> bool:
    """Whether it is no larger on any bar: it is the same, or a price beside that bar's highest or lowest one."""
    return (
        one is other or {one.op, other.op} <= _PRICES and (one.op == "Low" or other.op == "High")
    )
