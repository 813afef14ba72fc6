"""Risk, drawdown and costs: against empyrical and pandas on random series, and against hand-worked values."""

import math

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.test_performance import CORE, of, trade


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(5, 800), st.floats(0.0, 0.5), st.floats(0.001, 0.05)
)
def test_risk_metrics_equal_empyrical_and_pandas(seed, bars, risk_free_rate, spread):
    returns = np.random.default_rng(seed).normal(0.0005, spread, bars).clip(-0.5, 0.5)
    equity = 100.0 * np.cumprod(1 + returns)
    exact = equity / np.concatenate(([100.0], equity[:-1])) - 1
    free = (1 + risk_free_rate) ** (1 / 252) - 1

    core = CORE | {"sharpe_ratio": empyrical.sharpe_ratio(exact)}
    ours = of(equity, risk_free_rate=risk_free_rate, core=core).metrics

    expected = {
        "sharpe_ratio": empyrical.sharpe_ratio(exact, risk_free=free),
        "sortino_ratio": empyrical.sortino_ratio(exact, required_return=free),
        "var_95_pct": empyrical.value_at_risk(exact) * 100,
        "cvar_95_pct": empyrical.conditional_value_at_risk(exact) * 100,
        "tail_ratio": empyrical.tail_ratio(exact),
        "skewness": pd.Series(exact).skew(),
        "kurtosis": pd.Series(exact).kurt(),
        "best_day_pct": exact.max() * 100,
        "worst_day_pct": exact.min() * 100,
    }
    for name, value in expected.items():
        close_to_value = (
            pytest.approx(value, rel=1e-9, abs=1e-9) if math.isfinite(value) else None
        )
        assert ours[name] == close_to_value, name


def test_months_are_those_of_empyrical():
    days = pd.date_range("2023-11-20", periods=300, freq="D")
    returns = pd.Series(np.random.default_rng(1).normal(0, 0.02, 300), index=days)

    ours = of(100 * (1 + returns).cumprod(), timestamps=days.to_numpy()).metrics

    months = empyrical.aggregate_returns(returns, "monthly")
    assert ours["best_month_pct"] == pytest.approx(months.max() * 100, rel=1e-9)
    assert ours["worst_month_pct"] == pytest.approx(months.min() * 100, rel=1e-9)


def test_a_day_of_several_bars_is_one_day():
    hours = np.array(
        ["2024-01-05T14:30", "2024-01-05T20:30", "2024-01-08T14:30", "2024-01-08T20:30"], "M8[m]"
    )

    metrics = of([90, 110, 55, 99], timestamps=hours).metrics

    assert (metrics["best_day_pct"], metrics["worst_day_pct"]) == (
        pytest.approx(10),
        pytest.approx(-10),
    )


@pytest.mark.parametrize(
    ("case", "equity", "deepest", "longest", "under_water"),
    [
        ("the longest is not the deepest", [100, 99, 99, 99, 100, 150, 75, 160], 2, 4, 50),
        ("the last one is not over", [100, 50, 100, 90, 91, 92], 2, 3, 400 / 6),
        ("below the capital from the start", [90, 80, 95], 2, 2, 100),
        ("a plateau is no drawdown", [100, 100, 100, 120], 0, 0, 0),
        ("a fall on the last bar", [100, 120, 119], 1, 1, 100 / 3),
    ],
)
def test_the_longest_drawdown_and_the_time_under_water(
    case, equity, deepest, longest, under_water
):
    metrics = of(equity).metrics

    assert (metrics["max_drawdown_days"], metrics["longest_drawdown_days"]) == (deepest, longest)
    assert metrics["time_under_water_pct"] == pytest.approx(under_water)


def test_the_ulcer_index_by_hand():
    assert of([110, 99, 55, 110]).metrics["ulcer_index"] == pytest.approx(
        math.sqrt((10**2 + 50**2) / 4)
    )


def test_costs_by_hand():
    share = 0.005  # 50 basis points
    trades = [
        trade(9, entry_bar=0, exit_bar=1, size=10, entry_price=100 * (1 + share), exit_price=110 * (1 - share),
              entry_fees=1.0, exit_fees=1.1),
        trade(5, entry_bar=1, exit_bar=2, size=10, entry_price=100 * (1 + share), exit_price=120,
              exit_reason="take_profit"),
        trade(1, entry_bar=2, exit_bar=3, size=4, side="SELL", entry_price=50 * (1 - share), exit_price=40,
              exit_reason="end_of_data", is_open=True),
    ]  # fmt: skip
    values = 10 * (100.5 + 109.45) + 10 * (100.5 + 120) + 4 * 49.75

    carried = {"interest": 7.0, "borrow_fees": 3.0}
    metrics = of(
        [1000, 1010, 1020, 1030], trades, capital=1000, slippage_bps=50, **carried
    ).metrics

    assert metrics["total_fees"] == pytest.approx(2.1)
    assert (metrics["total_interest"], metrics["total_borrow_fees"]) == (7, 3)
    assert metrics["total_slippage"] == pytest.approx(
        (10 * 100 + 10 * 110 + 10 * 100 + 4 * 50) * share
    )
    assert metrics["gross_return_pct"] == pytest.approx(
        (30 + 2.1 + 3 + metrics["total_slippage"]) / 1000 * 100
    )
    assert metrics["turnover"] == pytest.approx(
        values / np.mean([1000, 1000, 1010, 1020, 1030]) / 4 * 252
    )


def test_streaks_extremes_sides_and_holding_by_hand():
    profits = [5, 7, -1, 0, -2, 3]
    sides = ["BUY", "SELL", "BUY", "SELL", "BUY", "BUY"]
    trades = [
        trade(
            profit,
            entry_bar=bar,
            exit_bar=bar + 1 + bar % 2,
            side=side,
            mae_pct=bar,
            mfe_pct=2 * bar,
        )
        for bar, (profit, side) in enumerate(zip(profits, sides, strict=True))
    ]

    metrics = of([100] * 9, trades).metrics

    assert (metrics["winning_streak"], metrics["losing_streak"]) == (2, 3)
    assert (metrics["largest_win"], metrics["largest_loss"]) == (7, -2)
    assert (metrics["long_trades"], metrics["long_win_rate"], metrics["long_profit"]) == (
        4,
        50,
        5,
    )
    assert (metrics["short_trades"], metrics["short_win_rate"], metrics["short_profit"]) == (
        2,
        50,
        7,
    )
    assert (metrics["avg_mae_pct"], metrics["avg_mfe_pct"]) == (2.5, 5)
    assert metrics["avg_holding_days"] == 1.5


def test_growth_per_exposure_is_that_of_the_bars_with_a_position():
    metrics = of(np.linspace(100, 150, 200), [trade(exit_bar=50)]).metrics

    assert metrics["exposure_adjusted_return"] == pytest.approx(metrics["cagr"] / 0.25)
