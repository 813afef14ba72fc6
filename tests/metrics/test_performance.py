"""Derived metrics against hand-worked values, and against empyrical on random series."""

import math
import re
from pathlib import Path

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.metrics.measured import Measured
from adapters.metrics.table import METRIC_NAMES, performance
from engine.metrics import measure

CORE = {"total_return_pct": 1.0, "sharpe_ratio": 1.0, "max_drawdown_pct": 1.0, "num_trades": 1}


TRADE = {
    "side": "BUY", "size": 1.0, "entry_price": 100.0, "exit_price": 100.0, "entry_fees": 0.0, "exit_fees": 0.0,
    "exit_reason": "signal", "mae_pct": 0.0, "mfe_pct": 0.0,
}  # fmt: skip


def trade(pnl_abs=1.0, pnl_pct=1.0, entry_bar=0, exit_bar=1, is_open=False, **fields):
    bars = {"entry_bar": entry_bar, "exit_bar": exit_bar, "is_open": is_open}
    return TRADE | bars | {"pnl_abs": pnl_abs, "pnl_pct": pnl_pct} | fields


def of(
    equity,
    trades=(),
    capital=100.0,
    close=None,
    timestamps=None,
    core=CORE,
    **terms,
):
    equity = np.asarray(equity, dtype=float)
    if timestamps is None:
        timestamps = np.datetime64("2024-01-01") + np.arange(len(equity))
    close = np.full(len(equity), 50.0) if close is None else np.asarray(close, float)
    fixed = {
        "core": core,
        "trades": list(trades),
        "fee_rate": 0.001,
        "rejected_orders": 3,
        "periods_per_year": 252.0,
    }
    path, timestamps = np.append(capital, equity), np.append(timestamps[0], timestamps)
    return performance(Measured(path=path, close=close, timestamps=timestamps, **(fixed | terms)))


def test_every_metric_of_the_catalog_is_given_and_no_other():
    assert set(of([101, 99, 102]).metrics) == set(METRIC_NAMES)


def test_every_metric_has_a_value_that_was_not_computed_by_its_own_code():
    tests = "".join(
        path.read_text() for path in Path(__file__).parent.glob("test_performance*.py")
    )

    assert [
        name for name in METRIC_NAMES if not re.search(rf'\w\["{name}"\]|"{name}": ', tests)
    ] == []


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(3, 800),
    st.sampled_from([252.0, 1638.0]),
    st.floats(0.001, 0.05),
)
def test_series_metrics_equal_empyrical(seed, bars, periods_per_year, spread):
    returns = np.random.default_rng(seed).normal(0.0005, spread, bars).clip(-0.5, 0.5)
    equity = 100.0 * np.cumprod(1 + returns)
    exact = equity / np.concatenate(([100.0], equity[:-1])) - 1

    ours = of(equity, periods_per_year=periods_per_year).metrics
    core = measure(np.concatenate(([100.0], equity)), periods_per_year, 0)

    def agrees(value, function, annualization=periods_per_year):
        expected = function(exact, annualization=annualization)
        return (
            value == pytest.approx(expected, rel=1e-9, abs=1e-9)
            if math.isfinite(expected)
            else value is None
        )

    assert agrees(core.sharpe_ratio, empyrical.sharpe_ratio)
    assert core.total_return_pct / 100 == pytest.approx(
        empyrical.cum_returns_final(exact), rel=1e-9, abs=1e-9
    )
    assert core.max_drawdown_pct / 100 == pytest.approx(
        -empyrical.max_drawdown(exact), rel=1e-9, abs=1e-9
    )
    assert agrees(ours["sortino_ratio"], empyrical.sortino_ratio)
    assert agrees(ours["volatility"] / 100, empyrical.annual_volatility)
    if bars > 92:  # theirs counts bars, ours the days from the first to the last
        calendar = 365.25 * bars / (bars - 1)
        assert agrees(ours["cagr"] / 100, empyrical.cagr, calendar)
        assert agrees(ours["calmar_ratio"], empyrical.calmar_ratio, calendar)


