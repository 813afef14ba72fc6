"""How many bars of a series make a year, counted from its bars."""

import numpy as np

from adapters.prices.bars import Whole

DAY_S = 86_400
YEAR_DAYS = 365.25
# exchanges with holidays, currencies on all weekdays, what never closes
SESSIONS_PER_YEAR = (252, 260, 365)
LEAST_DAYS = 365  # of a series whose sessions can be counted; in fewer, holidays do not show
# of days without sessions: a tenth, and holidays in a short series (September 2001)
GAPS, GAP_DAYS = 0.1, 8
# of the days of a shorter series; 2 of 7 where trading never closes, at most 1 of 6 elsewhere
WEEKEND_SHARE = 0.2


def bars_per_year(times: Whole) -> int:
    """Sessions per year times bars per session; exactly 252 for daily bars of New York.

    Where none of SESSIONS_PER_YEAR is near, as for weekly and monthly bars, the bars themselves over their time.

    times: seconds since 1970, UTC, ascending, at least two. A session is a UTC date; its bars are the median over all,
    so that half days and gaps do not count. Sessions per year: (sessions - 1) / days * YEAR_DAYS, as the nearest of
    SESSIONS_PER_YEAR; in a series shorter than LEAST_DAYS, 365 if weekends are among its days, else 252.
    """
    days, lengths = np.unique(times // DAY_S, return_counts=True)
    sessions = _sessions_per_year(days)
    expected = (len(days) - 1) / sessions * YEAR_DAYS
    if abs(days[-1] - days[0] - expected) <= GAPS * expected + GAP_DAYS:
        return sessions * int(np.sort(lengths)[len(lengths) // 2])
    return round((len(times) - 1) / int(times[-1] - times[0]) * DAY_S * YEAR_DAYS) or 1


def is_at_weekend(days: Whole) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """days: counted from 1970-01-01, a Thursday."""
    return (days + 3) % 7 >= 5


def _sessions_per_year(days: Whole) -> int:
    span = int(days[-1] - days[0])
    if span < LEAST_DAYS:
        return 365 if is_at_weekend(days).sum() > WEEKEND_SHARE * len(days) else 252
    measured = (len(days) - 1) / span * YEAR_DAYS
    return min(SESSIONS_PER_YEAR, key=lambda known: abs(known - measured))
