"""Timeframe and time zone detected from a file's dates: used on request, else compared with the request."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from adapters.prices.bars import bars_per_year
from adapters.prices.reading import Meaning, Reading, read_prices
from adapters.prices.table import RefusedFile
from contracts.timeframes import LENGTH_S, TIMEFRAMES, Timeframe

HEADER = "Date,Open,High,Low,Close,Volume\n"
DAYS = [
    date(2024, 1, 2) + timedelta(days=7 * (number // 5) + number % 5) for number in range(10)
]  # Tuesday to Saturday
HOURS = {
    "America/New_York": [("09:30", "16:00")],
    "Europe/London": [("08:00", "16:30")],
    "Asia/Tokyo": [("09:00", "11:30"), ("12:30", "15:00")],
    "Asia/Hong_Kong": [("09:30", "12:00"), ("13:00", "16:00")],
}


def starts(length_s: int, hours: list[tuple[str, str]]) -> Iterator[datetime]:
    """When bars begin in sessions of these hours."""
    for day in DAYS:
        for opens, closes in hours:
            at, end = (
                datetime.combine(day, time.fromisoformat(each)) for each in (opens, closes)
            )
            while at < end:
                yield at
                at += timedelta(seconds=length_s)


def file_of(dates: Iterator[datetime] | list[object]) -> bytes:
    return (HEADER + "".join(f"{each},1,2,1,1.5,9\n" for each in dates)).encode()


def read(
    content: bytes, timeframe: Timeframe = "1d", zone: str | None = None, *, guesses: bool = True
) -> Reading:
    return read_prices(content, Meaning(timeframe=timeframe, zone=zone, guesses=guesses))


def refused(
    content: bytes, timeframe: Timeframe, zone: str | None = None, *, guesses: bool = False
) -> dict[str, str]:
    with pytest.raises(RefusedFile) as fault:
        read(content, timeframe, zone, guesses=guesses)
    return fault.value.errors


@pytest.mark.parametrize("zone", HOURS)
def test_bars_within_the_sessions_of_an_exchange_say_their_timeframe_and_zone(zone: str) -> None:
    for timeframe in ("1m", "5m", "15m", "30m", "1h"):
        first, *_ = times = [*starts(LENGTH_S[timeframe], HOURS[zone])]

        reading = read(file_of(times))

        assert (reading.meaning.timeframe, reading.meaning.zone) == (timeframe, zone)
        assert reading.bars.times[0] == first.replace(tzinfo=ZoneInfo(zone)).timestamp()
        assert f"as in {zone}" in reading.looks


def test_each_timeframe_is_detected_from_the_distance_of_its_bars() -> None:
    for timeframe in TIMEFRAMES:
        first = datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC"))
        content = file_of(
            [first + timedelta(seconds=LENGTH_S[timeframe]) * number for number in range(60)]
        )

        assert read(content, "1d").meaning.timeframe == timeframe
        for other in TIMEFRAMES:
            if other != timeframe:
                fault = refused(content, other)["timeframe"]
                assert fault.startswith(f"{other} (") and f"apart ({timeframe})" in fault


def test_hours_that_tell_no_zone_or_several_need_a_choice() -> None:
    for timeframe, hours in (("5m", [("14:30", "21:00")]), ("4h", [("09:30", "16:00")])):
        content = file_of(starts(LENGTH_S[timeframe], hours))

        faults = refused(content, timeframe, guesses=True)

        assert list(faults) == ["timezone"]
        assert "which match no known exchange; set the file's time zone" in faults["timezone"]
        assert read(content, "1d", "UTC").meaning == Meaning(
            timeframe=timeframe, zone="UTC", guesses=True
        )


def test_five_minutes_loaded_as_days_are_one_fault_before_anything_else_is_looked_at() -> None:
    content = file_of(starts(300, HOURS["America/New_York"])).replace(b",9\n", b",x\n")

    assert refused(content, "1d") == {
        "timeframe": "1d (1 day) does not fit the file: bars are 5 minutes apart (5m)"
    }


def test_a_zone_that_is_not_that_of_the_hours_is_taken_with_a_warning() -> None:
    reading = read(file_of(starts(3600, HOURS["America/New_York"])), "1h", "Asia/Tokyo")

    assert reading.meaning.zone == "Asia/Tokyo"
    assert reading.warnings == [
        "times are read as Asia/Tokyo, but trading hours are 09:30 to 15:30, as in "
        "America/New_York"
    ]
    assert not read(
        file_of(starts(3600, HOURS["America/New_York"])), "1h", "America/Toronto"
    ).warnings


def test_some_bars_that_are_missing_or_late_say_no_other_timeframe() -> None:
    times = [
        each
        for number, each in enumerate(starts(300, HOURS["America/New_York"]))
        if number % 3 != 1
    ]

    assert read(file_of(times), "5m", "UTC", guesses=False).meaning.timeframe == "5m"


def test_weeks_are_dated_by_their_monday_whoever_wrote_them_and_are_52_a_year() -> None:
    for first in (
        date(2023, 12, 31),
        date(2024, 1, 1),
        date(2024, 1, 2),
        date(2024, 1, 5),
        date(2024, 1, 6),
    ):
        reading = read(file_of([first + timedelta(weeks=number) for number in range(60)]))

        assert reading.bars.dates()[:2] == ["2024-01-01", "2024-01-08"], first
        assert bars_per_year(reading.bars.times) == 52


def test_dates_and_closes_are_enough_and_what_is_missing_is_reported() -> None:
    for header in (
        "Date,Close",
        "DATE,SP500",
        "date;Adj Close",
        "Date,Close,High",
        "Date,close,Open",
    ):
        sep = ";" if ";" in header else ","
        more = f"{sep}2" if header.count(sep) > 1 else ""
        rows = "".join(f"2024-01-0{day}{sep}{1 + day / 10}{more}\n" for day in (2, 3, 4, 5))

        reading = read(f"{header}\n{rows}".encode())

        assert reading.bars.closes_only == (not more)
        assert reading.bars.columns["Close"].tolist() == [1.2, 1.3, 1.4, 1.5]
        assert reading.warnings[0].startswith("no column for ")
        assert (reading.bars.columns["High"] >= reading.bars.columns["Close"]).all()
