"""All metrics in display order, and the metrics of one run.

A new metric is one function in the file of its section.
"""

import logging
import math
from collections.abc import Callable
from functools import partial

import numpy as np

from adapters.metrics import benchmark, returns, risk, trades  # noqa: F401
from adapters.metrics.measured import DECLARED, SECTIONS, Measured
from adapters.metrics.moments import NoValue
from contracts.errors import PlatformError
from contracts.values import frozen

log = logging.getLogger(__name__)

METRICS = tuple(sorted(DECLARED, key=lambda metric: SECTIONS.index(metric.section)))
METRICS_BY_NAME = {metric.name: metric for metric in METRICS}
METRIC_NAMES = tuple(METRICS_BY_NAME)
# by short name
HEADLINES = {metric.headline: metric for metric in METRICS if metric.headline}
HEADLINE_NAMES = tuple(metric.name for metric in HEADLINES.values())
# Version of everything around the engine: the bars that a rule sees, and the derived metrics. A run reproduced under
# another version may give other numbers.
ANALYSIS_VERSION = "2.3.0"
TOO_LARGE = "too large for a number"
NOT_COMPUTED = "could not be computed"  # an error in the metric; the log has the trace


@frozen
class Performance:
    """All metrics of a run by name, and the reason for each one without a value; never NaN or infinity."""

    metrics: dict[str, float | int | None]
    notes: dict[str, str]

    @property
    def failed(self) -> list[str]:
        """Names of the metrics that could not be computed."""
        return [name for name, note in self.notes.items() if note == NOT_COMPUTED]


def performance(run: Measured) -> Performance:
    """The metrics of one run."""
    metrics: dict[str, float | int | None] = {}
    notes: dict[str, str] = {}
    # an overflow becomes a note, not a warning
    with np.errstate(over="ignore", invalid="ignore"):
        for metric in METRICS:
            metrics[metric.name], note = computed(metric.name, partial(metric.compute, run))
            if note:
                notes[metric.name] = note
    return Performance(metrics, notes)


def computed(name: str, compute: Callable[[], float]) -> tuple[float | int | None, str | None]:
    """The value of a metric, or the reason why there is none: a metric that fails does not fail its run.

    PlatformError, such as the end of the run's time, and MemoryError concern the whole run.
    """
    try:
        value = compute()
        return (value, None) if math.isfinite(value) else (None, TOO_LARGE)
    except NoValue as reason:
        return None, str(reason)
    except OverflowError:
        return None, TOO_LARGE
    except (PlatformError, MemoryError):
        raise
    except Exception:
        log.exception("metric_failed metric=%s", name)
        return None, NOT_COMPUTED
