"""All metrics in the order in which they are shown; adding one takes a function in the file of its section."""

from adapters.metrics import benchmark, drawdown, returns, risk, timing, trades  # noqa: F401
from adapters.metrics.entry import DECLARED, SECTIONS

METRICS = tuple(sorted(DECLARED, key=lambda metric: SECTIONS.index(metric.section)))
METRICS_BY_NAME = {metric.name: metric for metric in METRICS}
METRIC_NAMES = tuple(METRICS_BY_NAME)
# by their short names
HEADLINES = {metric.headline: metric for metric in METRICS if metric.headline}
HEADLINE_NAMES = tuple(metric.name for metric in HEADLINES.values())
