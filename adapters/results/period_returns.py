"""Returns by month and over rolling windows, from a run's stored equity; standard library only, for the web tier."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import sqrt

from adapters.results.measured import bar_rate

FLAT_VARIANCE = 1e-18  # of returns; sums of squares are not more exact than that


@dataclass(frozen=True, slots=True)
class YearReturns:
    """A calendar year's returns in percent: of each month (None where the run has no bar), and of the whole year."""

    year: int
    months: list[float | None]
    total: float


def monthly_returns(bars: Sequence[str], equity: Sequence[float], initial_capital: float) -> list[YearReturns]:
    """Returns of each calendar month and year, in percent, from the last equity before to the last one in it.

    bars: dates or times in ISO 8601, oldest first, one per equity value. The first month starts from the initial
    capital. A month that begins with nothing left has a return of 0.
    """
    ends: dict[str, float] = {}
    for bar, value in zip(bars, equity, strict=True):
        ends[bar[:7]] = value
    starts = [initial_capital, *ends.values()]
    months = {month: _change(start, end) for (month, end), start in zip(ends.items(), starts, strict=False)}
    return [_year(year, months, ends, initial_capital) for year in dict.fromkeys(int(month[:4]) for month in ends)]


def _year(year: int, months: dict[str, float], ends: dict[str, float], initial_capital: float) -> YearReturns:
    before = [value for month, value in ends.items() if int(month[:4]) < year]
    own = [value for month, value in ends.items() if int(month[:4]) == year]
    total = _change(before[-1] if before else initial_capital, own[-1])
    return YearReturns(year, [months.get(f"{year:04d}-{month:02d}") for month in range(1, 13)], total)


def _change(start: float, end: float) -> float:
    return (end / start - 1) * 100 if start > 0 else 0.0


def rolling_sharpe(
    equity: Sequence[float], initial_capital: float, bars: int, periods_per_year: float, risk_free_rate: float
) -> list[float | None]:
    """Sharpe ratio of the last `bars` returns, per bar; None before there are so many, or while they do not vary.

    Simple returns above the risk-free one, ddof 1, times the square root of the periods in a year, as the metric's.
    """
    free = bar_rate(risk_free_rate, periods_per_year)
    path = [initial_capital, *equity]
    returns = [after / before - 1 if before > 0 else 0.0 for before, after in pairwise(path)]
    sums = list(accumulate(returns, initial=0.0))
    squares = list(accumulate((value * value for value in returns), initial=0.0))
    head: list[float | None] = [None] * min(bars - 1, len(returns))
    windows = zip(sums, sums[bars:], squares, squares[bars:], strict=False)
    return head + [
        _sharpe((after - before) / bars, (square_after - square_before) / bars, free, bars, periods_per_year)
        for before, after, square_before, square_after in windows
    ]


def _sharpe(mean: float, mean_square: float, free: float, bars: int, periods_per_year: float) -> float | None:
    variance = (mean_square - mean * mean) * bars / (bars - 1)
    return (mean - free) / sqrt(variance) * sqrt(periods_per_year) if variance > FLAT_VARIANCE else None
