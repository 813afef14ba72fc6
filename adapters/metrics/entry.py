"""What one metric is: its words for pages and documents, and the function that computes it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from adapters.metrics.measured import Measured

Unit = Literal["percent", "ratio", "money", "days", "bars", "count"]
Compute = Callable[[Measured], float]

# in the order in which they are shown
SECTIONS = ("Return", "Risk", "Drawdown", "Timing", "Benchmark", "Trades", "Costs")
DECLARED: list["Metric"] = []


@dataclass(slots=True, eq=False)
class Metric:
    """One number of a run: the decorator of the function that computes it, whose name and docstring it takes.

    compute: the number from what was measured; NoValue with a reason where it does not exist. better: whether a reader
    would rather have it high or low; None where neither is better. signed: a gain or a loss, shown with its sign.
    headline: the short name, in addresses and indexes, of a metric that has a column of its own, by which runs are
    listed, filtered and sorted. holding: the name of the metric that is the same number of buying and holding, shown
    with it. plain: what people call one of the few that are shown first. source: where the definition comes from.
    """

    section: str
    title: str
    unit: Unit
    better: Literal["high", "low"] | None = None
    signed: bool = False
    headline: str | None = None
    holding: str | None = None
    plain: str | None = None
    source: str | None = None
    compute: Compute = field(init=False)

    def __call__(self, compute: Compute) -> Compute:
        """Declare it; within a section metrics are shown in the order of their functions."""
        self.compute = compute
        DECLARED.append(self)
        return compute

    @property
    def name(self) -> str:
        """As results have it."""
        return self.compute.__name__

    @property
    def formula(self) -> str:
        """The definition in a sentence or two, for documents and pages."""
        return " ".join(str(self.compute.__doc__).split())


# a metric of one section each
RETURN, RISK, DRAWDOWN, TIMING, BENCHMARK, TRADES, COSTS = (
    partial(Metric, section) for section in SECTIONS
)