@pytest.mark.parametrize("last", ["2024-07-02", "2026-01-01"])
def test_growth_is_annualised_over_calendar_time_whatever_the_bars(last):
    timestamps = np.array(["2024-01-01", "2024-01-02", last], "M8[D]")
    years = float((timestamps[-1] - timestamps[0]).astype(int)) / 365.25

    assert of([105, 110, 121], timestamps=timestamps).metrics["cagr"] == pytest.approx(
        (1.21 ** (1 / years) - 1) * 100
    )


@pytest.mark.parametrize(("days", "exists"), [(91, False), (92, True)])
def test_growth_of_less_than_a_quarter_of_a_year_is_not_annualised(days, exists):
    result = of([101, 90, 102], timestamps=np.array([0, 1, days], "M8[D]"))

    assert (
        (result.metrics["cagr"] is not None)
        == (result.metrics["calmar_ratio"] is not None)
        == exists
    )
    assert result.notes.get("cagr") == (None if exists else "too short for a yearly rate")


def test_volatility_and_sortino_by_hand():
    metrics = of([110, 99], periods_per_year=4).metrics

    assert metrics["volatility"] == pytest.approx(math.sqrt(0.02) * 2 * 100)
    assert metrics["sortino_ratio"] is None or metrics["sortino_ratio"] == pytest.approx(
        0.0, abs=1e-12
    )


def test_sortino_divides_by_all_bars_not_by_losing_ones():
    metrics = of([120, 108], periods_per_year=1).metrics

    assert metrics["sortino_ratio"] == pytest.approx(0.05 / math.sqrt(0.01 / 2))


@pytest.mark.parametrize(
    ("case", "equity", "bars", "days"),
    [
        ("from peak to recovery", [100, 120, 90, 110, 120, 130], 3, 3),
        ("the larger fall counts, not the longer", [100, 99, 99, 99, 100, 150, 75, 160], 2, 2),
        ("never recovered: to the last bar", [120, 90, 80, 100], 3, 3),
        ("below the capital from the start: from the first bar", [90, 80, 95], 3, 2),
        ("a plateau is left at its last bar", [120, 120, 120, 60, 120], 2, 2),
        ("no fall", [101, 102, 103], 0, 0),
    ],
)
def test_drawdown_lasts_from_its_peak_until_it_is_made_good(case, equity, bars, days):
    metrics = of(equity).metrics

    assert (metrics["max_drawdown_bars"], metrics["max_drawdown_days"]) == (bars, days)


def test_days_are_calendar_days_over_weekends_and_hours():
    daily = np.array(["2024-01-05", "2024-01-08", "2024-01-09"], "M8[D]")
    hourly = np.array(["2024-01-05T14:30", "2024-01-05T15:30", "2024-01-05T20:30"], "M8[m]")

    assert of([120, 100, 120], timestamps=daily).metrics["max_drawdown_days"] == 4
    assert of([120, 100, 120], timestamps=hourly).metrics["max_drawdown_days"] == 0.25


def test_buy_and_hold_pays_fee_and_slippage_once():
    metrics = of([100, 100], close=[50, 75], slippage_bps=20).metrics

    assert metrics["buy_hold_return_pct"] == pytest.approx((1.5 / 1.001 / 1.002 - 1) * 100)


def test_buy_and_hold_has_the_risk_of_a_run_that_bought_at_once_and_held():
    close = 50 * np.cumprod(1 + np.random.default_rng(5).normal(0.001, 0.02, 300))
    holding = 100 * close / (close[0] * 1.001 * 1.002)
    core = measure(np.concatenate(([100.0], holding)), 252.0, 0)

    # ruined, which is another matter
    metrics = of([100, -1] + [50] * 298, close=close, slippage_bps=20).metrics

    assert metrics["buy_hold_sharpe_ratio"] == pytest.approx(core.sharpe_ratio, rel=1e-9)
    assert metrics["buy_hold_max_drawdown_pct"] == pytest.approx(core.max_drawdown_pct, rel=1e-9)
    assert metrics["calmar_ratio"] is None


