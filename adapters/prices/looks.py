"""Spacing and session hours of a price file's dates, and the timeframe and exchange that they suggest."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time
from functools import cached_property
from itertools import groupby

import numpy as np

from adapters.prices.bars import Whole
from contracts.timeframes import BY_DAY, LENGTH_S, TIMEFRAMES, Timeframe

# bars from which the spacing is derived; fewer may all have weekends and holidays between them
LEAST_SPACED = 4
LEAST_DAYS = 0.5  # share of the days that must begin and end alike to count as sessions


# hours of exchanges by their local clocks, and their lunch breaks, if any
SESSIONS = (
    ("America/New_York", "09:30", "16:00"),
    ("America/New_York", "04:00", "20:00"),  # with the hours before and after
    ("Europe/London", "08:00", "16:30"),
    ("Europe/Berlin", "09:00", "17:30"),
    ("Asia/Tokyo", "09:00", "15:00", "11:30", "12:30"),
    ("Asia/Tokyo", "09:00", "15:30", "11:30", "12:30"),  # since November 2024
    ("Asia/Hong_Kong", "09:30", "16:00", "12:00", "13:00"),
    ("Asia/Shanghai", "09:30", "15:00", "11:30", "13:00"),
    ("Asia/Kolkata", "09:15", "15:30"),
    ("Australia/Sydney", "10:00", "16:00"),
)
ZONES = tuple(dict.fromkeys(["UTC", *(zone for zone, *_ in SESSIONS)]))


def usual_distance_s(times: Whole) -> int | None:
    """Seconds between bars, the lower quartile so that weekends and gaps do not count; None for too few bars.

    times: ascending, none twice.
    """
    return (
        int(np.sort(np.diff(times))[(len(times) - 1) // 4])
        if len(times) >= LEAST_SPACED
        else None
    )


def duration(seconds: int) -> str:
    """Format a number of seconds: 5 minutes, 1 hour, 7 days."""
    units = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    unit_s, word = next(each for each in units if seconds % each[0] == 0)
    return f"{seconds // unit_s:,} {word}{'' if seconds == unit_s else 's'}"


class Looks:
    """Dates of some of a file's first bars, as written.

    apart_s: usual seconds between bars. timeframe: the one with that spacing. lacks_offset: True when a time has no
    offset from UTC.
    """

    def __init__(self, moments: Sequence[datetime]) -> None:
        self.moments = moments
        # local times, so that clock changes do not alter the spacing
        walls = {each.replace(tzinfo=None) for each in moments}
        self._times = np.array(sorted(walls), "M8[s]").astype(np.int64)
        self.apart_s = usual_distance_s(self._times)
        fitting = (each for each in TIMEFRAMES if LENGTH_S[each] == self.apart_s)
        self.timeframe = next(fitting, None)
        self.lacks_offset = any(each.tzinfo is None for each in moments)

    def contradicts(self, timeframe: Timeframe) -> bool:
        """True when these cannot be bars of a timeframe: they are closer together, or all spaced as another's."""
        if self.apart_s is None:
            return False
        length_s = LENGTH_S[timeframe]
        steps = np.diff(self._times)
        return self.apart_s < length_s or bool(self.timeframe and length_s not in steps)

    @cached_property
    def hours(self) -> tuple[time, time] | None:
        """Start of the first and of the last bar of a usual day; None where days differ or are cut off."""
        by_day = groupby(sorted(self.moments, key=datetime.date), datetime.date)
        days = [[each.time() for each in day] for _, day in by_day]
        # the first and the last day may be incomplete
        whole = days[1:-1] or days
        hours, count = Counter((min(day), max(day)) for day in whole).most_common(1)[0]
        return hours if count >= LEAST_DAYS * len(whole) else None

    @cached_property
    def zone(self) -> str | None:
        """Zone of the exchange that has these hours; None for no exchange or several."""
        fitting = [each for each in SESSIONS if self._fits(*map(time.fromisoformat, each[1:]))]
        if (self.apart_s or 0) <= LENGTH_S["1h"]:  # longer bars would hide a break
            fitting = [each for each in fitting if each[3:]] or fitting
        zones = {each[0] for each in fitting}
        return zones.pop() if len(zones) == 1 else None

    def _fits(self, opens: time, closes: time, *pause: time) -> bool:
        first, last = self.hours or (time.max, time.min)
        end_s = _second(last) + (self.apart_s or 0)
        paused = pause and any(pause[0] <= each.time() < pause[1] for each in self.moments)
        return first == opens and _second(last) < _second(closes) <= end_s and not paused

    def in_words(self, timeframe: Timeframe) -> str:
        """Describe the dates for the user, who confirms the timeframe and, where offsets are missing, the zone."""
        if timeframe in BY_DAY or not self.lacks_offset:
            return self.spacing_in_words
        return f"{self.spacing_in_words}; {self.hours_in_words}"

    @property
    def spacing_in_words(self) -> str:
        """Describe the spacing of the bars and the timeframe that has it."""
        if self.apart_s is None:
            return f"fewer than {LEAST_SPACED} bars do not show how far they are apart"
        timeframe = (
            f"as those of {self.timeframe} are"
            if self.timeframe
            else f"which is none of {', '.join(TIMEFRAMES)}"
        )
        return f"the bars are {duration(self.apart_s)} apart, {timeframe}"

    @property
    def hours_in_words(self) -> str:
        """Describe the hours of a day's bars by the file's clock, and the exchange that has them."""
        if self.hours is None:
            return "its days begin and end at different hours, which tell no time zone"
        first, last = (each.isoformat("minutes") for each in self.hours)
        zone = f"which looks like {self.zone}" if self.zone else "which tells no time zone"
        return f"its days have bars from {first} to {last}, {zone}"


def _second(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second
