"""How far equity fell below its peak, and for how long."""

from adapters.results.measured import Measured
from adapters.results.metrics.entry import Metric


def deepest_span(run: Measured) -> tuple[int, int]:
    """Positions in the path of the peak before the maximum drawdown and of its recovery (or the last); equal if none.

    The peak is the last one before the fall; the recovery the first equity at or above it.
    """
    bottom = int(run.drawdowns.argmax())
    if run.drawdowns[bottom] == 0.0:
        return 0, 0
    height = run.peaks[bottom]
    peak = int((run.path[: bottom + 1] == height).nonzero()[0][-1])
    recovered = (run.path[bottom:] >= height).nonzero()[0]
    return peak, bottom + int(recovered[0]) if len(recovered) else run.bars


METRICS = (
    Metric(
        name="max_drawdown_pct",
        title="Maximum drawdown",
        unit="percent",
        section="Drawdown",
        compute=lambda run: run.core_value("max_drawdown_pct"),
        formula="Largest fall of equity from its running peak, in percent of the peak; the initial capital is the "
        "first peak.",
        better="low",
        headline="drawdown",
    ),
    Metric(
        name="max_drawdown_days",
        title="Drawdown duration",
        unit="days",
        section="Drawdown",
        compute=lambda run: run.days_between(*deepest_span(run)),
        formula="Calendar days from the peak before the maximum drawdown until equity is back at it, or to the last "
        "bar.",
        better="low",
    ),
    Metric(
        name="max_drawdown_bars",
        title="Drawdown duration in bars",
        unit="bars",
        section="Drawdown",
        compute=lambda run: deepest_span(run)[1] - deepest_span(run)[0],
        formula="The same duration, counted in bars.",
        better="low",
    ),
)
