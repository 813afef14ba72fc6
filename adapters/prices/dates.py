"""The dates of a price file: how they are written, what they look like, and when its bars are."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.prices.looks import Looks
from adapters.prices.moments import date_reader, order_in_words
from adapters.prices.table import refuse
from contracts.timeframes import BY_DAY, IN_WORDS, Timeframe
from contracts.values import frozen_by_name

SAMPLE = 2_000  # rows from which the order of day and month is told, and how far bars are apart
FIRST_YEAR, LAST_YEAR = 1600, 2199  # of a bar; the oldest exchange opened in 1602


@frozen_by_name
class Meaning:
    """What the file itself does not say.

    guesses: its timeframe, and the zone of times without an offset, are what they look like, where that can be told.
    """

    timeframe: Timeframe
    adjust: bool = True  # multiply the whole bar by Adj Close / Close, where the file has both
    zone: str | None = None  # of times without an offset, such as America/New_York
    guesses: bool = False


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

    def doubts(self) -> Iterator[str]:
        """What was asked for and is taken, though the file looks like something else."""
        looks, zone = self.looks, self._zone
        if self.meaning.timeframe in BY_DAY or not (looks.lacks_offset and looks.zone and zone):
            return
        at = looks.moments[0].replace(tzinfo=None)
        if zone.utcoffset(at) != ZoneInfo(looks.zone).utcoffset(at):
            yield f"the times are taken as those of {zone}, but {looks.hours_in_words}"

    def seconds(self, cell: str) -> int | str:
        """Seconds since 1970, UTC, of the bar with this date, or what is wrong with it."""
        moment = self._read(cell)
        if moment is None:
            return "{!r} is not a date; YYYY-MM-DD is understood everywhere"
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            return f"{{!r}} is out of range: the years {FIRST_YEAR} to {LAST_YEAR}"
        if self.meaning.timeframe in BY_DAY:
            # whatever offset it is written with
            moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
            if self.meaning.timeframe == "1w":
                # its Monday; that of a Sunday is the next one, as weeks are written in the US
                moment += timedelta(days=1 - (moment.weekday() + 1) % 7)
        elif moment.tzinfo is None:
            if self._zone is None:
                return "{!r} has no offset from UTC, as others have; name the time zone"
            moment = moment.replace(tzinfo=self._zone)
        return int(moment.timestamp())


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
