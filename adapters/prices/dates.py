"""The dates of a price file: what they look like, and when its bars are."""

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.prices.cells import (
    SAMPLE,
    date_reader,
    seconds_of_day,
    seconds_of_time,
    seconds_of_week,
)
from adapters.prices.findings import Faults
from adapters.prices.looks import Looks
from adapters.prices.meaning import Meaning
from adapters.prices.table import NAME, Table
from contracts.timeframes import BY_DAY

FIRST_YEAR, LAST_YEAR = 1600, 2199  # of a bar; the oldest exchange opened in 1602


class Dates:
    """The dates of a table, and what the first of them look like."""

    def __init__(self, table: Table) -> None:
        self._cells = table.column("date")
        if "clock" in table.columns:
            self._cells = [
                f"{day}T{clock}"
                for day, clock in zip(self._cells, table.column("clock"), strict=True)
            ]
        self._read = date_reader(self._cells)
        self.looks = Looks([*filter(None, map(self._read, self._cells[:SAMPLE]))])

    def times(self, lines: Sequence[int], meaning: Meaning, faults: Faults) -> list[int]:
        """Seconds since 1970, UTC, of each bar."""
        seconds_of = _reader_of_times(meaning)
        times = []
        for cell, line in zip(self._cells, lines, strict=True):
            moment = self._read(cell)
            if moment is None:
                faults.add(
                    line,
                    "Date {!r} is not a date; YYYY-MM-DD is understood everywhere",
                    cell[:NAME],
                )
            elif not FIRST_YEAR <= moment.year <= LAST_YEAR:
                faults.add(
                    line,
                    f"Date {{!r}} is out of range: the years {FIRST_YEAR} to {LAST_YEAR}",
                    cell[:NAME],
                )
            elif (seconds := seconds_of(moment)) is None:
                faults.add(
                    line,
                    "Date {!r} has no offset from UTC, as others have; name the time zone",
                    cell[:NAME],
                )
            else:
                times.append(seconds)
        return times


def _reader_of_times(meaning: Meaning) -> Callable[[datetime], int | None]:
    if meaning.timeframe in BY_DAY:
        return seconds_of_week if meaning.timeframe == "1w" else seconds_of_day
    zone = ZoneInfo(meaning.zone) if meaning.zone else None
    return lambda moment: seconds_of_time(moment, zone)
