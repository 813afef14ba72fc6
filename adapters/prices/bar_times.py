"""Opening and closing times of bars, in UTC; standard library only, so that web and Job share one convention."""

from datetime import datetime, timedelta

from contracts.timeframes import BY_DAY, LENGTH_S, TIMEFRAMES, Timeframe

# Bars in a year of New York's sessions of 6.5 hours, used where those of the prices are not counted.
_INTRADAY = {each: 252 * 23_400 // LENGTH_S[each] for each in TIMEFRAMES if each not in BY_DAY}
PERIODS_PER_YEAR: dict[Timeframe, int] = {**_INTRADAY, "1d": 252, "1w": 52}

# Seconds from a bar's Date in the price file to its open and its close. A daily bar is dated by its day; by convention
# it opens at 14:30 and closes at 21:00 UTC (the New York session in winter). A weekly one is dated by its Monday, and
# closes with the Friday. An intraday bar is dated by its start.
_OPEN_S, _CLOSE_S = 14 * 3600 + 30 * 60, 21 * 3600
OPEN_OFFSET_S: dict[Timeframe, int] = {
    each: _OPEN_S if each in BY_DAY else 0 for each in TIMEFRAMES
}
CLOSE_OFFSET_S: dict[Timeframe, int] = {
    **LENGTH_S,
    "1d": _CLOSE_S,
    "1w": 4 * LENGTH_S["1d"] + _CLOSE_S,
}


def fill_time(bar_date: str, at: str, timeframe: Timeframe) -> str:
    """ISO 8601 UTC time of a fill on the bar with this Date.

    A fill at the open has the time of the bar's open; one at the close, or at a stop within the bar, that of its close.
    """
    offset_s = (OPEN_OFFSET_S if at == "open" else CLOSE_OFFSET_S)[timeframe]
    start = datetime.fromisoformat(bar_date[:19])
    return (start + timedelta(seconds=offset_s)).isoformat() + "Z"
