"""Refusals of the engine: each names the argument, its value and what is accepted."""

import re

import numpy as np
import pandas as pd
import pytest

from engine.engine import BacktestEngine, check_bars
from tests.engine.markets import flat, follow

GOOD = flat([100.0, 101.0, 102.0, 103.0])
NO_SIGNAL = follow([0, 0, 0, 0])


def frame(**changes) -> pd.DataFrame:
    return pd.DataFrame(GOOD | changes, index=pd.date_range("2024-01-01", periods=4))


@pytest.mark.parametrize(
    ("argument", "value", "accepted"),
    [
        ("initial_capital", 0, "above 0 and at most 1e12"),
        ("initial_capital", -5, "above 0 and at most 1e12"),
        ("initial_capital", 2e12, "above 0 and at most 1e12"),
        ("initial_capital", float("nan"), "above 0 and at most 1e12"),
        ("initial_capital", "100", "above 0 and at most 1e12"),
        ("initial_capital", True, "above 0 and at most 1e12"),
        ("fee_rate", -0.001, "from 0 to below 0.1"),
        ("fee_rate", 0.1, "from 0 to below 0.1"),
        ("slippage_bps", -1, "from 0 to 1000"),
        ("slippage_bps", 1001, "from 0 to 1000"),
        ("position_size", 0, "above 0"),
        ("position_size", float("inf"), "above 0"),
        ("position_size", 10**400, "above 0"),
        ("position_size", None, "above 0"),
        ("stop_loss_pct", float("nan"), "above 0 and below 100"),
        ("stop_loss_pct", 0, "above 0 and below 100"),
        ("stop_loss_pct", -3, "above 0 and below 100"),
        ("stop_loss_pct", 100, "above 0 and below 100"),
        ("take_profit_pct", 0, "above 0 and at most 1000"),
        ("take_profit_pct", 1001, "above 0 and at most 1000"),
        ("trailing_stop_pct", 0, "above 0 and below 100"),
        ("trailing_stop_pct", 100, "above 0 and below 100"),
        ("periods_per_year", 0, "above 0"),
        ("size_type", "shares", "one of value, percent"),
        ("direction", "both", "one of longonly, longshort"),
        ("direction", ["longonly"], "one of longonly, longshort"),
        ("fill", np.array(["close", "open"]), "one of close, next_open"),
        ("fill", "open", "one of close, next_open"),
        ("fractional_shares", "yes", "True or False"),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_range(argument, value, accepted):
    with pytest.raises(
        ValueError,
        match=f"^{argument}: must be .*{re.escape(accepted)}.*got {re.escape(repr(value))}",
    ):
        BacktestEngine(**{argument: value})


def test_percent_over_100_is_refused():
    with pytest.raises(ValueError, match=r"^position_size: .*at most 100 \(percent\), got 101"):
        BacktestEngine(size_type="percent", position_size=101)


@pytest.mark.parametrize(
    ("fault", "data", "message"),
    [
        ("no bars", {name: [] for name in GOOD}, "at least 2 bars are needed, got 0"),
        ("one bar", {name: [100.0] for name in GOOD}, "at least 2 bars are needed, got 1"),
        (
            "a missing column",
            {name: GOOD[name] for name in ("Open", "High", "Close")},
            "column 'Low' is missing",
        ),
        ("a missing column of a frame", frame().drop(columns="High"), "column 'High' is missing"),
        ("not a table", 5, "column 'Open' is missing"),
        ("unequal lengths", GOOD | {"Low": [1.0, 2.0]}, r"one length, got \[2, 4\] bars"),
        (
            "two dimensions",
            GOOD | {"Low": np.ones((4, 2))},
            r"'Low' must have one dimension, .* got shape \(4, 2\)",
        ),
        ("words", GOOD | {"Low": ["a", "b", "c", "d"]}, "'Low' must hold numbers"),
        (
            "NaN",
            GOOD | {"Close": [1, np.nan, 1, 1]},
            "'Close' must hold finite prices above 0 .*, got nan at bar 1",
        ),
        (
            "infinity",
            GOOD | {"High": [1, 1, np.inf, 1]},
            "'High' must hold finite prices above 0 .*, got inf at bar 2",
        ),
        (
            "zero",
            GOOD | {"Open": [0, 1, 1, 1]},
            "'Open' must hold finite prices above 0 .*, got 0.0 at bar 0",
        ),
        (
            "negative",
            GOOD | {"Low": [1, 1, 1, -2]},
            "'Low' must hold finite prices above 0 .*, got -2.0 at bar 3",
        ),
        (
            "next to nothing",
            GOOD | {"Low": [1, 1, 1, 1e-101]},
            r"1e-100 to 1e\+100\), got 1e-101 at bar 3",
        ),
        (
            "next to infinity",
            GOOD | {"High": [1, 1, 1, 1e101]},
            r"1e-100 to 1e\+100\), got 1e\+101 at bar 3",
        ),
        ("an unsorted index", frame().iloc[::-1], "index must rise strictly"),
        ("a bar twice", frame().iloc[[0, 1, 1, 2]], "index must rise strictly"),
    ],
)
def test_bad_prices_are_named(fault, data, message):
    with pytest.raises(ValueError, match=f"^data: .*{message}"):
        BacktestEngine().run(data, NO_SIGNAL, "TEST")


@pytest.mark.parametrize(
    ("fault", "signals", "message"),
    [
        ("too short", np.zeros(3, np.int8), r"shape \(4,\), got shape \(3,\)"),
        ("too long", np.zeros(5, np.int8), r"shape \(4,\), got shape \(5,\)"),
        ("two dimensions", np.zeros((4, 1), np.int8), r"shape \(4,\), got shape \(4, 1\)"),
        ("floats", np.zeros(4), "dtype must be int8, got float64"),
        ("wide integers", np.zeros(4, np.int64), "dtype must be int8, got int64"),
        ("booleans", np.zeros(4, bool), "dtype must be int8, got bool"),
        ("nothing", None, "dtype must be int8, got object"),
        ("two", np.array([0, 0, 2, 0], np.int8), "values must be 1 .*got 2 at bar 2"),
        ("minus two", np.array([0, -2, 0, 0], np.int8), "values must be 1 .*got -2 at bar 1"),
    ],
)
def test_bad_signals_are_named(fault, signals, message):
    with pytest.raises(ValueError, match=f"^signals: .*{message}"):
        BacktestEngine().run(GOOD, lambda data: signals, "TEST")


@pytest.mark.parametrize("first_bar", [-1, 3, 4, 1.0, True, None])
def test_a_first_bar_outside_the_data_is_named(first_bar):
    with pytest.raises(
        ValueError, match=f"^first_bar: must be an integer from 0 to 2 .*got {first_bar!r}"
    ):
        BacktestEngine().run(GOOD, NO_SIGNAL, "TEST", first_bar=first_bar)


def test_an_error_of_the_strategy_passes_through():
    def strategy(data):
        raise LookupError("no such column")

    with pytest.raises(LookupError, match="no such column"):
        BacktestEngine().run(GOOD, strategy, "TEST")


def test_a_frame_and_a_mapping_give_the_same_result():
    signals = follow([1, 0, -1, 0])

    of_frame = BacktestEngine().run(frame(), signals, "TEST")
    of_mapping = BacktestEngine().run(GOOD, signals, "TEST")

    assert of_frame.trades == of_mapping.trades
    assert of_frame.metrics == of_mapping.metrics


def test_checked_bars_are_not_checked_again():
    bars = check_bars(GOOD)

    assert check_bars(bars) is bars


@pytest.mark.parametrize("fractional", [False, True])
def test_a_trade_from_the_lowest_to_the_highest_price_gives_finite_equity(fractional):
    engine = BacktestEngine(
        initial_capital=1e12, position_size=1e308, fractional_shares=fractional
    )

    result = engine.run(flat([1e-100, 1e100]), follow([1, 0]), "TEST")

    assert len(result.trades) == 1
    assert np.isfinite(result.equity_curve).all()
