"""What the dates of a price file look like: how far apart its bars are, and whose sessions they would be."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time
from functools import cached_property
from itertools import groupby

import numpy as np

from adapters.prices.bars import Whole
from contracts.timeframes import BY_DAY, LENGTH_S, TIMEFRAMES, Timeframe

# bars that show how far apart they are; fewer may all have weekends and holidays between them
LEAST_SPACED = 4
LEAST_DAYS = 0.5  # of the days, that begin and end alike, for them to be sessions


# hours of exchanges by their own clocks, and their breaks, if any
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
    """Seconds between bars, of three quarters of them, so that neither weekends nor gaps count; None for too few.

    times: ascending, none twice.
    """
    return (
        int(np.sort(np.diff(times))[(len(times) - 1) // 4])
        if len(times) >= LEAST_SPACED
        else None
    )


def duration(seconds: int) -> str:
    """5 minutes, 1 hour, 7 days."""
    units = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    unit_s, word = next(each for each in units if seconds % each[0] == 0)
    return f"{seconds // unit_s:,} {word}{'' if seconds == unit_s else 's'}"


class Looks:
    """The dates of some of a file's first bars, as they are written.

    apart_s: seconds between bars, as a rule. timeframe: the one whose bars are so far apart. lacks_offset: whether a
    time is one of a clock on some wall.
    """

    def __init__(self, moments: Sequence[datetime]) -> None:
        self.moments = moments
        # no hour more or less where the clock is put
        walls = {each.replace(tzinfo=None) for each in moments}
        self._times = np.array(sorted(walls), "M8[s]").astype(np.int64)
        self.apart_s = usual_distance_s(self._times)
        found = (each for each in TIMEFRAMES if LENGTH_S[each] == self.apart_s)
        self.timeframe = next(found, None)
        self.lacks_offset = any(each.tzinfo is None for each in moments)

    def contradicts(self, timeframe: Timeframe) -> bool:
        """Whether these cannot be bars of a timeframe: they are closer, or all further apart, as another's are."""
        if self.apart_s is None:
            return False
        length_s = LENGTH_S[timeframe]
        steps = np.diff(self._times)
        return self.apart_s < length_s or bool(self.timeframe and length_s not in steps)

    @cached_property
    def hours(self) -> tuple[time, time] | None:
        """When the first and the last bar of a usual day begin; None where days differ, or are cut off."""
        by_day = groupby(sorted(self.moments, key=datetime.date), datetime.date)
        days = [[each.time() for each in day] for _, day in by_day]
        # the first and the last day may be parts
        whole = days[1:-1] or days
        hours, count = Counter((min(day), max(day)) for day in whole).most_common(1)[0]
        return hours if count >= LEAST_DAYS * len(whole) else None

    @cached_property
    def zone(self) -> str | None:
        """Where these would be the hours of an exchange; None where they are those of none, or of several."""
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
        """What whoever says the timeframe, and the zone where one is lacking, is shown."""
        if timeframe in BY_DAY or not self.lacks_offset:
            return self.spacing_in_words
        return f"{self.spacing_in_words}; {self.hours_in_words}"

    @property
    def spacing_in_words(self) -> str:
        """How far apart the bars are, and whose timeframe that is."""
        if self.apart_s is None:
            return f"fewer than {LEAST_SPACED} bars do not show how far they are apart"
        known = (
            f"as those of {self.timeframe} are"
            if self.timeframe
            else f"which is none of {', '.join(TIMEFRAMES)}"
        )
        return f"the bars are {duration(self.apart_s)} apart, {known}"

    @property
    def hours_in_words(self) -> str:
        """From when to when a day's bars are by the file's clock, and where that is a session."""
        if self.hours is None:
            return "its days begin and end at different hours, which tell no time zone"
        first, last = (each.isoformat("minutes") for each in self.hours)
        known = f"which looks like {self.zone}" if self.zone else "which tells no time zone"
        return f"its days have bars from {first} to {last}, {known}"


def _second(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second
