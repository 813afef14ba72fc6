"""Daily bars are dated by their session, and an hour that is there twice is two, whatever clock wrote the file."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from adapters.prices.checks import oddities
from adapters.prices.reading import Meaning, Reading, read_prices
from adapters.prices.table import RefusedFile
from contracts.timeframes import LENGTH_S, Timeframe

HEADER = "Date,Open,High,Low,Close,Volume"
FILES = 10
# zone, begin of the session there, whether that is the evening before
EVENINGS = {
    "currencies, from 17:00 in New York": ("America/New_York", time(17), True),
    "futures of Chicago, from 17:00": ("America/Chicago", time(17), True),
}
MORNINGS = {
    "Sydney's open": ("Australia/Sydney", time(10), False),
    "Auckland's open": ("Pacific/Auckland", time(10), False),
    "Tokyo's midnight": ("Asia/Tokyo", time(0), False),
    "India's midnight": ("Asia/Kolkata", time(0), False),
    "Berlin's midnight": ("Europe/Berlin", time(0), False),
    "London's midnight": ("Europe/London", time(0), False),
    "New York's open": ("America/New_York", time(9, 30), False),
    "New York's close": ("America/New_York", time(16), False),
    "London's open": ("Europe/London", time(8), False),
    "Tokyo's open": ("Asia/Tokyo", time(9), False),
}
AS_UTC: dict[str, Callable[[datetime], object]] = {
    "UTC": lambda at: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z"),
    "seconds since 1970": lambda at: int(at.timestamp()),
    "milliseconds since 1970": lambda at: int(at.timestamp()) * 1000,
}
LOCALLY: dict[str, Callable[[datetime], object]] = {
    "with offset": lambda at: at.isoformat(),
    "without offset": lambda at: f"{at:%Y-%m-%d %H:%M}",
}


def sessions(chance: Random, least: int = 10) -> list[date]:
    """Weekdays in a row, without some holidays."""
    first = date(1999, 1, 4) + timedelta(days=chance.randrange(9000))
    days = [first + timedelta(days=number) for number in range(chance.choice((least, 60, 900)))]
    weekdays = [day for day in days if day.weekday() < 5]
    holidays = chance.sample(weekdays, len(weekdays) // 40)
    return [day for day in weekdays if day not in holidays]


def stamp(day: date, zone: str, begins: time, is_evening: bool) -> datetime:
    return datetime.combine(day - timedelta(days=is_evening), begins, ZoneInfo(zone))


def load(dates: list[object], timeframe: Timeframe = "1d", **meaning: object) -> Reading:
    rows = [f"{each},10,12,9,11,5" for each in dates]
    return read_prices(
        "\n".join([HEADER, *rows]).encode(), Meaning(timeframe=timeframe, **meaning)
    )


@pytest.mark.parametrize("kind", EVENINGS | MORNINGS)
def test_daily_bars_are_dated_by_their_session_however_its_begin_is_written(kind: str) -> None:
    began, chance = (EVENINGS | MORNINGS)[kind], Random(kind)
    writings = AS_UTC | (LOCALLY if kind in EVENINGS or began[1] != time(0) else {})

    for number in range(FILES):
        days = sessions(chance, 20)
        for writing, write in writings.items():
            written = [write(stamp(day, *began)) for day in days]
            reading = load(written[::-1] if number % 2 else written)

            assert reading.bars.dates() == [*map(str, days)], (kind, writing, number)
            assert not [*oddities(reading.bars)][1:], (kind, writing, number)


@pytest.mark.parametrize("kind", EVENINGS | MORNINGS)
def test_a_zone_dates_daily_bars_by_its_clock_however_few_there_are(kind: str) -> None:
    began, chance = (EVENINGS | MORNINGS)[kind], Random(kind)

    for number in range(FILES):
        days = sessions(chance)
        if kind not in EVENINGS:
            days = days[: chance.randint(2, 4)]
        for writing, write in AS_UTC.items():
            reading = load([write(stamp(day, *began)) for day in days], zone=began[0])

            if any(stamp(day, *began).astimezone(UTC).time() != time(0) for day in days):
                assert reading.bars.dates() == [*map(str, days)], (kind, writing, number)


def test_what_was_done_to_the_dates_is_a_warning_with_count_and_first_places() -> None:
    days = sessions(Random(1), 60)
    written = [
        AS_UTC["UTC"](stamp(day, *EVENINGS["futures of Chicago, from 17:00"])) for day in days
    ]

    (warning,) = load(written).warnings
    kept = load(written, keep_dates=True)

    assert warning.startswith(
        f"{len(days):,} of {len(days):,} daily bars dated by their session, not as written "
        f"(sessions begin the evening before): {str(written[0])[:10]} "
    )
    assert f"+00:00 is {days[0]}, " in warning and "keep_dates=true" in warning
    assert kept.bars.dates() == [str(each)[:10] for each in written]
    assert not kept.warnings
    assert (
        "bars on Sundays and 0 on Fridays: dates may be wrong, each the day before its session"
        in ("\n".join(oddities(kept.bars)))
    )


@pytest.mark.parametrize(
    ("kind", "week", "clock"),
    [
        ("bitcoin by the day of Hong Kong", range(7), "16:00:00Z"),
        ("bitcoin", range(7), "00:00:00Z"),
        ("Tel Aviv, its open", (6, 0, 1, 2, 3), "07:59:00Z"),
        ("Tel Aviv, dates", (6, 0, 1, 2, 3), "00:00:00Z"),
        ("currencies with two hours on Sundays", (6, 0, 1, 2, 3, 4), "00:00:00+02:00"),
        ("currencies with some Sundays", (6, 0, 1, 2, 3, 4), "22:00:00Z"),
    ],
)
def test_dates_of_markets_that_have_these_days_stay_as_written(
    kind: str, week: tuple[int, ...], clock: str
) -> None:
    chance = Random(kind)
    for _ in range(FILES):
        first = date(2015, 1, 1) + timedelta(days=chance.randrange(3000))
        days = [first + timedelta(days=number) for number in range(chance.choice((30, 800)))]
        days = [day for day in days if day.weekday() in week]

        assert load([f"{day}T{clock}" for day in days]).bars.dates() == [*map(str, days)], kind


@pytest.mark.parametrize(
    "zone",
    [
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "America/Havana",
        "America/Sao_Paulo",
    ],
)
def test_the_hour_that_is_there_twice_is_two_hours_in_the_order_of_the_file(zone: str) -> None:
    chance, local = Random(zone), ZoneInfo(zone)
    hours = np.arange("1996", "2018", dtype="M8[h]").astype(np.int64) * 3600
    changes = [
        hour
        for hour, before in zip(hours[1:].tolist(), hours.tolist(), strict=False)
        if datetime.fromtimestamp(hour, local).utcoffset()
        < datetime.fromtimestamp(before, local).utcoffset()
    ]

    for number in range(FILES):
        change, timeframe = chance.choice(changes), chance.choice(("5m", "15m", "30m"))
        step = LENGTH_S[timeframe]
        first = change - 7200 - step * chance.randint(2, 60)
        times = [*range(first, change + 7200 + step * chance.randint(2, 60), step)]
        written = [f"{datetime.fromtimestamp(each, local):%Y-%m-%d %H:%M}" for each in times]

        reading = load(written[::-1] if number % 2 else written, timeframe, zone=zone)

        assert reading.bars.times.tolist() == times, (zone, number)
        (done,) = [
            each for each in reading.done if each.startswith(f"clocks go back in {zone}: ")
        ]
        assert f"{len(times) - len(set(written)):,} in all: " in done


def test_bars_that_cannot_be_distinguished_when_clocks_go_back_are_refused_with_the_reason() -> (
    None
):
    hour = ["2024-11-03 01:00", "2024-11-03 01:30"]
    for order in ([0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 1, 0], [0, 1, 0, 1, 1]):
        dates = [
            "2024-11-03 00:00",
            "2024-11-03 00:30",
            *(hour[each] for each in order),
            "2024-11-03 02:00",
        ]
        with pytest.raises(RefusedFile) as fault:
            load(dates, "30m", zone="America/New_York")

        (finding,) = fault.value.findings
        assert (
            "hour that repeats in America/New_York" in finding and "appears twice" not in finding
        )


def test_a_time_twice_on_any_other_day_still_appears_twice() -> None:
    for day in ("2024-11-02", "2024-11-04", "2024-03-10"):
        with pytest.raises(RefusedFile, match="appears twice"):
            load([f"{day} 05:00", f"{day} 06:00", f"{day} 06:00"], "1h", zone="America/New_York")


def test_a_clock_time_that_the_zone_skips_is_refused_with_what_to_do() -> None:
    for zone, skipped in (
        ("America/New_York", "2024-03-10 02:30"),
        ("Europe/Berlin", "2024-03-31 02:00"),
    ):
        before = f"{skipped[:11]}00:30"
        with pytest.raises(
            RefusedFile, match=f"line 3: Date '{skipped}' does not exist in {zone}"
        ):
            load([before, skipped], "1h", zone=zone)


def test_weekly_bars_that_may_begin_on_the_friday_before_get_a_warning_and_others_do_not() -> (
    None
):
    chance = Random(5)
    for number in range(FILES):
        monday = date(2015, 1, 5) + timedelta(weeks=chance.randrange(300))
        for weekday, clock in (
            (0, ""),
            (4, ""),
            (6, "T22:00:00Z"),
            (0, "T05:00:00Z"),
            (4, f"T{20 + number % 3}:00:00Z"),
        ):
            days = [monday + timedelta(weeks=week, days=weekday) for week in range(30)]

            warnings = load([f"{day}{clock}" for day in days], "1w").warnings

            is_doubtful = weekday == 4 and clock != ""
            assert len(warnings) == is_doubtful, (weekday, clock)
            assert not is_doubtful or f"such as {days[0]} " in warnings[0]
