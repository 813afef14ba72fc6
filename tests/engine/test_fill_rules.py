"""Each fill rule of docs/engine.md on prices that can be followed by hand."""

import numpy as np
import pytest

from engine.engine import BacktestEngine
from tests.engine.markets import flat, follow, ohlc, trade_rows

PRICES = ohlc(
    [(99, 111, 98, 100), (105, 112, 104, 110), (115, 121, 114, 120), (125, 131, 124, 130)]
)
FILLS = (
    "side",
    "entry_bar",
    "entry_at",
    "entry_price",
    "exit_bar",
    "exit_at",
    "exit_price",
    "exit_reason",
)

BUY_AND_SELL = ("BUY", 0, "close", 100, 2, "close", 120, "signal")
LONG_ONLY = {"direction": "longonly"}
LONG_SHORT = {"direction": "longshort"}
NEXT_OPEN = {"fill": "next_open"}


@pytest.mark.parametrize(
    ("rule", "options", "signals", "expected"),
    [
        ("a buy opens and a sell closes at the close", LONG_ONLY, [1, 0, -1, 0], [BUY_AND_SELL]),
        ("a repeated buy does nothing", LONG_ONLY, [1, 1, -1, 0], [BUY_AND_SELL]),
        ("a repeated sell does nothing", LONG_ONLY, [1, 0, -1, -1], [BUY_AND_SELL]),
        ("a sell when flat does nothing", LONG_ONLY, [-1, -1, 0, 0], []),
        ("a sell before the first buy does nothing", LONG_ONLY, [-1, 1, -1, 0],
         [("BUY", 1, "close", 110, 2, "close", 120, "signal")]),
        ("a closed position can be opened again", LONG_ONLY, [1, -1, 1, -1],
         [("BUY", 0, "close", 100, 1, "close", 110, "signal"), ("BUY", 2, "close", 120, 3, "close", 130, "signal")]),
        ("next_open fills at the open of the next bar", NEXT_OPEN, [1, 0, -1, 0],
         [("BUY", 1, "open", 105, 3, "open", 125, "signal")]),
        ("next_open exits on the bar after the entry", NEXT_OPEN, [1, -1, 0, 0],
         [("BUY", 1, "open", 105, 2, "open", 115, "signal")]),
        ("a sell opens a short", LONG_SHORT, [-1, 0, 1, 1],
         [("SELL", 0, "close", 100, 2, "close", 120, "signal"),
          ("BUY", 2, "close", 120, 3, "close", 130, "end_of_data")]),
        ("the opposite signal reverses on the same bar", LONG_SHORT, [1, 0, -1, 0],
         [BUY_AND_SELL, ("SELL", 2, "close", 120, 3, "close", 130, "end_of_data")]),
        ("the opposite signal reverses at the same open", LONG_SHORT | NEXT_OPEN, [1, 0, -1, 0],
         [("BUY", 1, "open", 105, 3, "open", 125, "signal"),
          ("SELL", 3, "open", 125, 3, "close", 130, "end_of_data")]),
        ("a repeated sell leaves a short alone", LONG_SHORT, [-1, -1, 0, 0],
         [("SELL", 0, "close", 100, 3, "close", 130, "end_of_data")]),
        ("an open position is marked to the last close", LONG_ONLY, [0, 1, 0, 0],
         [("BUY", 1, "close", 110, 3, "close", 130, "end_of_data")]),
        ("a sell on the last bar closes at its close", LONG_ONLY, [1, 0, 0, -1],
         [("BUY", 0, "close", 100, 3, "close", 130, "signal")]),
        ("a buy on the last bar opens at its close", LONG_ONLY, [0, 0, 0, 1],
         [("BUY", 3, "close", 130, 3, "close", 130, "end_of_data")]),
        ("with next_open a buy on the last bar does nothing", NEXT_OPEN, [0, 0, 0, 1], []),
        ("with next_open a sell on the last bar does nothing", NEXT_OPEN, [1, 0, 0, -1],
         [("BUY", 1, "open", 105, 3, "close", 130, "end_of_data")]),
        ("slippage worsens both sides of a long", {"slippage_bps": 100}, [1, 0, -1, 0],
         [("BUY", 0, "close", 101, 2, "close", 118.8, "signal")]),
        ("slippage worsens both sides of a short", LONG_SHORT | {"slippage_bps": 100}, [-1, 0, 0, 1],
         [("SELL", 0, "close", 99, 3, "close", 131.3, "signal"),
          ("BUY", 3, "close", 131.3, 3, "close", 130, "end_of_data")]),
        ("the mark at the end has no slippage", {"slippage_bps": 100}, [1, 0, 0, 0],
         [("BUY", 0, "close", 101, 3, "close", 130, "end_of_data")]),
        ("no signal, no trade", LONG_SHORT, [0, 0, 0, 0], []),
    ],
)  # fmt: skip
def test_signals_fill_as_stated(rule, options, signals, expected):
    engine = BacktestEngine(position_size=1_000, fee_rate=0, **options)

    result = engine.run(PRICES, follow(signals), "TEST")

    assert [row[:3] + row[4:6] + row[7:] for row in trade_rows(result, *FILLS)] == [
        row[:3] + row[4:6] + row[7:] for row in expected
    ]
    assert [(t.entry_price, t.exit_price) for t in result.trades] == [
        pytest.approx((row[3], row[6]), rel=1e-12) for row in expected
    ]


