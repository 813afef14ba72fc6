"""Dates of a price file: the timeframe, exchange and sessions that they suggest, and the time of each bar."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import groupby
from typing import Literal, get_args
from zoneinfo import ZoneInfo

import numpy as np

from adapters.prices.bars import Timestamps, Whole
from adapters.prices.cells import date_reader, order_in_words
from adapters.prices.table import listed, refuse
from contracts.timeframes import BY_DAY, IN_WORDS, LENGTH_S, TIMEFRAMES, Timeframe
from contracts.values import frozen_by_name

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
            return f"too few bars to detect the timeframe (fewer than {LEAST_SPACED})"
        timeframe = (
            f" ({self.timeframe})" if self.timeframe else ", which is no supported timeframe"
        )
        return f"bars are {duration(self.apart_s)} apart{timeframe}"

    @property
    def hours_in_words(self) -> str:
        """Describe the hours of a day's bars by the file's clock, and the exchange that has them."""
        if self.hours is None:
            return "trading hours vary, so the time zone cannot be detected"
        first, last = (each.isoformat("minutes") for each in self.hours)
        zone = f"as in {self.zone}" if self.zone else "which match no known exchange"
        return f"trading hours are {first} to {last}, {zone}"


def _second(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second


LEAST_BARS = 5  # bars that show on which days of the week a market trades
# share of bars at weekends or on the day of another bar, by the dates as written; fewer are special sessions
LEAST_ODD = 0.01
STRAY = 0.2  # share of those that may remain by the sessions' dates
CLOCK_CHANGE = np.timedelta64(1, "h")
_HOURS = sorted(range(-12, 13), key=abs)


def session_hours(moments: Sequence[datetime]) -> int:
    """Hours to add to the times of daily bars so that their dates are those of the sessions; 0 where they already are.

    A session that begins in the evening belongs to the day after. Its bars are recognised by their days of the week: as
    written some are at weekends or two on one day, with the hours added hardly any; or by clock times on both sides of
    midnight that differ by a clock change alone. One number of hours serves both sides of such a change. Dates without
    a time of day are taken as written: 0.
    """
    if len(moments) < LEAST_BARS or not any(map(has_time, moments)):
        return 0
    clocks: Timestamps = np.array([each.replace(tzinfo=None) for each in moments], "M8[s]")
    shifted: dict[int, Timestamps] = {
        hours: clocks + np.timedelta64(hours, "h") for hours in _HOURS
    }
    spreads = {hours: np.ptp(each - each.astype("M8[D]")) for hours, each in shifted.items()}
    narrowest = min(spreads.values())
    if (
        narrowest <= CLOCK_CHANGE
    ):  # keep shifts under which midnight does not separate the two times
        shifted = {hours: each for hours, each in shifted.items() if spreads[hours] == narrowest}
    odd = {hours: _odd_share(each) for hours, each in shifted.items()}
    best, as_written = min(odd, key=odd.__getitem__), _odd_share(clocks)
    is_clear = as_written >= LEAST_ODD and odd[best] <= STRAY * as_written
    return best if is_clear or (0 not in odd and odd[best] <= as_written) else 0


def has_time(moment: datetime) -> bool:
    """True when a time of day is written; midnight stands for a date alone."""
    return moment.time() != time.min


def _odd_share(clocks: Timestamps) -> float:
    """Share of bars at weekends, plus the share on the day of another bar."""
    days = clocks.astype("M8[D]")
    return float((~np.is_busday(days)).mean()) + 1 - len(np.unique(days)) / len(days)


class SessionDays:
    """Days of a file's daily bars: those of their sessions, or as written.

    moments: of a sample of its bars. zone: of the exchange, if known; it decides for times with an offset, and a
    session that begins there in the evening still belongs to the day after. keep: take the dates as written.
    """

    def __init__(
        self, moments: Sequence[datetime], zone: ZoneInfo | None, *, keep: bool = False
    ) -> None:
        has_times = not keep and any(map(has_time, moments))
        self._zone = zone if has_times else None
        self.hours = session_hours([*map(self._local, moments)]) if has_times else 0
        self.may_differ = bool(self._zone or self.hours)

    @property
    def reason(self) -> str:
        """Reason why the days differ from the dates as written."""
        if not self.hours:
            return f"by the clock of {self._zone}"
        return (
            "sessions begin the evening before"
            if self.hours > 0
            else "the bars are stamped the day after"
        )

    def day(self, moment: datetime) -> datetime:
        """Midnight UTC of the bar's day."""
        local = self._local(moment) + timedelta(hours=self.hours)
        return datetime(local.year, local.month, local.day, tzinfo=UTC)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone) if self._zone and moment.tzinfo else moment


