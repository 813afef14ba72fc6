"""What a run earned."""

from adapters.metrics.costs import total_fees, total_slippage
from adapters.metrics.entry import Metric
from adapters.metrics.measured import RUINED, Array, Measured, NoValue

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
    return (float(run.close[-1]) / price_paid(run) - 1.0) * 100.0


def price_paid(run: Measured) -> float:
    """What a share costs who buys at the first close: fee and slippage included."""
    return float(run.close[0]) * (1.0 + run.slippage_bps / 10_000.0) * (1.0 + run.fee_rate)


def period_returns(run: Measured, unit: str) -> Array:
    """Return in percent of each calendar day ("D") or month ("M") in UTC, from the last equity before it."""
    if run.is_ruined:
        raise NoValue(RUINED)
    periods = run.timestamps.astype(f"M8[{unit}]")
    kept = run.path > 0.0  # both ends, and of the bars between them the last of each period
    kept[1:-1] = periods[2:] != periods[1:-1]
    levels = run.path[kept]
    return (levels[1:] / levels[:-1] - 1.0) * 100.0


def gross_return_pct(run: Measured) -> float:
    """What the same trades would have earned without their costs, in percent of the initial capital."""
    capital = float(run.path[0])
    gross = float(run.path[-1]) + total_fees(run) + total_slippage(run) + run.borrow_fees
    return (gross - capital) / capital * 100.0


def period_metric(which: str, period: str) -> Metric:
    """Return of the best or the worst of the calendar days or months."""
    extreme, unit = "max" if which == "best" else "min", period[0].upper()
    return Metric(
        name=f"{which}_{period}_pct",
        title=f"{which.capitalize()} {period}",
        unit="percent",
        section="Return",
        compute=lambda run: float(getattr(period_returns(run, unit), extreme)()),
        formula=f"Return of the {which} calendar {period} (UTC), from the last equity before it.",
        better="high",
        signed=True,
    )


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
        holding="buy_hold_return_pct",
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
        name="gross_return_pct",
        title="Gross return",
        unit="percent",
        section="Return",
        compute=gross_return_pct,
        formula="(Final equity + fees + slippage + borrow fees) / initial capital - 1: the same trades without their "
        "costs.",
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
    *(period_metric(which, period) for period in ("day", "month") for which in ("best", "worst")),
)
