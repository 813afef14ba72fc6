"""Returns of a run, in all, by month and over rolling windows; its costs and interest."""

import math
from collections.abc import Collection

import numpy as np

from adapters.metrics.curves import fills
from adapters.metrics.measured import COSTS, RETURN, Measured
from adapters.metrics.moments import RUINED, Array, NoValue, average, bar_rate
from adapters.prices.bars import Column, Whole
from contracts.values import frozen

FLAT_VARIANCE = 1e-18  # variance of returns below which they count as constant; sums of squares are no more exact
LEAST_YEARS = 0.25  # a shorter run has no yearly rate: 1% in two days would be 500% in a year


@RETURN(
    "Total return",
    "percent",
    "high",
    signed=True,
    headline="return",
    holding="buy_hold_return_pct",
    plain="gain on the initial capital",
)
def total_return_pct(run: Measured) -> float:
    """Gain or loss on the initial capital.

    Final equity / initial capital - 1.
    """
    return run.core_value("total_return_pct")


@RETURN("Annual return (CAGR)", "percent", "high", signed=True, plain="growth per year")
def cagr(run: Measured) -> float:
    """Steady yearly growth that gives the same total return.

    (1 + total return) ^ (1 / years) - 1: the yearly growth that gives the total return; years of 365.25 days from
    the first bar to the last, at least a quarter of one.
    """
    if run.is_ruined:
        raise NoValue(RUINED)
    if run.years < LEAST_YEARS:
        raise NoValue("too short for a yearly rate")
    growth = float(run.path[-1] / run.path[0])
    return float(growth ** (1.0 / run.years) - 1.0) * 100.0


@RETURN("Gross return", "percent", "high", signed=True)
def gross_return_pct(run: Measured) -> float:
    """Return of the same trades without their costs.

    (Final equity + fees + slippage + borrow fees) / initial capital - 1: the same trades without their costs.
    """
    capital = float(run.path[0])
    gross = float(run.path[-1]) + total_fees(run) + total_slippage(run) + run.borrow_fees
    return (gross - capital) / capital * 100.0


@RETURN("Buy & hold return", "percent", signed=True)
def buy_hold_return_pct(run: Measured) -> float:
    """Return of buying with all capital at the start and holding to the end.

    All capital at the first traded close, fee and slippage paid, in fractions of shares, marked to the last close.
    Charts and tables that compare it with a strategy show the same number.
    """
    return (float(run.close[-1]) / run.price_paid - 1.0) * 100.0


@RETURN("Final equity", "money", "high")
def final_equity(run: Measured) -> float:
    """Cash and position at the last close."""
    return float(run.path[-1])


@RETURN("Best day", "percent", "high", signed=True)
def best_day_pct(run: Measured) -> float:
    """Return of the best calendar day (UTC), from the last equity before it."""
    return max(period_returns(run, "D"))


@RETURN("Worst day", "percent", "high", signed=True)
def worst_day_pct(run: Measured) -> float:
    """Return of the worst calendar day (UTC), from the last equity before it."""
    return min(period_returns(run, "D"))


@RETURN("Best month", "percent", "high", signed=True)
def best_month_pct(run: Measured) -> float:
    """Return of the best calendar month (UTC), from the last equity before it."""
    return max(period_returns(run, "M"))


@RETURN("Worst month", "percent", "high", signed=True)
def worst_month_pct(run: Measured) -> float:
    """Return of the worst calendar month (UTC), from the last equity before it."""
    return min(period_returns(run, "M"))


def period_returns(run: Measured, unit: str) -> Collection[float]:
    """Return in percent of each calendar day ("D") or month ("M") in UTC; NoValue once equity was 0 or less."""
    if run.is_ruined:
        raise NoValue(RUINED)
    return returns_by(run.timestamps[1:], unit, run.path).values()


@COSTS("Fees paid", "money", "low")
def total_fees(run: Measured) -> float:
    """Fees of all entries and exits."""
    return math.fsum(trade["entry_fees"] + trade["exit_fees"] for trade in run.trades)