def repeated_s(second: int, zone: ZoneInfo) -> int:
    """Seconds by which clocks go back if the local time of this UTC time occurs twice, else 0."""
    local = datetime.fromtimestamp(second, zone)
    before, after = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    return int(((before or timedelta()) - (after or timedelta())).total_seconds())


def exists(moment: datetime) -> bool:
    """True when this local time exists; clocks that go forward skip an hour."""
    local = moment.astimezone(UTC).astimezone(moment.tzinfo)
    return local.replace(tzinfo=None) == moment.replace(tzinfo=None)


def in_file_order(times: Whole, zone: ZoneInfo) -> tuple[Whole, Whole]:
    """Move the second pass through each repeated hour after the first; return the times and the indexes moved.

    times: (bars,) seconds since 1970 in the file's order, oldest first, each the first of the two UTC times that its
    clock time may stand for. The second pass begins where the times stop ascending.
    """
    later, places = times.copy(), list[int]()
    for place in np.flatnonzero(np.diff(times) <= 0) + 1:
        back_s = repeated_s(int(times[place]), zone)
        if not back_s or (places and place <= places[-1]):
            continue
        stop = int(place)
        while stop < len(times) and abs(times[stop] - times[place]) < back_s:
            if not repeated_s(int(times[stop]), zone):
                break
            stop += 1
        later[place:stop] += back_s
        places += range(int(place), stop)
    return later, np.array(places, np.int64)


SAMPLE = 2_000  # rows that determine the order of day and month and the spacing of bars
FRIDAY = 4  # as datetime.weekday counts
FIRST_YEAR, LAST_YEAR = 1600, 2199  # of a bar; the oldest exchange opened in 1602
# for rows whose High or Low contradicts their other prices: refuse the file, widen High and Low, drop the rows
BadRows = Literal["refuse", "widen", "drop"]
BAD_ROWS: tuple[BadRows, ...] = get_args(BadRows)


@frozen_by_name
class Meaning:
    """Interpretation of a file, beyond what it states itself.

    guesses: derive the timeframe, and the zone of times without an offset, from the dates where they show it.
    keep_dates: date daily bars as written, even where these are not the days of their sessions. bad_rows: one of
    BAD_ROWS.
    """

    timeframe: Timeframe
    adjust: bool = True  # multiply the whole bar by Adj Close / Close, where the file has both
    zone: str | None = None  # of times without an offset, such as America/New_York
    guesses: bool = False
    keep_dates: bool = False
    bad_rows: BadRows = "refuse"


