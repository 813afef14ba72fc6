"""All metrics in the order in which they are shown, and those of one run.

Adding one takes a function in the file of its section.
"""

import math

import numpy as np

from adapters.metrics import benchmark, drawdown, returns, risk, timing, trades  # noqa: F401
from adapters.metrics.entry import DECLARED, SECTIONS
from adapters.metrics.measured import Measured, NoValue
from contracts.values import frozen

METRICS = tuple(sorted(DECLARED, key=lambda metric: SECTIONS.index(metric.section)))
METRICS_BY_NAME = {metric.name: metric for metric in METRICS}
METRIC_NAMES = tuple(METRICS_BY_NAME)
# by their short names
HEADLINES = {metric.headline: metric for metric in METRICS if metric.headline}
HEADLINE_NAMES = tuple(metric.name for metric in HEADLINES.values())
# Of all that lies around the engine: the bars that a rule sees, and the derived metrics. A run reproduced under another
# version may come to other numbers. None in a row: 250 bars of warm-up, before versions were recorded.
ANALYSIS_VERSION = "2.1.0"


@frozen
class Performance:
    """All metrics of a run by name, and for each one without a value the reason; NaN and infinity never leave."""

    metrics: dict[str, float | int | None]
    notes: dict[str, str]


def performance(run: Measured) -> Performance:
    """The metrics of one run."""
    metrics: dict[str, float | int | None] = {}
    notes: dict[str, str] = {}
    # what overflows ends as a reason, not as a warning
    with np.errstate(over="ignore", invalid="ignore"):
        for metric in METRICS:
            try:
                value = metric.compute(run)
                if not math.isfinite(value):
                    raise OverflowError
                metrics[metric.name] = value
            except NoValue as reason:
                metrics[metric.name], notes[metric.name] = None, str(reason)
            except OverflowError:
                metrics[metric.name], notes[metric.name] = None, "too large for a number"
    return Performance(metrics, notes)
