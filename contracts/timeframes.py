"""Timeframes: the only list of them; lengths and words follow from their names."""

from typing import Literal, get_args

Timeframe = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]

TIMEFRAMES: tuple[Timeframe, ...] = get_args(Timeframe)
_UNITS = {"m": (60, "minute"), "h": (3600, "hour"), "d": (86_400, "day"), "w": (604_800, "week")}


def _in_words(name: str) -> str:
    return f"{name[:-1]} {_UNITS[name[-1]][1]}{'' if name[:-1] == '1' else 's'}"


LENGTH_S = {each: int(each[:-1]) * _UNITS[each[-1]][0] for each in TIMEFRAMES}
IN_WORDS = {each: _in_words(each) for each in TIMEFRAMES}  # 5 minutes, 1 day
# bars with a date, and no time of day
BY_DAY = frozenset(each for each in TIMEFRAMES if LENGTH_S[each] >= 86_400)
