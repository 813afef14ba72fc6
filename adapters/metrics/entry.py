"""Declaration of a metric: its texts for pages and documents, and the function that computes it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from adapters.metrics.measured import Measured

Unit = Literal["percent", "ratio", "money", "days", "bars", "count"]
Compute = Callable[[Measured], float]

# in display order
SECTIONS = ("Return", "Risk", "Drawdown", "Timing", "Benchmark", "Trades", "Costs")
DECLARED: list["Metric"] = []


@dataclass(slots=True, eq=False)
class Metric:
    """Metric of a run: the decorator of the function that computes it, whose name and docstring it takes.

    compute: the function; NoValue with a reason where the metric does not exist. better: the preferable direction, high
    or low; None if there is none. signed: a gain or a loss, displayed with its sign. headline: short name, in addresses
    and indexes, of a metric with a column of its own, by which runs are listed, filtered and sorted. holding: name of
    the metric that is the same number for buying and holding, displayed with it. plain: plain name of one of the few
    metrics that are displayed first. source: origin of the definition.
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
        """Declare the metric; within a section metrics are displayed in the order of their functions."""
        self.compute = compute
        DECLARED.append(self)
        return compute

    @property
    def name(self) -> str:
        """Name of the metric in results."""
        return self.compute.__name__

    @property
    def formula(self) -> str:
        """The definition in a sentence or two, for documents and pages."""
        return " ".join(str(self.compute.__doc__).split())


# a metric of one section each
RETURN, RISK, DRAWDOWN, TIMING, BENCHMARK, TRADES, COSTS = (
    partial(Metric, section) for section in SECTIONS
)
