"""Stored bars come back as they were, daily ones and those within a day."""

import numpy as np
import pytest

from adapters.prices.bars import bar_dates
from adapters.runs.series import decode_equity, encode_equity
from contracts.run_request import Timeframe

DAILY = ["1999-12-30", "1999-12-31", "2000-01-03", "2000-02-29", "2000-03-01", "2013-03-01"]
HOURLY = [
    "2012-01-03T14:30:00Z",
    "2012-01-03T15:30:00Z",
    "2012-01-04T14:30:00Z",
    "2012-12-31T20:30:00Z",
]


@pytest.mark.parametrize(
    ("bars", "timeframe"), [(DAILY, "1d"), (HOURLY, "1h"), (DAILY[:1], "1d"), (HOURLY[:1], "1h")]
)
def test_bars_come_back_as_they_were(bars: list[str], timeframe: Timeframe) -> None:
    equity = [100_000.0 + bar for bar in range(len(bars))]

    times = np.array([bar.removesuffix("Z") for bar in bars], "M8[s]").astype(np.int64)

    back, values = decode_equity(encode_equity(times, equity, timeframe))

    assert (bar_dates(back, timeframe), values.tolist()) == (bars, equity)
