"""The dates of a price file: how they are written, what they look like, and when its bars are."""

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

SAMPLE = 2_000  # rows from which the order of day and month is told, and how far bars are apart
FRIDAY = 4  # as datetime.weekday counts
FIRST_YEAR, LAST_YEAR = 1600, 2199  # of a bar; the oldest exchange opened in 1602
# of rows whose High or Low contradicts their other prices: refuse the file, widen High and Low, leave the rows out
BadRows = Literal["refuse", "widen", "drop"]
BAD_ROWS: tuple[BadRows, ...] = get_args(BadRows)


@frozen_by_name
class Meaning:
    """What the file itself does not say.

    guesses: its timeframe, and the zone of times without an offset, are what they look like, where that can be told.
    keep_dates: daily bars are dated as written, also where these are not the days of their sessions. bad_rows: one of
    BAD_ROWS.
    """

    timeframe: Timeframe
    adjust: bool = True  # multiply the whole bar by Adj Close / Close, where the file has both
    zone: str | None = None  # of times without an offset, such as America/New_York
    guesses: bool = False
    keep_dates: bool = False
    bad_rows: BadRows = "refuse"


class Dates:
    """The cells of a file's dates, what they look like, and what they mean, with what was asked for.

    Refused when no way, or more than one, to read them fits, or they contradict what was asked for.
    """

    def __init__(self, cells: Sequence[str], meaning: Meaning) -> None:
        self._read = date_reader(cells[:: max(len(cells) // SAMPLE, 1)])
        self.order = order_in_words(cells[0], self._read)
        self.looks = Looks([*filter(None, map(self._read, cells[:SAMPLE]))])
        self.meaning = _settled(meaning, self.looks)
        self._zone = ZoneInfo(self.meaning.zone) if self.meaning.zone else None
        self._cells = cells
        in_range = [each for each in self.looks.moments if _is_in_range(each)]
        self._days = SessionDays(in_range, self._zone, keep=self.meaning.keep_dates)

    def doubts(self) -> Iterator[str]:
        """What was asked for and is taken, though the file looks like something else."""
        looks, zone = self.looks, self._zone
        yield from self._shifts()
        yield from self._fridays()
        if self.meaning.timeframe in BY_DAY or not (looks.lacks_offset and looks.zone and zone):
            return
        at = looks.moments[0].replace(tzinfo=None)
        if zone.utcoffset(at) != ZoneInfo(looks.zone).utcoffset(at):
            yield f"the times are taken as those of {zone}, but {looks.hours_in_words}"

    def _shifts(self) -> Iterator[str]:
        """Daily bars whose session is on another day than their date as written."""
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
        """Weekly bars stamped with a time on Fridays, which end the week, or begin the next, as OANDA has it."""
        moments = self.looks.moments
        on_fridays = [each for each in moments if each.weekday() == FRIDAY and has_time(each)]
        if self.meaning.timeframe == "1w" and len(on_fridays) > len(moments) / 2:
            yield (
                f"weekly bars stamped with times on Fridays, such as {on_fridays[0]}, dated by the Monday before: "
                "where the week begins at that time, add three days to the dates"
            )

    def seconds(self, cell: str) -> int | str:
        """Seconds since 1970, UTC, of the bar with this date, or what is wrong with it."""
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
        # whatever offset it is written with; the Monday of a Sunday is the next one, as weeks are written in the US
        day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        return day + timedelta(days=1 - (day.weekday() + 1) % 7)

    @property
    def clock_zone(self) -> ZoneInfo | None:
        """The zone of an intraday file's times without an offset."""
        is_local = self.looks.lacks_offset and self.meaning.timeframe not in BY_DAY
        return self._zone if is_local else None


def _is_in_range(moment: datetime) -> bool:
    return FIRST_YEAR <= moment.year <= LAST_YEAR


def _settled(meaning: Meaning, looks: Looks) -> Meaning:
    """The meaning, with what the file looks like where that is asked for; Refused where it contradicts the file."""
    if meaning.guesses and looks.timeframe:
        meaning = replace(meaning, timeframe=looks.timeframe)
    asked = meaning.timeframe
    if looks.contradicts(asked):
        raise refuse(
            f"{asked} ({IN_WORDS[asked]}) does not fit the file: {looks.spacing_in_words}",
            "timeframe",
        )
    if asked in BY_DAY or not looks.lacks_offset or meaning.zone:
        return meaning
    return replace(meaning, zone=_zone_of(meaning, looks))


def _zone_of(meaning: Meaning, looks: Looks) -> str:
    """The zone that the times look like they are of, where that may be guessed; Refused elsewhere."""
    if meaning.guesses and looks.zone:
        return looks.zone
    example = next(each for each in looks.moments if each.tzinfo is None)
    raise refuse(
        f"not given, and the times, such as {example}, have no offset from UTC; {looks.in_words(meaning.timeframe)}: "
        "name the zone of the file, such as America/New_York, or UTC",
        "timezone",
    )
