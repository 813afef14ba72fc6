"""Monthly returns and the rolling Sharpe ratio, against numbers worked out by hand and against a plain loop."""

import json
import math
import random
import statistics
from dataclasses import replace

import numpy as np
import pytest

from adapters.metrics.returns import monthly_returns, rolling_sharpe
from adapters.prices.bars import DAY_S, joined
from adapters.prices.packing import PackedPrices, pack_bars, unpack_bars
from adapters.runs.series import RunSeries, run_series
from consumer.kinds.backtest import backtest
from tests.consumer.test_backtest import DATA, WHOLE
from tests.services.prices import packed_file
from web.runs.page import months


def seconds(*texts: str) -> np.ndarray:
    return np.array(texts, "M8[s]").astype(np.int64)


def test_each_month_starts_from_the_equity_before_it() -> None:
    bars = seconds("2003-11-28", "2003-12-01", "2003-12-31", "2004-01-02", "2004-03-01")

    [first, second] = monthly_returns(bars, np.array([100.0, 110.0, 105.0, 121.0, 60.5, 121.0]))

    assert (first.year, second.year) == (2003, 2004)
    assert first.months[10] == pytest.approx(10)
    assert first.months[11] == pytest.approx(10)
    assert first.total == pytest.approx(21)
    assert second.months[0] == pytest.approx(-50)
    assert second.months[1] is None  # no bar in February
    assert second.months[2] == pytest.approx(100)
    assert second.total == pytest.approx(0)


def test_intraday_bars_fall_into_their_month() -> None:
    [year] = monthly_returns(
        seconds("2012-01-03T14:30:00", "2012-01-03T15:30:00"), np.array([100.0, 101.0, 102.0])
    )

    assert year.months[0] == pytest.approx(2)


def test_after_ruin_a_month_returns_nothing() -> None:
    [year] = monthly_returns(seconds("2012-01-03", "2012-02-01"), np.array([100.0, 0.0, 0.0]))

    assert (year.months[0], year.months[1]) == (-100.0, 0.0)


def test_a_bar_that_ends_at_midnight_is_of_the_month_that_ends_then() -> None:
    times = seconds("2012-01-31T22:00:00", "2012-01-31T23:00:00", "2012-02-01T00:00:00")
    request = {"timeframe": "1h", "initial_capital": 100.0}

    [year] = months(RunSeries(request, times, np.array([100.0, 110.0, 110.0]), [], [], []))[
        "years"
    ]

    assert year.months[:2] == [pytest.approx(10), 0]


def test_the_best_month_of_weeks_is_that_of_the_table() -> None:
    columns = backtest(
        replace(WHOLE, timeframe="1w", params={"oversold": 45.0}), weekly()
    ).columns
    metrics = json.loads(columns["metrics_json"])["values"]

    request = json.dumps(WHOLE.to_json() | {"timeframe": "1w"})
    years = months(run_series(columns | {"request_json": request}))["years"]

    returns = [value for year in years for value in year.months if value is not None]
    assert metrics["best_month_pct"] == pytest.approx(max(returns), abs=1e-3)
    assert metrics["worst_month_pct"] == pytest.approx(min(returns), abs=1e-3)


def weekly() -> PackedPrices:
    """AAPL's days as weeks, each dated by its Monday."""
    days = unpack_bars(packed_file(DATA, "AAPL"))
    mondays = (days.times // DAY_S + 3) // 7
    starts = np.flatnonzero(np.diff(mondays, prepend=0))
    weeks = replace(joined(days, starts), timeframe="1w", times=(mondays[starts] * 7 - 3) * DAY_S)
    parts = [part for _, part in pack_bars(weeks)]
    return PackedPrices("AAPL", "1w", "weeks", days.price_decimals, days.volume_decimals, parts)


@pytest.mark.parametrize("risk_free_rate", [0.0, 0.04])
def test_the_rolling_sharpe_ratio_is_that_of_its_window(risk_free_rate: float) -> None:
    chance = random.Random(3)
    equity = [100.0]
    for _ in range(99):
        equity.append(equity[-1] * (1 + chance.gauss(0.001, 0.02)))
    path = [100.0, *equity]
    returns = [after / before - 1 for before, after in zip(path, path[1:], strict=False)]

    ratios = rolling_sharpe(np.array(path), 20, 252, risk_free_rate)

    free = (1 + risk_free_rate) ** (1 / 252) - 1
    assert np.isnan(ratios[:19]).all()
    for bar in range(19, 100):
        window = returns[bar - 19 : bar + 1]
        expected = (statistics.mean(window) - free) / statistics.stdev(window) * math.sqrt(252)
        assert ratios[bar] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("bars", [1, 19, 20, 25])
def test_there_is_one_value_per_bar_and_none_where_nothing_varies(bars: int) -> None:
    ratios = rolling_sharpe(np.full(bars + 1, 100.0), 20, 252, 0.0)

    assert len(ratios) == bars
    assert np.isnan(ratios).all()
