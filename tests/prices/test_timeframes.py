"""A timeframe of the contract is known wherever the timeframes are named once more."""

from adapters.prices.bar_times import CLOSE_OFFSET_S, OPEN_OFFSET_S, TIMEFRAMES
from backtests import price_names
from web.runs.bars import ROLLING_BARS


def test_every_timeframe_has_its_times_its_rolling_window_and_its_names() -> None:
    for known in (OPEN_OFFSET_S, CLOSE_OFFSET_S, ROLLING_BARS, price_names.TIMEFRAMES):
        assert set(known) == set(TIMEFRAMES)
