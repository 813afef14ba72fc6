"""The wrapper pattern: a drawdown limit that leaves the engine closed."""

import numpy as np
import pytest
from hypothesis import given, settings

from consumer.wrappers.drawdown_limit import run_with_drawdown_limit
from engine.engine import BacktestEngine
from tests.engine.markets import cases, flat, follow, ohlc, trade_rows

ALL_IN = {"initial_capital": 1_000, "position_size": 1_000, "fee_rate": 0}


def test_the_position_is_closed_at_the_close_that_passes_the_limit():
    engine = BacktestEngine(**ALL_IN)

    result = run_with_drawdown_limit(engine, flat([100, 120, 95, 60, 200]), follow([1, 0, 0, 0, 0]), "TEST", 20)

    assert trade_rows(result, "entry_bar", "exit_bar", "exit_price", "exit_reason", "is_open") == [
        (0, 2, 95, "drawdown_limit", False)
    ]
    assert result.equity_curve.tolist() == [1_000, 1_200, 950, 950, 950]
    assert result.metrics.total_return_pct == pytest.approx(-5)


def test_with_next_open_it_is_closed_at_the_next_open():
    engine = BacktestEngine(**ALL_IN, fill="next_open")
    bars = ohlc([(100, 100, 100, 100), (100, 100, 70, 70), (60, 60, 50, 50), (90, 90, 90, 90)])

    result = run_with_drawdown_limit(engine, bars, follow([1, 0, 0, 0]), "TEST", 20)

    assert trade_rows(result, "exit_bar", "exit_at", "exit_price") == [(2, "open", 60)]
    assert result.equity_curve.tolist() == [1_000, 700, 600, 600]


def test_closing_a_short_pays_fee_and_slippage():
    engine = BacktestEngine(
        **ALL_IN | {"fee_rate": 0.01, "position_size": 500}, slippage_bps=100, direction="longshort"
    )

    result = run_with_drawdown_limit(engine, flat([100, 200, 50]), follow([-1, 0, 0]), "TEST", 30)

    (trade,) = result.trades
    assert (trade.exit_bar, trade.exit_price, trade.exit_fees) == (1, pytest.approx(202), pytest.approx(10.1))
    assert result.equity_curve[-1] == pytest.approx(1_000 + trade.pnl_abs)


def test_nothing_is_opened_after_the_limit():
    engine = BacktestEngine(**ALL_IN)

    result = run_with_drawdown_limit(engine, flat([100, 50, 60, 90]), follow([1, -1, 1, 0]), "TEST", 20)

    assert trade_rows(result, "entry_bar", "exit_bar", "exit_reason") == [(0, 1, "signal")]
    assert result.equity_curve.tolist() == [1_000, 500, 500, 500]


@settings(max_examples=100, deadline=None)
@given(cases())
def test_up_to_the_limit_nothing_differs_and_from_there_on_equity_stands_still(case):
    prices, signals, options = case
    engine = BacktestEngine(**options)

    plain = engine.run(prices, follow(signals), "TEST")
    limited = run_with_drawdown_limit(engine, prices, follow(signals), "TEST", 10)

    peak = np.maximum(np.maximum.accumulate(plain.equity_curve), options["initial_capital"])
    passed = [*np.flatnonzero((peak - plain.equity_curve) / peak >= 0.1), len(signals)][0]
    np.testing.assert_array_equal(limited.equity_curve[:passed], plain.equity_curve[:passed])
    assert len(set(limited.equity_curve[passed + 1 :].tolist())) <= 1
    total = sum(trade.pnl_abs for trade in limited.trades)
    assert total == pytest.approx(limited.equity_curve[-1] - options["initial_capital"], abs=1e-4)


def test_an_unreached_limit_changes_nothing():
    engine = BacktestEngine(**ALL_IN)
    arguments = flat([100, 99, 98, 97]), follow([1, 0, 0, 0]), "TEST"

    limited = run_with_drawdown_limit(engine, *arguments, limit_pct=50)

    assert limited.trades == engine.run(*arguments).trades


@pytest.mark.parametrize("limit_pct", [0, -1, 100, float("nan")])
def test_a_bad_limit_is_named(limit_pct):
    with pytest.raises(ValueError, match=f"limit_pct: .*above 0 and below 100, got {limit_pct!r}"):
        run_with_drawdown_limit(BacktestEngine(), flat([1, 1]), follow([0, 0]), "TEST", limit_pct)
