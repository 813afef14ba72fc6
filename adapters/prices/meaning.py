"""What a price file does not say itself, and whether that can be."""

from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

from adapters.prices.findings import refuse
from adapters.prices.looks import Looks
from contracts.timeframes import BY_DAY, IN_WORDS, Timeframe
from contracts.values import frozen_by_name


@frozen_by_name
class Meaning:
    """What the file itself does not say.

    guesses: its timeframe, and the zone of times without an offset, are what they look like, where that can be told.
    """

    timeframe: Timeframe
    adjust: bool = True  # multiply the whole bar by Adj Close / Close, where the file has both
    zone: str | None = None  # of times without an offset, such as America/New_York
    guesses: bool = False


def settled(meaning: Meaning, looks: Looks) -> Meaning:
    """The meaning, with what the file looks like where that is asked for; Refused where it contradicts the file."""
    if meaning.guesses and looks.timeframe:
        meaning = replace(meaning, timeframe=looks.timeframe)
    asked = meaning.timeframe
    if looks.contradicts(asked):
        raise refuse(
            f"{asked} ({IN_WORDS[asked]}) does not fit the file: {looks.spacing_in_words}",
            about="timeframe",
        )
    if asked in BY_DAY or not looks.lacks_offset or meaning.zone:
        return meaning
    if meaning.guesses and looks.zone:
        return replace(meaning, zone=looks.zone)
    example = next(each for each in looks.moments if each.tzinfo is None)
    raise refuse(
        f"not given, and the times, such as {example}, have no offset from UTC; {looks.in_words(asked)}: name the "
        "zone of the file, such as America/New_York, or UTC",
        about="timezone",
    )


def doubts(meaning: Meaning, looks: Looks) -> Iterator[str]:
    """What was asked for and is taken, though the file looks like something else."""
    if meaning.timeframe in BY_DAY or not looks.lacks_offset or not (meaning.zone and looks.zone):
        return
    at = looks.moments[0].replace(tzinfo=None)
    if ZoneInfo(meaning.zone).utcoffset(at) != ZoneInfo(looks.zone).utcoffset(at):
        yield f"the times are taken as those of {meaning.zone}, but {looks.hours_in_words}"
