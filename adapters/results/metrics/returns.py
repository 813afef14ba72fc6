"""What a run earned."""

from adapters.results.measured import RUINED, Measured, NoValue
from adapters.results.metrics.entry import Metric

LEAST_YEARS = 0.25  # a shorter run says nothing about a year: 1% in two days would be 500% in one


def cagr(run: Measured) -> float:
    """Yearly growth in percent, over calendar time."""
    if run.is_ruined:
        raise NoValue(RUINED)
    if run.years < LEAST_YEARS:
        raise NoValue("too short for a yearly rate")
    growth = float(run.path[-1] / run.path[0])
    return float(growth ** (1.0 / run.years) - 1.0) * 100.0


def buy_hold_return_pct(run: Measured) -> float:
    """All capital bought at the first close, fee and slippage paid, marked to the last close (no exit), in percent."""
    paid = float(run.close[0]) * (1.0 + run.slippage_bps / 10_000.0) * (1.0 + run.fee_rate)
    return (float(run.close[-1]) / paid - 1.0) * 100.0


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
        formula="(1 + total return) ^ (1 / years) - 1: the yearly growth that gives the total return; years of 365.25 "
        "days from the first bar to the last, at least a quarter of one.",
        better="high",
        signed=True,
    ),
    Metric(
        name="buy_hold_return_pct",
        title="Buy and hold",
        unit="percent",
        section="Return",
        compute=buy_hold_return_pct,
        formula="All capital at the first traded close, fee and slippage paid, in fractions of shares, marked to the "
        "last close. The charts and tables beside a strategy show the same.",
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
