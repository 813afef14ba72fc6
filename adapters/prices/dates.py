"""Dates of a price file: their format, what they suggest about the file, and the time of each bar."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from adapters.prices.looks import Looks
from adapters.prices.moments import date_reader, order_in_words
from adapters.prices.sessions import SessionDays, exists, has_time
from adapters.prices.table import listed, refuse
from contracts.timeframes import BY_DAY, IN_WORDS, Timeframe
from contracts.values import frozen_by_name

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
        """Warn where the file looks different from the requested meaning, which is applied all the same."""
        looks, zone = self.looks, self._zone
        yield from self._shifts()
        yield from self._fridays()
        if self.meaning.timeframe in BY_DAY or not (looks.lacks_offset and looks.zone and zone):
            return
        at = looks.moments[0].replace(tzinfo=None)
        if zone.utcoffset(at) != ZoneInfo(looks.zone).utcoffset(at):
            yield f"the times are taken as those of {zone}, but {looks.hours_in_words}"

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
            return "{!r} is not a date; YYYY-MM-DD is understood everywhere"
        if not _is_in_range(moment):
            return f"{{!r}} is out of range: the years {FIRST_YEAR} to {LAST_YEAR}"
        if self.meaning.timeframe in BY_DAY:
            moment = self._day(moment)
        elif moment.tzinfo is None:
            if self._zone is None:
                return "{!r} has no offset from UTC, as others have; name the time zone"
            moment = moment.replace(tzinfo=self._zone)
            if not exists(moment):
                return (
                    f"{{!r}} does not exist in {self._zone}, where clocks go forward then; name the zone of the file, "
                    "such as UTC or Etc/GMT+5, which is UTC-5 all year"
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
        f"not given, and the times, such as {example}, have no offset from UTC; {looks.in_words(meaning.timeframe)}: "
        "name the zone of the file, such as America/New_York, or UTC",
        "timezone",
    )
