"""What one metric is: its words for pages and documents, and the function that computes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from adapters.metrics.measured import Measured

Unit = Literal["percent", "ratio", "money", "days", "bars", "count"]
Section = Literal["Return", "Risk", "Drawdown", "Timing", "Benchmark", "Trades", "Costs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number of a run.

    compute: the number from what was measured; NoValue with a reason where it does not exist. formula: the definition
    in one sentence. better: whether a reader would rather have it high or low; None where neither is better. signed: a
    gain or a loss, shown with its sign. headline: the short name, in addresses and indexes, of a metric that has a
    column of its own, by which runs are listed, filtered and sorted. holding: the name of the metric that is the same
    number of buying and holding, shown with it. source: where the definition comes from.
    """

    name: str
    title: str
    unit: Unit
    section: Section
    compute: Callable[[Measured], float]
    formula: str
    better: Literal["high", "low"] | None = None
    signed: bool = False
    headline: str | None = None
    holding: str | None = None
    source: str | None = None