@COSTS("Slippage paid", "money", "low")
def total_slippage(run: Measured) -> float:
    """Difference between the fills and the prices at which orders were due, times their sizes."""
    share = run.slippage_bps / 10_000.0
    return math.fsum(
        fill.price * abs(fill.shares) * share / (1.0 + math.copysign(share, fill.shares))
        for fill in fills(run.trades)
        if fill.reason != "take_profit"  # which fills at its level
    )


@COSTS("Borrow fees paid", "money", "low")
def total_borrow_fees(run: Measured) -> float:
    """Fees for borrowing the shares of shorts, at the request's borrow_rate; no part of a trade's profit."""
    return run.borrow_fees


@COSTS("Interest earned", "money", "high")
def total_interest(run: Measured) -> float:
    """Interest on idle cash, at the request's cash_rate; no part of a trade's profit."""
    return run.interest


@COSTS("Turnover", "ratio", "low")
def turnover(run: Measured) -> float:
    """Trading volume relative to equity: 2 when everything is bought and sold once a year.

    Value of all fills / mean equity, per year.
    """
    if run.is_ruined:
        raise NoValue(RUINED)
    traded = math.fsum(fill.price * abs(fill.shares) for fill in fills(run.trades))
    return traded / average(run.path) / run.bars * run.periods_per_year if traded else 0.0


@COSTS("Rejected orders", "count", "low")
def rejected_orders(run: Measured) -> float:
    """Opening orders that could not buy a single share."""
    return run.rejected_orders


@frozen
class YearReturns:
    """Returns of a calendar year in percent: of each month (None where the run has no bar), and of the whole year."""

    year: int
    months: list[float | None]
    total: float


def monthly_returns(times: Whole, path: Column) -> list[YearReturns]:
    """Returns of each calendar month and year, in percent, from the last equity before to the last one in it.

    times: (bars,) seconds since 1970, ascending; path: (bars + 1,) the initial capital, then equity. A month that
    begins with nothing left has a return of 0.
    """
    months, years = (returns_by(times.view("M8[s]"), unit, path) for unit in "MY")
    return [
        YearReturns(1970 + year, [months.get(12 * year + month) for month in range(12)], total)
        for year, total in years.items()
    ]


def returns_by(times: Array, unit: str, path: Array) -> dict[int, float]:
    """Return in percent of each calendar day ("D"), month ("M") or year ("Y"), by its number since 1970.

    times: (bars,) datetime64 in UTC; path: (bars + 1,) the initial capital, then equity. A return is from the last
    equity before the period to the last one in it, and 0 where nothing was left before.
    """
    periods = times.astype(f"M8[{unit}]").astype(int)
    lasts = np.append(np.flatnonzero(np.diff(periods)), len(periods) - 1)
    levels = path[np.append(0, lasts + 1)]
    growth = np.ones(len(lasts))
    np.divide(levels[1:], levels[:-1], out=growth, where=levels[:-1] > 0)
    return dict(zip(periods[lasts].tolist(), ((growth - 1) * 100).tolist(), strict=True))


def rolling_sharpe(
    path: Column, bars: int, periods_per_year: float, risk_free_rate: float
) -> Column:
    """Sharpe ratio of the last `bars` returns, per bar; NaN before there are that many, or while they do not vary.

    path: (bars + 1,) the initial capital, then equity. Simple returns above the risk-free one, ddof 1, times the square
    root of the periods in a year, as in the metric. NaN from the first bar on at which equity is 0 or less.
    """
    is_sound = np.minimum.accumulate(path) > 0
    returns = np.zeros(len(path) - 1)
    np.divide(np.diff(path), path[:-1], out=returns, where=is_sound[:-1])
    mean, mean_square = (_window_means(each, bars) for each in (returns, returns * returns))
    variance = (mean_square - mean * mean) * bars / (bars - 1)
    above = (mean - bar_rate(risk_free_rate, periods_per_year)) * np.sqrt(periods_per_year)
    has_ratio = (variance > FLAT_VARIANCE) & is_sound[bars:]
    ratios = np.full(len(returns), np.nan)
    ratios[bars - 1 :][has_ratio] = above[has_ratio] / np.sqrt(variance[has_ratio])
    return ratios


def _window_means(values: Column, bars: int) -> Column:
    sums = np.concatenate(([0.0], values.cumsum()))
    return (sums[bars:] - sums[:-bars]) / bars
