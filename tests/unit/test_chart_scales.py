"""Ticks, limits, periods and colours of the charts, whatever stands on them."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from adapters.analysis.price_series import read_prices
from adapters.charts import canvas as chart_canvas
from adapters.charts.candles import legible_candles
from adapters.charts.scales import log_ticks, short_number, time_ticks, value_limits, value_ticks

DATA = Path(__file__).resolve().parents[2] / "data"
LONG = read_prices(DATA, "AAPL", "1d", date(2000, 3, 1), date(2013, 3, 1)).timestamps
SHORT = read_prices(DATA, "FB", "1d", date(2012, 5, 18), date(2013, 3, 1)).timestamps


def test_weeks_begin_on_monday():
    prices = read_prices(DATA, "AAPL", "1d", date(2010, 1, 1), date(2012, 1, 1)).traded()

    candles = legible_candles(prices.timestamps, *prices.columns.values())

    assert candles.period == "weekly"
    assert candles.timestamps.astype("M8[D]")[1:3].tolist() == [
        date(2010, 1, 11),
        date(2010, 1, 19),
    ]  # the 18th: closed


def test_ticks_of_time_are_the_finest_calendar_steps_that_fit():
    assert [label for _, label in time_ticks(SHORT)] == [f"{month} {year}" for month, year in
        (("Jul", 2012), ("Sep", 2012), ("Nov", 2012), ("Jan", 2013), ("Mar", 2013))]  # fmt: skip
    assert [label for _, label in time_ticks(LONG)] == [str(year) for year in range(2001, 2014)]
    assert time_ticks(LONG)[0] == (212, "2001")
    assert [label for _, label in time_ticks(SHORT[:3])] == ["21 May 2012", "22 May 2012"]
    assert time_ticks(SHORT[:1]) == [(0, "18 May 2012")]


def test_ticks_of_values_have_the_decimals_of_their_step():
    assert [label for _, label in value_ticks(0, 10, "%")] == ["0%", "2%", "4%", "6%", "8%", "10%"]
    assert [label for _, label in value_ticks(0.99, 1.01)][:2] == ["0.990", "0.995"]
    assert (short_number(2.5, 2.5), short_number(0.0025, 0.0025), short_number(1.25e9, 2.5e8)) == (
        "2.5",
        "0.0025",
        "1.25B",
    )
    assert [label for _, label in value_ticks(900_000, 1_600_000)][:3] == ["900,000", "1.0M", "1.1M"]
    assert [label for _, label in log_ticks(0.8, 60)] == ["1", "2", "5", "10", "20", "50"]
    assert short_number(-0.0, 1) == "0"


@pytest.mark.parametrize(("low", "high"), [(5, 5), (0, 0), (-3, -3), (1, 100), (0, 1e9), (-1, 1)])
def test_limits_hold_the_values_with_room_on_both_sides(low, high):
    bottom, top = value_limits(low, high)

    assert bottom < low and high < top


def test_very_long_lines_keep_their_extremes():
    y = np.zeros(500_000)
    y[[123_456, 400_001]] = 7, -9

    x, kept = chart_canvas._thinned(y)

    assert len(kept) < 5_000 and (kept.max(), kept.min()) == (7, -9)
    assert abs(x[kept.argmax()] - 123_456) < 500


def luminance(color: str) -> float:
    """Relative luminance of an RGB colour (WCAG 2.2)."""
    channels = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("name", ["TEXT", "MUTED", "BRIGHT", "AMBER", "UP", "DOWN"])
def test_words_and_marks_stand_out_from_the_background(name):
    foreground, background = luminance(getattr(chart_canvas, name)), luminance(chart_canvas.BACKGROUND)

    assert (foreground + 0.05) / (background + 0.05) >= 4.5
