"""When a bar opens and closes, in UTC; standard library only, so that web and Job share one convention."""

from datetime import datetime, timedelta
from typing import get_args

from contracts.run_request import Timeframe

TIMEFRAMES: tuple[Timeframe, ...] = get_args(Timeframe)
# Bars in a year of runs from before it was counted and recorded as the metric bars_per_year.
PERIODS_PER_YEAR: dict[Timeframe, int] = {"1d": 252, "1h": 1638, "5m": 19656}

# Seconds from a bar's Date in the price file to its open and its close. A daily bar is dated by its day; by convention
# it opens at 14:30 and closes at 21:00 UTC (the New York session in winter). An intraday bar is dated by its start.
OPEN_OFFSET_S: dict[Timeframe, int] = {"1d": 14 * 3600 + 30 * 60, "1h": 0, "5m": 0}
CLOSE_OFFSET_S: dict[Timeframe, int] = {"1d": 21 * 3600, "1h": 3600, "5m": 300}


def bar_open_time(bar_date: str, timeframe: Timeframe) -> str:
    """ISO 8601 UTC time at which the bar with this Date opens."""
    return _shifted(bar_date, OPEN_OFFSET_S[timeframe])


def bar_close_time(bar_date: str, timeframe: Timeframe) -> str:
    """ISO 8601 UTC time at which the bar with this Date closes."""
    return _shifted(bar_date, CLOSE_OFFSET_S[timeframe])


def _shifted(bar_date: str, seconds: int) -> str:
    start = datetime.fromisoformat(bar_date[:19])
    return (start + timedelta(seconds=seconds)).isoformat() + "Z"
