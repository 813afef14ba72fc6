"""Bars per year are counted from the bars; New York's daily bars have 252, whichever part of them is looked at."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from adapters.prices.bars import bars_per_year
from adapters.prices.packing import unpack_bars
from adapters.settings import PROJECT_ROOT
from tests.services.prices import packed_file

# zone, when sessions begin and end there, and a break if any
EXCHANGES = [
    ("Australia/Sydney", "10:00", "16:00"),
    ("Pacific/Auckland", "10:00", "16:45"),
    ("Asia/Tokyo", "09:00", "15:00", "11:30", "12:30"),
    ("Asia/Hong_Kong", "09:30", "16:00", "12:00", "13:00"),
    ("America/New_York", "09:30", "16:00"),
    ("America/New_York", "04:00", "20:00"),
    ("America/Los_Angeles", "13:00", "20:00"),
    ("America/Chicago", "17:00", "16:00"),  # 23 hours, from the evening before
    ("Europe/London", "08:00", "16:30"),
    ("Asia/Kolkata", "09:15", "15:30"),
]
DAYS = np.arange(np.datetime64("2019-01-01"), np.datetime64("2022-01-01"))
WEEKDAYS = DAYS[np.is_busday(DAYS)]
BUT_SATURDAYS = DAYS[np.is_busday(DAYS, weekmask="1111101")]


def bars(days: np.ndarray, times: list[str]) -> np.ndarray:
    return np.array([f"{day}T{time}" for day in days for time in times], "M8[s]")


@pytest.mark.parametrize("ticker", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
def test_daily_bars_of_new_york_are_252_over_any_range(ticker: str) -> None:
    times = unpack_bars(packed_file(PROJECT_ROOT / "data", ticker)).times
    chance = Random(ticker)

    ranges = [sorted(chance.sample(range(len(times)), 2)) for _ in range(300)]
    ranges += [
        [first, first + length] for length in (1, 2, 5, 9) for first in range(len(times) - length)
    ]
    for first, last in ranges:
        assert bars_per_year(times[first : last + 1]) == 252, (first, last)


@pytest.mark.parametrize(
    ("kind", "timestamps", "expected"),
    [
        ("one bar", DAYS[:1].astype("M8[s]"), 252),
        ("currencies, all weekdays", WEEKDAYS.astype("M8[s]"), 260),
        ("bitcoin, every day", DAYS.astype("M8[s]"), 365),
        ("bitcoin, two weeks", DAYS[:14].astype("M8[s]"), 365),
        ("bitcoin, hourly", bars(DAYS, [f"{hour:02}:00" for hour in range(24)]), 365 * 24),
        ("hourly from 14:00, 6.5 of them", bars(WEEKDAYS[:200], [f"{hour}:30" for hour in range(14, 21)]), 252 * 7),
        ("five minutes of a session", bars(WEEKDAYS[:9], [f"{14 + n // 12}:{n % 12 * 5:02}" for n in range(78)]),
         252 * 78),
        ("weeks", DAYS[::7].astype("M8[s]"), 52),
        ("half a year of weeks", DAYS[:180:7].astype("M8[s]"), 52),
        ("months", np.arange("2019-01", "2022-01", dtype="M8[M]").astype("M8[s]"), 12),
        ("three months", np.arange("2019-01", "2019-04", dtype="M8[M]").astype("M8[s]"), 12),
        ("quarters", np.arange("2009-01", "2022-01", 3, dtype="M8[M]").astype("M8[s]"), 4),
        ("every two years", np.arange("2001", "2022", 2, dtype="M8[Y]").astype("M8[s]"), 1),
        ("currencies, hourly, and two hours on Sundays", np.sort(np.concatenate([
            bars(WEEKDAYS, [f"{hour:02}:00" for hour in range(24)]),
            bars(np.setdiff1d(BUT_SATURDAYS, WEEKDAYS), ["22:00", "23:00"]),
        ])), 6374),
        ("with a half day", bars(WEEKDAYS[:9], ["14:30", "15:30", "16:30"])[:-2], 252 * 3),
    ],
)  # fmt: skip
def test_bars_per_year_of_other_series(kind: str, timestamps: np.ndarray, expected: int) -> None:
    assert bars_per_year(timestamps.astype(np.int64)) == expected


def starts(
    day: date, length_s: int, zone: str, opens: str, closes: str, *pause: str
) -> list[int]:
    """When the bars of a session begin, in seconds since 1970."""
    first, end = (datetime.combine(day, time.fromisoformat(each)) for each in (opens, closes))
    if end <= first:
        first -= timedelta(days=1)
    bars, at = [], first
    while at < end:
        if not pause or not pause[0] <= at.time().isoformat("minutes") < pause[1]:
            bars.append(int(at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()))
        at += timedelta(seconds=length_s)
    return bars


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda each: " ".join(each[:2]))
def test_sessions_are_counted_whole_wherever_midnight_utc_lies_and_clocks_change(
    exchange: tuple[str, ...],
) -> None:
    chance = Random(str(exchange))
    for number in range(24):
        length_s = chance.choice((300, 900, 1800, 3600))
        first = date(2005, 1, 1) + timedelta(days=chance.randrange(5000))
        days = [first + timedelta(days=each) for each in range(chance.choice((40, 200, 420)))]
        days = [day for day in days if day.weekday() < 5]
        holidays = chance.sample(days, round(len(days) * 9 / 261))
        sessions = [starts(day, length_s, *exchange) for day in days if day not in holidays]
        half = chance.sample(range(len(sessions)), len(sessions) // 60)
        bars = [
            session[: len(session) // 2] if place in half else session
            for place, session in enumerate(sessions)
        ]
        lost = 0.02 if number % 2 and length_s < 1800 else 0.0
        times = np.array([at for session in bars for at in session if chance.random() >= lost])

        counted = bars_per_year(times)

        assert abs(counted / (252 * len(sessions[-1])) - 1) <= 1.6 * lost, (
            exchange,
            number,
            length_s,
            counted,
        )
