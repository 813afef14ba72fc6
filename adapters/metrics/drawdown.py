"""How far equity fell below its peak, and for how long."""

import math

from adapters.metrics.entry import Metric
from adapters.metrics.measured import DAY_S, Measured, total


def deepest_span(run: Measured) -> tuple[int, int]:
    """Positions in the path of the peak before the maximum drawdown and of its recovery (or the last); equal if none.

    The peak is the last one before the fall; the recovery the first equity at or above it.
    """
    bottom = int(run.drawdowns.argmax())
    if run.drawdowns[bottom] == 0.0:
        return 0, 0
    height = run.path[: bottom + 1].max()
    peak = int((run.path[: bottom + 1] == height).nonzero()[0][-1])
    recovered = (run.path[bottom:] >= height).nonzero()[0]
    return peak, bottom + int(recovered[0]) if len(recovered) else run.bars


def longest_days(run: Measured) -> float:
    """Calendar days of the longest stretch from a peak until equity is back at it, or to the last bar."""
    peaks = (run.drawdowns == 0.0).nonzero()[0]
    begun, ended = peaks[:-1], peaks[1:]
    recovered = (run.seconds[ended] - run.seconds[begun])[ended - begun > 1]
    return max(int(recovered.max(initial=0)), int(run.seconds[-1] - run.seconds[peaks[-1]])) / DAY_S


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
        holding="buy_hold_max_drawdown_pct",
    ),
    Metric(
        name="buy_hold_max_drawdown_pct",
        title="Maximum drawdown of buy and hold",
        unit="percent",
        section="Drawdown",
        compute=lambda run: float(run.holding.drawdowns.max()) * 100.0,
        formula="The largest fall of buying and holding from its running peak; the initial capital is the first peak.",
    ),
    Metric(
        name="max_drawdown_days",
        title="Deepest drawdown lasted",
        unit="days",
        section="Drawdown",
        compute=lambda run: run.days_between(*deepest_span(run)),
        formula="Calendar days from the peak before the maximum drawdown until equity is back at it, or to the last "
        "bar.",
        better="low",
    ),
    Metric(
        name="max_drawdown_bars",
        title="Deepest drawdown in bars",
        unit="bars",
        section="Drawdown",
        compute=lambda run: deepest_span(run)[1] - deepest_span(run)[0],
        formula="The same duration, counted in bars.",
        better="low",
    ),
    Metric(
        name="longest_drawdown_days",
        title="Longest drawdown",
        unit="days",
        section="Drawdown",
        compute=longest_days,
        formula="Calendar days of the longest stretch from a peak until equity is back at it, or to the last bar; it "
        "need not be the deepest.",
        better="low",
    ),
    Metric(
        name="time_under_water_pct",
        title="Time under water",
        unit="percent",
        section="Drawdown",
        compute=lambda run: int((run.drawdowns[1:] > 0.0).sum()) / run.bars * 100.0,
        formula="Share of the bars at whose close equity is below an earlier peak.",
        better="low",
    ),
    Metric(
        name="ulcer_index",
        title="Ulcer index",
        unit="percent",
        section="Drawdown",
        compute=lambda run: math.sqrt(total(run.drawdowns[1:] ** 2) / run.bars) * 100.0,
        formula="Square root of the mean squared drawdown of the bars. Quantstats divides by n - 1.",
        better="low",
        source="Martin & McCann (1989), The Investor's Guide to Fidelity Funds",
    ),
)
