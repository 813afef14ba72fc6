"""Tables with an entry for each timeframe."""

from adapters.prices.bars import (
    CLOSE_OFFSET_S,
    OPEN_OFFSET_S,
    PERIODS_PER_YEAR,
    fill_time,
)
from adapters.prices.dates import duration
from adapters.runs.series import rolling_bars
from adapters.tables import runs
from backtests import loading
from contracts.timeframes import BY_DAY, IN_WORDS, LENGTH_S, TIMEFRAMES


def test_every_timeframe_has_its_times_its_window_its_room_in_the_tables_and_its_names() -> None:
    for table in (OPEN_OFFSET_S, CLOSE_OFFSET_S, PERIODS_PER_YEAR, loading.TIMEFRAMES):
        assert set(table) == set(TIMEFRAMES)
    for each in TIMEFRAMES:
        assert rolling_bars(each) >= 20
        assert len(each) <= runs.c.timeframe.type.length


def test_a_timeframe_s_name_says_how_long_its_bars_are() -> None:
    assert LENGTH_S == {
        "1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14_400, "1d": 86_400, "1w": 604_800
    }  # fmt: skip
    assert [IN_WORDS[each] for each in ("1m", "30m", "4h", "1d")] == [
        "1 minute",
        "30 minutes",
        "4 hours",
        "1 day",
    ]
    assert {"1d", "1w"} == BY_DAY
    assert [duration(each) for each in (300, 86_400, 604_800, 12_600, 7)] == [
        "5 minutes", "1 day", "7 days", "210 minutes", "7 seconds"
    ]  # fmt: skip


def test_windows_of_rolling_numbers_are_those_that_new_york_s_bars_had() -> None:
    assert [rolling_bars(each) for each in ("1d", "1h", "5m")] == [126, 273, 390]
    assert [PERIODS_PER_YEAR[each] for each in ("1d", "1h", "5m")] == [252, 1638, 19_656]


def test_daily_bars_open_and_close_with_new_york_and_intraday_ones_last_as_long_as_they_say() -> (
    None
):
    assert fill_time("2024-01-03", "open", "1d") == "2024-01-03T14:30:00Z"
    assert fill_time("2024-01-03", "close", "1d") == "2024-01-03T21:00:00Z"
    assert fill_time("2024-01-02T14:30:00Z", "open", "5m") == "2024-01-02T14:30:00Z"
    assert fill_time("2024-01-02T14:30:00Z", "close", "5m") == "2024-01-02T14:35:00Z"
    assert fill_time("2024-01-02T14:30:00Z", "close", "4h") == "2024-01-02T18:30:00Z"


def test_weekly_bars_open_on_their_monday_and_close_with_the_friday() -> None:
    assert fill_time("2024-01-01", "open", "1w") == "2024-01-01T14:30:00Z"
    assert fill_time("2024-01-01", "close", "1w") == "2024-01-05T21:00:00Z"
