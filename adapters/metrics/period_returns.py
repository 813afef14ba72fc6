"""Returns by month and over rolling windows, from a run's stored equity."""

import numpy as np

from adapters.metrics.measured import Array, bar_rate
from adapters.prices.bars import Column, Whole
from contracts.values import frozen

FLAT_VARIANCE = 1e-18  # of returns; sums of squares are not more exact than that


@frozen
class YearReturns:
    """A calendar year's returns in percent: of each month (None where the run has no bar), and of the whole year."""

    year: int
    months: list[float | None]
    total: float


def monthly_returns(times: Whole, equity: Column, initial_capital: float) -> list[YearReturns]:
    """Returns of each calendar month and year, in percent, from the last equity before to the last one in it.

    times: seconds since 1970, ascending. The first month starts from the initial capital. A month that begins with
    nothing left has a return of 0.
    """
    path = np.append(initial_capital, equity)
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
    """Sharpe ratio of the last `bars` returns, per bar; NaN before there are so many, or while they do not vary.

    path: (bars + 1,) the initial capital, then equity. Simple returns above the risk-free one, ddof 1, times the square
    root of the periods in a year, as the metric's. A bar that begins with nothing left has a return of 0.
    """
    returns = np.zeros(len(path) - 1)
    np.divide(np.diff(path), path[:-1], out=returns, where=path[:-1] > 0)
    mean, mean_square = (_window_means(each, bars) for each in (returns, returns * returns))
    variance = (mean_square - mean * mean) * bars / (bars - 1)
    above = (mean - bar_rate(risk_free_rate, periods_per_year)) * np.sqrt(periods_per_year)
    known = variance > FLAT_VARIANCE
    found = np.full(len(returns), np.nan)
    found[bars - 1 :][known] = above[known] / np.sqrt(variance[known])
    return found


def _window_means(values: Column, bars: int) -> Column:
    sums = np.concatenate(([0.0], values.cumsum()))
    return (sums[bars:] - sums[:-bars]) / bars