def test_trade_metrics_by_hand():
    trades = [
        trade(30, 3, 0, 2), trade(-10, -1, 2, 3), trade(0, 0, 4, 4), trade(20, 2, 5, 6),
        trade(99, 99, 7, 9, is_open=True),
    ]  # fmt: skip

    metrics = of([100] * 10, trades).metrics

    assert metrics["win_rate"] == 50
    assert metrics["profit_factor"] == 5
    assert metrics["expectancy"] == 10
    assert metrics["avg_trade_return"] == 1
    assert metrics["sqn"] == pytest.approx(
        math.sqrt(4) * 10 / math.sqrt((400 + 400 + 100 + 100) / 3)
    )
    assert metrics["open_trades"] == 1
    assert metrics["exposure_pct"] == pytest.approx((2 + 1 + 0 + 1 + 3) / 10 * 100)
    assert (metrics["final_equity"], metrics["rejected_orders"], metrics["bars_per_year"]) == (
        100,
        3,
        252,
    )


@pytest.mark.parametrize(
    ("reason", "names", "equity", "trades", "capital"),
    [
        ("no winning trades", ["largest_win"], [100, 100], [trade(-1)], 100),
        ("no losing trades", ["largest_loss"], [100, 100], [trade(5)], 100),
        (
            "no closed short trades",
            ["short_win_rate", "short_profit"],
            [100, 100],
            [trade(5)],
            100,
        ),
        ("never invested", ["exposure_adjusted_return"], [100, 100], [], 100),
        ("fewer than four returns", ["kurtosis"], [101, 100, 99], [], 100),
        ("equity did not vary", ["skewness", "kurtosis"], [100] * 5, [], 100),
        ("the 5th percentile of the returns is zero", ["tail_ratio"], [100] * 5, [], 100),
        (
            "equity fell to zero or below",
            ["var_95_pct", "best_day_pct", "worst_month_pct"],
            [-5, 50],
            [],
            100,
        ),
        (
            "no closed trades",
            ["win_rate", "profit_factor", "expectancy", "avg_trade_return"],
            [100, 100],
            [],
            100,
        ),
        ("no losing trades", ["profit_factor"], [100, 100], [trade(5)], 100),
        ("fewer than two closed trades", ["sqn"], [100, 100], [trade(5)], 100),
        ("all trades earned the same", ["sqn"], [100, 100], [trade(5), trade(5)], 100),
        ("no bar with a loss", ["sortino_ratio"], [101, 102], [], 100),
        ("no drawdown", ["calmar_ratio"], [101, 102], [], 100),
        (
            "equity fell to zero or below",
            ["cagr", "calmar_ratio", "volatility", "sortino_ratio"],
            [10, -5],
            [],
            100,
        ),
        (
            "equity fell to zero or below",
            ["cagr", "calmar_ratio", "sortino_ratio"],
            [0, 50],
            [],
            100,
        ),
        (
            "equity fell to zero or below",
            ["cagr", "calmar_ratio", "sortino_ratio"],
            [-1, 250],
            [],
            100,
        ),
        ("fewer than two returns", ["volatility"], [101], [], 100),
        ("too short for a yearly rate", ["cagr", "calmar_ratio"], [101, 90], [], 100),
        ("too large for a number", ["cagr"], [1e12] * 93, [], 1e-80),
    ],
)
def test_a_metric_without_a_value_says_why(reason, names, equity, trades, capital):
    result = of(equity, trades, capital, periods_per_year=19_656)

    assert {name: result.metrics[name] for name in names} == dict.fromkeys(names)
    assert {name: result.notes[name] for name in names} == dict.fromkeys(names, reason)


@pytest.mark.parametrize(("equity", "reason"), [([100, 100], "equity did not vary"),
                                                ([100, -1], "equity fell to zero or below")])  # fmt: skip
def test_a_sharpe_ratio_without_a_value_says_why(equity, reason):
    result = of(equity, core=CORE | {"sharpe_ratio": None})

    assert result.metrics["sharpe_ratio"] is None
    assert result.notes["sharpe_ratio"] == reason


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e13, 1e13), min_size=1, max_size=20), st.floats(1e-6, 1e12))
def test_nothing_but_finite_numbers_leaves(equity, capital):
    result = of(
        equity,
        [trade(1e-300, exit_bar=0), trade(-1e-300, exit_bar=0)],
        capital,
        close=[1.0] * len(equity),
    )

    for name, value in result.metrics.items():
        assert (value is None) == (name in result.notes)
        assert value is None or math.isfinite(value)
