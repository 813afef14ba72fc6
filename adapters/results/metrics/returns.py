"""What a run earned."""

from adapters.results.measured import RUINED, Measured, NoValue
from adapters.results.metrics.entry import Metric


def cagr(run: Measured) -> float:
    """Yearly growth in percent."""
    if run.is_ruined:
        raise NoValue(RUINED)
    growth = float(run.path[-1] / run.path[0])
    return float(growth ** (run.periods_per_year / run.bars) - 1.0) * 100.0


def buy_hold_return_pct(run: Measured) -> float:
    """All capital bought at the first close with its fee, marked to the last close (no exit fee), in percent."""
    return (float(run.close[-1]) / (float(run.close[0]) * (1.0 + run.fee_rate)) - 1.0) * 100.0


METRICS = (
    Metric(
        name="total_return_pct",
        title="Total return",
        unit="percent",
        section="Return",
        compute=lambda run: run.core_value("total_return_pct"),
        formula="Final equity / initial capital - 1.",
        better="high",
        signed=True,
        headline="return",
    ),
    Metric(
        name="cagr",
        title="Annual growth (CAGR)",
        unit="percent",
        section="Return",
        compute=cagr,
        formula="(1 + total return) ^ (P / n) - 1: the yearly growth that gives the total return; n bars, P bars in a "
        "year.",
        better="high",
        signed=True,
    ),
    Metric(
        name="buy_hold_return_pct",
        title="Buy and hold",
        unit="percent",
        section="Return",
        compute=buy_hold_return_pct,
        formula="All capital at the first traded close, fee paid, in fractions of shares, marked to the last close.",
        signed=True,
    ),
    Metric(
        name="final_equity",
        title="Final equity",
        unit="money",
        section="Return",
        compute=lambda run: float(run.path[-1]),
        formula="Cash and position at the last close.",
        better="high",
    ),
)
