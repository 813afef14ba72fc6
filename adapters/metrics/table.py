"""All metrics in the order in which they are shown; adding one takes an entry in the file of its section."""

from adapters.metrics import benchmark, costs, drawdown, returns, risk, trades
from adapters.metrics import skill as timing

METRICS = (
    *returns.METRICS,
    *risk.METRICS,
    *drawdown.METRICS,
    *timing.METRICS,
    *benchmark.METRICS,
    *trades.METRICS,
    *costs.METRICS,
)
METRICS_BY_NAME = {metric.name: metric for metric in METRICS}
METRIC_NAMES = tuple(METRICS_BY_NAME)
HEADLINES = {metric.headline: metric for metric in METRICS if metric.headline}  # by their short names
HEADLINE_NAMES = tuple(metric.name for metric in HEADLINES.values())