class Dates:
    """Date cells of a file, and the times that they stand for under the requested meaning.

    RefusedFile when no format or more than one fits them, or when they contradict the request.
    """

    def __init__(self, cells: Sequence[str], meaning: Meaning) -> None:
        self._read = date_reader(cells[:: max(len(cells) // SAMPLE, 1)])
        self.order = order_in_words(cells[0], self._read)
        self.looks = Looks([*filter(None, map(self._read, cells[:SAMPLE]))])
        self.meaning = _complete(meaning, self.looks)
        self._zone = ZoneInfo(self.meaning.zone) if self.meaning.zone else None
        self._cells = cells
        in_range = [each for each in self.looks.moments if _is_in_range(each)]
        self._days = SessionDays(in_range, self._zone, keep=self.meaning.keep_dates)

    def doubts(self) -> Iterator[str]:
        """Warn where the file looks different from the requested meaning, which is applied anyway."""
        looks, zone = self.looks, self._zone
        yield from self._shifts()
        yield from self._fridays()
        if self.meaning.timeframe in BY_DAY or not (looks.lacks_offset and looks.zone and zone):
            return
        at = looks.moments[0].replace(tzinfo=None)
        if zone.utcoffset(at) != ZoneInfo(looks.zone).utcoffset(at):
            yield f"times are read as {zone}, but {looks.hours_in_words}"

    def _shifts(self) -> Iterator[str]:
        """Warn of daily bars whose session is on another day than the date as written."""
        if self.meaning.timeframe != "1d" or not self._days.may_differ:
            return
        read = filter(None, map(self._read, self._cells))
        moments = [each for each in read if _is_in_range(each)]
        days = [self._days.day(each).date() for each in moments]
        moved = [
            f"{moment} is {day}"
            for moment, day in zip(moments, days, strict=True)
            if day != moment.date()
        ]
        if moved:
            yield (
                f"{len(moved):,} of {len(moments):,} daily bars dated by their session, not as written "
                f"({self._days.reason}): {listed(moved)}; keep_dates=true keeps the dates as written"
            )

    def _fridays(self) -> Iterator[str]:
        """Warn of weekly bars stamped with a time on Fridays: the week's end, or the next one's start, as at OANDA."""
        moments = self.looks.moments
        on_fridays = [each for each in moments if each.weekday() == FRIDAY and has_time(each)]
        if self.meaning.timeframe == "1w" and len(on_fridays) > len(moments) / 2:
            yield (
                f"weekly bars stamped with times on Fridays, such as {on_fridays[0]}, dated by the Monday before: "
                "where the week begins at that time, add three days to the dates"
            )

    def seconds(self, cell: str) -> int | str:
        """Return the time of the bar with this date, in seconds since 1970 UTC, or a description of the fault."""
        moment = self._read(cell)
        if moment is None:
            return "{!r} is not a date; use YYYY-MM-DD"
        if not _is_in_range(moment):
            return f"{{!r}} is out of range: the years {FIRST_YEAR} to {LAST_YEAR}"
        if self.meaning.timeframe in BY_DAY:
            moment = self._day(moment)
        elif moment.tzinfo is None:
            if self._zone is None:
                return "{!r} has no offset from UTC, but other rows do; set the time zone"
            moment = moment.replace(tzinfo=self._zone)
            if not exists(moment):
                return (
                    f"{{!r}} does not exist in {self._zone}, where clocks go forward then; set the file's time zone, "
                    "such as UTC, or Etc/GMT+5 for UTC-5 all year"
                )
        return int(moment.timestamp())

    def _day(self, moment: datetime) -> datetime:
        """Midnight UTC of a daily bar's day, or of a weekly one's Monday."""
        if self.meaning.timeframe == "1d":
            return self._days.day(moment)
        # regardless of the offset; a Sunday belongs to the Monday after it, since weeks in the US start on Sunday
        day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        return day + timedelta(days=1 - (day.weekday() + 1) % 7)

    @property
    def clock_zone(self) -> ZoneInfo | None:
        """The zone of an intraday file's times without an offset."""
        is_local = self.looks.lacks_offset and self.meaning.timeframe not in BY_DAY
        return self._zone if is_local else None


def _is_in_range(moment: datetime) -> bool:
    return FIRST_YEAR <= moment.year <= LAST_YEAR


def _complete(meaning: Meaning, looks: Looks) -> Meaning:
    """Complete the meaning by guesses from the dates, if requested; RefusedFile where it contradicts the file."""
    if meaning.guesses and looks.timeframe:
        meaning = replace(meaning, timeframe=looks.timeframe)
    timeframe = meaning.timeframe
    if looks.contradicts(timeframe):
        raise refuse(
            f"{timeframe} ({IN_WORDS[timeframe]}) does not fit the file: {looks.spacing_in_words}",
            "timeframe",
        )
    if timeframe in BY_DAY or not looks.lacks_offset or meaning.zone:
        return meaning
    return replace(meaning, zone=_zone_of(meaning, looks))


def _zone_of(meaning: Meaning, looks: Looks) -> str:
    """Return the zone that the times suggest, if guessing is allowed; RefusedFile otherwise."""
    if meaning.guesses and looks.zone:
        return looks.zone
    example = next(each for each in looks.moments if each.tzinfo is None)
    raise refuse(
        f"missing, and times such as {example} have no offset from UTC; {looks.in_words(meaning.timeframe)}; "
        "set the file's time zone, such as America/New_York, or UTC",
        "timezone",
    )