def test_a_closed_trade_pays_fee_and_slippage_on_both_sides():
    engine = BacktestEngine(
        initial_capital=10_000, fee_rate=0.01, slippage_bps=100, position_size=1_010
    )

    (trade,) = engine.run(PRICES, follow([1, 0, -1, 0]), "TEST").trades

    assert (trade.trade_no, trade.side, trade.size, trade.is_open) == (0, "BUY", 10.0, False)
    assert (trade.entry_fees, trade.exit_fees) == (pytest.approx(10.10), pytest.approx(11.88))
    assert trade.pnl_abs == pytest.approx(178 - 10.10 - 11.88)
    assert trade.pnl_pct == pytest.approx((178 - 10.10 - 11.88) / 1_010 * 100)


def test_a_short_earns_when_the_price_falls():
    engine = BacktestEngine(direction="longshort", fee_rate=0.01, position_size=1_000)

    trade = engine.run(flat([100, 80, 90]), follow([-1, 1, 0]), "TEST").trades[0]

    assert trade.pnl_abs == pytest.approx((100 - 80) * 10 - 10 - 8)
    assert trade.pnl_pct == pytest.approx(18.2)


def test_a_position_open_at_the_end_pays_no_exit_fee():
    engine = BacktestEngine(initial_capital=10_000, fee_rate=0.01, position_size=1_000)

    result = engine.run(PRICES, follow([1, 0, 0, 0]), "TEST")

    (trade,) = result.trades
    assert trade.is_open
    assert (trade.exit_bar, trade.exit_fees, trade.pnl_abs) == (3, 0.0, pytest.approx(300 - 10))
    assert result.metrics.num_trades == 1
    assert result.equity_curve[-1] == pytest.approx(10_290)


def test_equity_is_marked_to_each_close_after_its_fills():
    engine = BacktestEngine(initial_capital=10_000, fee_rate=0.01, position_size=1_000)

    result = engine.run(PRICES, follow([1, 0, -1, 0]), "TEST")

    np.testing.assert_allclose(result.equity_curve, [9_990, 10_090, 10_178, 10_178])
    np.testing.assert_allclose(result.cash_curve, [8_990, 8_990, 10_178, 10_178])
    np.testing.assert_allclose(result.shares_curve, [10, 10, 0, 0])


def test_a_reversal_books_the_closing_fill_before_it_sizes_the_opening_one():
    engine = BacktestEngine(initial_capital=1_000, fee_rate=0, position_size=100, size_type="percent",
                            direction="longshort")  # fmt: skip

    result = engine.run(flat([100, 200, 100]), follow([1, -1, 0]), "TEST")

    assert trade_rows(result, "side", "size") == [("BUY", 10.0), ("SELL", 10.0)]
    assert result.equity_curve.tolist() == [1_000, 2_000, 3_000]


def test_the_strategy_is_given_the_data_as_it_came():
    seen = []

    def strategy(data):
        seen.append(data)
        return np.zeros(4, dtype=np.int8)

    BacktestEngine().run(PRICES, strategy, "TEST", first_bar=2)

    assert seen[0] is PRICES


def test_a_warm_up_signal_never_fills_on_the_first_traded_open():
    engine = BacktestEngine(fill="next_open")

    result = engine.run(PRICES, follow([0, 1, 0, 0]), "TEST", first_bar=2)

    assert result.trades == ()
    assert len(result.equity_curve) == 2


def test_two_runs_of_one_engine_share_nothing():
    engine = BacktestEngine()

    first = engine.run(PRICES, follow([1, 0, -1, 0]), "TEST")
    second = engine.run(PRICES, follow([1, 0, -1, 0]), "TEST")

    assert first.trades == second.trades
    assert first.equity_curve is not second.equity_curve
