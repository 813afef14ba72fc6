"""A timeframe of the contract is known wherever the timeframes are named once more, and its bars have their times."""

from adapters.prices.bar_times import CLOSE_OFFSET_S, OPEN_OFFSET_S, TIMEFRAMES, bar_close_time, bar_open_time
from backtests import price_names
from web.charts.bars import ROLLING_BARS


def test_every_timeframe_has_its_times_its_rolling_window_and_its_names() -> None:
    for known in (OPEN_OFFSET_S, CLOSE_OFFSET_S, ROLLING_BARS, price_names.TIMEFRAMES):
        assert set(known) == set(TIMEFRAMES)


def test_daily_bars_open_and_close_with_new_york_and_intraday_ones_last_as_long_as_they_say() -> None:
    assert bar_open_time("2024-01-03", "1d") == "2024-01-03T14:30:00Z"
    assert bar_close_time("2024-01-03", "1d") == "2024-01-03T21:00:00Z"
    assert bar_open_time("2024-01-02T14:30:00Z", "5m") == "2024-01-02T14:30:00Z"
    assert bar_close_time("2024-01-02T14:30:00Z", "5m") == "2024-01-02T14:35:00Z"
