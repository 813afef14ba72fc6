"""How many bars of a series make a year, counted from its bars."""

from collections import Counter
from collections.abc import Iterable, Sequence

DAY_S = 86_400
SESSIONS_PER_YEAR = (252, 260, 365)  # exchanges with holidays, currencies on all weekdays, what never closes
LEAST_DAYS = 365  # of a series whose sessions can be counted; in fewer, holidays do not show
WEEKEND_SHARE = 0.2  # of the days of a shorter series; 2 of 7 where trading never closes, at most 1 of 6 elsewhere


def bars_per_year(times: Iterable[int]) -> int:
    """Sessions per year times bars per session; exactly 252 for daily bars of New York.

    times: seconds since 1970, UTC, ascending, at least two. A session is a UTC date; its bars are the median over all,
    so that half days and gaps do not count. Sessions per year: (sessions - 1) / days * 365.25, as the nearest of
    SESSIONS_PER_YEAR; in a series shorter than LEAST_DAYS, 365 if weekends are among its days, else 252.
    """
    bars_by_day = Counter(time // DAY_S for time in times)
    lengths = sorted(bars_by_day.values())
    return _sessions_per_year(list(bars_by_day)) * lengths[len(lengths) // 2]


def _sessions_per_year(days: Sequence[int]) -> int:
    """days: ascending, counted from 1970-01-01, a Thursday."""
    span = days[-1] - days[0]
    if span < LEAST_DAYS:
        weekends = sum((day + 3) % 7 >= 5 for day in days)
        return 365 if weekends > WEEKEND_SHARE * len(days) else 252
    measured = (len(days) - 1) / span * 365.25
    return min(SESSIONS_PER_YEAR, key=lambda known: abs(known - measured))
