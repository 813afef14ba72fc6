"""What a run earned."""

from functools import partial

from adapters.metrics.costs import total_fees, total_slippage
from adapters.metrics.entry import Metric
from adapters.metrics.measured import RUINED, Array, Measured, NoValue

LEAST_YEARS = 0.25  # a shorter run says nothing about a year: 1% in two days would be 500% in one

metric = partial(Metric, "Return")


@metric(
    "Total return",
    "percent",
    "high",
    signed=True,
    headline="return",
    holding="buy_hold_return_pct",
    plain="Return",
)
def total_return_pct(run: Measured) -> float:
    """Final equity / initial capital - 1."""
    return run.core_value("total_return_pct")


@metric("Annual growth (CAGR)", "percent", "high", signed=True, plain="Growth a year")
def cagr(run: Measured) -> float:
    """(1 + total return) ^ (1 / years) - 1: the yearly growth that gives the total return; years of 365.25 days from
    the first bar to the last, at least a quarter of one.
    """
    if run.is_ruined:
        raise NoValue(RUINED)
    if run.years < LEAST_YEARS:
        raise NoValue("too short for a yearly rate")
    growth = float(run.path[-1] / run.path[0])
    return float(growth ** (1.0 / run.years) - 1.0) * 100.0


@metric("Gross return", "percent", "high", signed=True)
def gross_return_pct(run: Measured) -> float:
    """(Final equity + fees + slippage + borrow fees) / initial capital - 1: the same trades without their costs."""
    capital = float(run.path[0])
    gross = float(run.path[-1]) + total_fees(run) + total_slippage(run) + run.borrow_fees
    return (gross - capital) / capital * 100.0


@metric("Buy and hold", "percent", signed=True)
def buy_hold_return_pct(run: Measured) -> float:
    """All capital at the first traded close, fee and slippage paid, in fractions of shares, marked to the last close.
    The charts and tables beside a strategy show the same.
    """
    return (float(run.close[-1]) / price_paid(run) - 1.0) * 100.0


def price_paid(run: Measured) -> float:
    """What a share costs who buys at the first close: fee and slippage included."""
    return float(run.close[0]) * (1.0 + run.slippage_bps / 10_000.0) * (1.0 + run.fee_rate)


@metric("Final equity", "money", "high")
def final_equity(run: Measured) -> float:
    """Cash and position at the last close."""
    return float(run.path[-1])


@metric("Best day", "percent", "high", signed=True)
def best_day_pct(run: Measured) -> float:
    """Return of the best calendar day (UTC), from the last equity before it."""
    return float(period_returns(run, "D").max())


@metric("Worst day", "percent", "high", signed=True)
def worst_day_pct(run: Measured) -> float:
    """Return of the worst calendar day (UTC), from the last equity before it."""
    return float(period_returns(run, "D").min())


@metric("Best month", "percent", "high", signed=True)
def best_month_pct(run: Measured) -> float:
    """Return of the best calendar month (UTC), from the last equity before it."""
    return float(period_returns(run, "M").max())


@metric("Worst month", "percent", "high", signed=True)
def worst_month_pct(run: Measured) -> float:
    """Return of the worst calendar month (UTC), from the last equity before it."""
    return float(period_returns(run, "M").min())


def period_returns(run: Measured, unit: str) -> Array:
    """Return in percent of each calendar day ("D") or month ("M") in UTC, from the last equity before it."""
    if run.is_ruined:
        raise NoValue(RUINED)
    periods = run.timestamps.astype(f"M8[{unit}]")
    kept = run.path > 0.0  # both ends, and of the bars between them the last of each period
    kept[1:-1] = periods[2:] != periods[1:-1]
    levels = run.path[kept]
    return (levels[1:] / levels[:-1] - 1.0) * 100.0
