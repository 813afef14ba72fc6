"""How many bars of a series make a year, counted from its bars."""

from typing import Any

import numpy as np

Timestamps = np.ndarray[tuple[int], np.dtype[np.datetime64]]

SESSIONS_PER_YEAR = (252, 260, 365)  # exchanges with holidays, currencies on all weekdays, what never closes
LEAST_DAYS = 365  # of a series whose sessions can be counted; in fewer, holidays do not show
WEEKEND_SHARE = 0.2  # of the days of a shorter series; 2 of 7 where trading never closes, at most 1 of 6 elsewhere


def bars_per_year(timestamps: Timestamps) -> int:
    """Sessions per year times bars per session; exactly 252 for daily bars of New York.

    timestamps: (bars,) datetime64, ascending, at least two. A session is a UTC date; its bars are the median over all,
    so that half days and gaps do not count. Sessions per year: (sessions - 1) / days * 365.25, as the nearest of
    SESSIONS_PER_YEAR; in a series shorter than LEAST_DAYS, 365 if weekends are among its days, else 252.
    """
    dates = timestamps.astype("M8[D]")
    starts = np.flatnonzero(np.concatenate(([True], dates[1:] != dates[:-1])))
    lengths = np.sort(np.diff(starts, append=len(dates)))
    return _sessions_per_year(dates[starts]) * int(lengths[len(lengths) // 2])


def _sessions_per_year(sessions: np.ndarray[Any, np.dtype[np.datetime64]]) -> int:
    numbers = sessions.astype(np.int64)  # days since 1970-01-01, a Thursday
    days = int(numbers[-1] - numbers[0])
    if days < LEAST_DAYS:
        weekends = float(((numbers + 3) % 7 >= 5).mean())
        return 365 if weekends > WEEKEND_SHARE else 252
    measured = (len(sessions) - 1) / days * 365.25
    return min(SESSIONS_PER_YEAR, key=lambda known: abs(known - measured))
