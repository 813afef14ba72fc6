"""Liquidation, which leaves the engine closed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from consumer.kinds.run_engine import RunEngine
from tests.engine.markets import (
    cases,
    flat,
    follow,
    ohlc,
    random_signals,
    random_walk,
    trade_rows,
)

ALL_IN = {"initial_capital": 1_000, "position_size": 1_000, "fee_rate": 0}


def limited(engine, prices, signals, percent):
    """A run of `signals` that is liquidated at so many percent of its capital."""
    return replace(engine, liquidate_below_pct=percent).run(prices, follow(signals), "TEST")


def test_it_is_closed_at_the_first_close_at_or_below_the_level_of_liquidation():
    engine = RunEngine(**ALL_IN)

    result = limited(engine, flat([100, 120, 95, 60, 50, 200]), [1, 0, 0, 0, 0, 0], 60)

    assert trade_rows(result, "exit_bar", "exit_price", "exit_reason") == [(3, 60, "liquidation")]
    assert result.equity_curve.tolist() == [1_000, 1_200, 950, 600, 600, 600]


def test_a_short_that_lost_everything_is_closed_and_stays_closed():
    engine = RunEngine(**ALL_IN, direction="longshort")
    prices, signals = flat([100, 150, 210, 50, 60]), [-1, 0, 0, 0, 1]

    plain, result = engine.run(prices, follow(signals)), limited(engine, prices, signals, 0)

    assert plain.equity_curve.tolist() == [1_000, 500, -100, 1_500, 1_400]
    assert result.equity_curve.tolist() == [1_000, 500, -100, -100, -100]
    assert trade_rows(result, "exit_bar", "exit_reason") == [(2, "liquidation")]


def test_with_next_open_it_is_closed_at_the_next_open():
    engine = RunEngine(**ALL_IN, fill="next_open")
    bars = ohlc([(100, 100, 100, 100), (100, 100, 70, 70), (60, 60, 50, 50), (90, 90, 90, 90)])

    result = limited(engine, bars, [1, 0, 0, 0], 80)

    assert trade_rows(result, "exit_bar", "exit_at", "exit_price") == [(2, "open", 60)]
    assert result.equity_curve.tolist() == [1_000, 700, 600, 600]


def test_with_next_open_the_last_bar_has_no_open_to_close_at():
    engine = RunEngine(**ALL_IN, fill="next_open")

    result = limited(engine, flat([100, 100, 10]), [1, 0, 0], 50)

    assert trade_rows(result, "exit_reason") == [("end_of_data",)]


@pytest.mark.parametrize(
    ("opened", "reason", "price"),
    [(45, "stop_loss", 44.55), (130, "take_profit", 130), (90, "liquidation", 89.1)],
)
def test_a_level_that_the_next_open_is_beyond_fills_before_the_liquidation(opened, reason, price):
    engine = RunEngine(
        **ALL_IN, fill="next_open", slippage_bps=100, stop_loss_pct=50, take_profit_pct=20
    )
    bars = ohlc([(100, 100, 100, 100), (100, 100, 75, 75), (opened,) * 4, (90, 90, 90, 90)])

    result = limited(engine, bars, [1, 0, 1, 0], 80)

    (trade,) = result.trades
    assert (trade.exit_bar, trade.exit_at, trade.exit_reason) == (2, "open", reason)
    assert trade.exit_price == pytest.approx(price)


def test_closing_a_short_pays_fee_and_slippage():
    engine = RunEngine(
        **ALL_IN | {"fee_rate": 0.01, "position_size": 500},
        slippage_bps=100,
        direction="longshort",
    )

    result = limited(engine, flat([100, 200, 50]), [-1, 0, 0], 70)

    (trade,) = result.trades
    assert (trade.exit_bar, trade.exit_price, trade.exit_fees) == (
        1,
        pytest.approx(202),
        pytest.approx(10.1),
    )
    assert result.equity_curve[-1] == pytest.approx(1_000 + trade.pnl_abs)


def test_nothing_is_opened_after_the_limit():
    engine = RunEngine(**ALL_IN)

    result = limited(engine, flat([100, 50, 60, 90]), [1, -1, 1, 0], 80)

    assert trade_rows(result, "entry_bar", "exit_bar", "exit_reason") == [(0, 1, "signal")]
    assert result.equity_curve.tolist() == [1_000, 500, 500, 500]


@settings(max_examples=200, deadline=None)
@given(cases())
def test_up_to_the_limit_nothing_differs_and_from_there_on_equity_stands_still(case):
    prices, signals, options = case
    engine = RunEngine(**options)

    plain = engine.run(prices, follow(signals), "TEST")
    result = limited(engine, prices, signals, 90)

    passed = [
        *np.flatnonzero(plain.equity_curve <= options["initial_capital"] * 90 / 100),
        len(signals),
    ][0]
    np.testing.assert_array_equal(result.equity_curve[:passed], plain.equity_curve[:passed])
    assert len(set(result.equity_curve[passed + 1 :].tolist())) <= 1
    total = sum(trade.pnl_abs for trade in result.trades)
    assert total == pytest.approx(result.equity_curve[-1] - options["initial_capital"], abs=1e-4)


def test_over_random_runs_a_gap_beyond_a_level_ends_the_account_as_the_engine_alone_would():
    engine = RunEngine(
        position_size=100_000, direction="longshort", fill="next_open", slippage_bps=20, stop_loss_pct=8,
        take_profit_pct=4,
    )  # fmt: skip
    reasons = Counter()

    for seed in range(300):
        prices, signals = random_walk(seed, 120, 0.03), random_signals(seed, 120, 0.2)
        plain = engine.run(prices, follow(signals))
        last = limited(engine, prices, signals, 95).fills[-1]
        passed = [*np.flatnonzero(plain.equity_curve <= 95_000), 119][0]
        if passed < 119 and plain.shares_curve[passed]:
            plain_exit = next((fill for fill in plain.fills if fill.bar > passed), last)
            before_orders = (plain_exit.bar, plain_exit.at) == (
                passed + 1,
                "open",
            ) and plain_exit.reason != "signal"
            assert (plain_exit == last) == before_orders == (last.reason != "liquidation"), seed
            reasons[last.reason] += 1

    assert min(reasons[reason] for reason in ("liquidation", "stop_loss", "take_profit")) > 3, (
        reasons
    )


def test_an_unreached_limit_changes_nothing():
    engine = RunEngine(**ALL_IN)
    prices, signals = flat([100, 99, 98, 97]), [1, 0, 0, 0]

    result = limited(engine, prices, signals, 50)

    assert result.trades == engine.run(prices, follow(signals)).trades


@pytest.mark.parametrize("percent", [-1, 100, float("nan")])
def test_a_bad_limit_is_named(percent):
    with pytest.raises(
        ValueError,
        match=f"liquidate_below_pct: must be a number from 0 to below 100, or None, got {percent!r}",
    ):
        limited(RunEngine(), flat([1, 1]), [0, 0], percent)
