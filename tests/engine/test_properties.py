"""Properties of every run, for any prices, signals and settings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.engine import BacktestEngine
from tests.engine.bar_by_bar import backtest
from tests.engine.markets import cases, follow, trade_rows

EVENTS = ("side", "entry_bar", "entry_at", "exit_bar", "exit_at", "exit_reason")
AMOUNTS = ("size", "entry_price", "exit_price")


@settings(max_examples=400, deadline=None)
@given(cases())
def test_every_run_equals_the_loop_over_bars(case):
    prices, signals, options = case

    result = BacktestEngine(**options).run(prices, follow(signals), "TEST")

    expected = backtest(
        {name.lower(): column.tolist() for name, column in prices.items()}, signals, **options
    )
    assert trade_rows(result, *EVENTS) == [
        tuple(trade[field] for field in EVENTS) for trade in expected.trades
    ]
    for ours, theirs in zip(trade_rows(result, *AMOUNTS), expected.trades, strict=True):
        assert ours == pytest.approx(tuple(theirs[field] for field in AMOUNTS), rel=1e-9)
    assert [(bar, side) for bar, side, _ in result.rejected_orders] == expected.rejected
    np.testing.assert_allclose(result.equity_curve, expected.equity, rtol=1e-9, atol=1e-6)
    assert [t.pnl_abs for t in result.trades] == pytest.approx(
        [t["pnl_abs"] for t in expected.trades], abs=1e-6
    )


@settings(max_examples=100, deadline=None)
@given(cases())
def test_equity_is_cash_plus_position_at_each_bar(case):
    prices, signals, options = case

    result = BacktestEngine(**options).run(prices, follow(signals), "TEST")

    np.testing.assert_array_equal(
        result.equity_curve, result.cash_curve + result.shares_curve * prices["Close"]
    )


@settings(max_examples=100, deadline=None)
@given(cases())
def test_the_sum_of_trade_pnl_is_the_change_of_equity(case):
    prices, signals, options = case

    result = BacktestEngine(**options).run(prices, follow(signals), "TEST")

    change = result.equity_curve[-1] - options["initial_capital"]
    assert sum(trade.pnl_abs for trade in result.trades) == pytest.approx(
        change, abs=1e-9 * options["initial_capital"]
    )


@settings(max_examples=100, deadline=None)
@given(cases())
def test_a_buyer_never_owes_cash(case):
    prices, signals, options = case

    result = BacktestEngine(**options | {"direction": "longonly"}).run(
        prices, follow(signals), "TEST"
    )

    assert result.cash_curve.min() >= -1e-6


@settings(max_examples=100, deadline=None)
@given(cases(), st.floats(0.1, 0.9))
def test_no_later_bar_changes_an_earlier_one(case, share):
    prices, signals, options = case
    kept = max(2, int(len(signals) * share))
    engine = BacktestEngine(**options)

    whole = engine.run(prices, follow(signals), "TEST")
    part = engine.run(
        {name: column[:kept] for name, column in prices.items()}, follow(signals[:kept]), "TEST"
    )

    np.testing.assert_array_equal(part.equity_curve, whole.equity_curve[:kept])
    closed = [trade for trade in part.trades if not trade.is_open]
    assert closed == list(whole.trades)[: len(closed)]


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from([0.25, 2.0, 1024.0]))
def test_money_has_no_unit(case, scale):
    """Capital, value size and prices times a power of two: every amount scales exactly, no share and no bar moves."""
    prices, signals, options = case
    scaled = options | {"initial_capital": options["initial_capital"] * scale}
    if options["size_type"] == "value":
        scaled["position_size"] = options["position_size"] * scale

    plain = BacktestEngine(**options).run(prices, follow(signals), "TEST")
    larger = BacktestEngine(**scaled).run(
        {k: v * scale for k, v in prices.items()}, follow(signals), "TEST"
    )

    np.testing.assert_array_equal(larger.equity_curve, plain.equity_curve * scale)
    assert trade_rows(
        larger, "size", "entry_bar", "exit_bar", "exit_reason", "pnl_pct"
    ) == trade_rows(plain, "size", "entry_bar", "exit_bar", "exit_reason", "pnl_pct")


@settings(max_examples=60, deadline=None)
@given(cases())
def test_the_light_path_reports_the_same_metrics(case):
    prices, signals, options = case
    engine = BacktestEngine(**options)

    assert (
        engine.summarize(prices, follow(signals), "TEST")
        == engine.run(prices, follow(signals), "TEST").metrics
    )


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(0, 100))
def test_warm_up_bars_are_seen_but_never_traded(case, first_bar):
    prices, signals, options = case
    first_bar = min(first_bar, len(signals) - 2)
    engine = BacktestEngine(**options)

    warmed = engine.run(prices, follow(signals), "TEST", first_bar)
    alone = engine.run(
        {k: v[first_bar:] for k, v in prices.items()}, follow(signals[first_bar:]), "TEST"
    )

    np.testing.assert_array_equal(warmed.equity_curve, alone.equity_curve)
    np.testing.assert_array_equal(warmed.signals, signals[first_bar:])
    assert warmed.trades == alone.trades
    assert warmed.rejected_orders == alone.rejected_orders
