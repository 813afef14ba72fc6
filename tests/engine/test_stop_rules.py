"""Stops and targets on prices that can be followed by hand: entry at 100, then one bar that matters."""

import pytest

from engine.engine import BacktestEngine
from tests.engine.markets import follow, ohlc, trade_rows

ENTRY = (100, 100, 100, 100)
QUIET = (100, 101, 99, 100)
SHORT = {"direction": "longshort"}
NEXT_OPEN = {"fill": "next_open"}
STOP_5 = {"stop_loss_pct": 5}
TARGET_5 = {"take_profit_pct": 5}
TRAIL_10 = {"trailing_stop_pct": 10}
SLIP_1 = {"slippage_bps": 100}
EXITS = ("side", "entry_bar", "exit_bar", "exit_at", "exit_reason")


@pytest.mark.parametrize(
    ("rule", "options", "signals", "bars", "expected"),
    [
        ("a low below the stop fills at the stop", STOP_5, [1, 0], [ENTRY, (99, 100, 94, 96)],
         [("BUY", 0, 1, "intrabar", "stop_loss", 95)]),
        ("a low at the stop touches it", STOP_5, [1, 0], [ENTRY, (99, 100, 95, 96)],
         [("BUY", 0, 1, "intrabar", "stop_loss", 95)]),
        ("a low above the stop does not", STOP_5, [1, 0], [ENTRY, (99, 100, 95.01, 96)],
         [("BUY", 0, 1, "close", "end_of_data", 96)]),
        ("an open below the stop fills at the open", STOP_5, [1, 0], [ENTRY, (93, 97, 92, 96)],
         [("BUY", 0, 1, "open", "stop_loss", 93)]),
        ("an open at the stop fills at the open", STOP_5, [1, 0], [ENTRY, (95, 97, 92, 96)],
         [("BUY", 0, 1, "open", "stop_loss", 95)]),
        ("a short is stopped above", SHORT | STOP_5, [-1, 0], [ENTRY, (101, 106, 100, 104)],
         [("SELL", 0, 1, "intrabar", "stop_loss", 105)]),
        ("a short is stopped at an open above", SHORT | STOP_5, [-1, 0], [ENTRY, (107, 108, 100, 104)],
         [("SELL", 0, 1, "open", "stop_loss", 107)]),
        ("an entry at the close is not at risk on its own bar", STOP_5, [1, 0], [(100, 100, 80, 100), QUIET],
         [("BUY", 0, 1, "close", "end_of_data", 100)]),
        ("an entry at the open is at risk on its own bar", NEXT_OPEN | STOP_5, [1, 0], [ENTRY, (100, 101, 94, 96)],
         [("BUY", 1, 1, "intrabar", "stop_loss", 95)]),
        ("the stop is percent of the fill price and slips", STOP_5 | SLIP_1, [1, 0], [ENTRY, (99, 100, 90, 96)],
         [("BUY", 0, 1, "intrabar", "stop_loss", 101 * 0.95 * 0.99)]),
        ("a short's stop slips upwards", SHORT | STOP_5 | SLIP_1, [-1, 0], [ENTRY, (101, 110, 100, 104)],
         [("SELL", 0, 1, "intrabar", "stop_loss", 99 * 1.05 * 1.01)]),
        ("a stop at the open slips from the open", STOP_5 | SLIP_1, [1, 0], [ENTRY, (90, 97, 89, 96)],
         [("BUY", 0, 1, "open", "stop_loss", 89.1)]),
        ("slippage past the stop leaves at the entry's open", NEXT_OPEN | SLIP_1 | {"stop_loss_pct": 0.5}, [1, 0],
         [ENTRY, QUIET], [("BUY", 1, 1, "open", "stop_loss", 99)]),
        ("a high above the target fills at the target", TARGET_5, [1, 0], [ENTRY, (101, 106, 100, 104)],
         [("BUY", 0, 1, "intrabar", "take_profit", 105)]),
        ("an open above the target fills at the open", TARGET_5, [1, 0], [ENTRY, (107, 108, 106, 107)],
         [("BUY", 0, 1, "open", "take_profit", 107)]),
        ("a short's target is below", SHORT | TARGET_5, [-1, 0], [ENTRY, (99, 100, 94, 96)],
         [("SELL", 0, 1, "intrabar", "take_profit", 95)]),
        ("a short's target at an open below", SHORT | TARGET_5, [-1, 0], [ENTRY, (93, 100, 92, 96)],
         [("SELL", 0, 1, "open", "take_profit", 93)]),
        ("a target does not slip", TARGET_5 | SLIP_1, [1, 0], [ENTRY, (101, 110, 100, 104)],
         [("BUY", 0, 1, "intrabar", "take_profit", 101 * 1.05)]),
        ("a short's target of 100 percent or more is never reached", SHORT | {"take_profit_pct": 100}, [-1, 0],
         [ENTRY, (1, 1, 0.01, 0.5)], [("SELL", 0, 1, "close", "end_of_data", 0.5)]),
        ("stop and target on one bar: the stop wins", STOP_5 | TARGET_5, [1, 0], [ENTRY, (100, 106, 94, 100)],
         [("BUY", 0, 1, "intrabar", "stop_loss", 95)]),
        ("an open beyond the target comes before the stop", STOP_5 | TARGET_5, [1, 0], [ENTRY, (106, 107, 94, 100)],
         [("BUY", 0, 1, "open", "take_profit", 106)]),
        ("the trailing stop starts at the entry price", TRAIL_10, [1, 0], [ENTRY, (99, 100, 89, 95)],
         [("BUY", 0, 1, "intrabar", "trailing_stop", 90)]),
        ("the trailing stop follows the best close", TRAIL_10, [1, 0, 0], [ENTRY, (101, 121, 100, 120),
         (119, 119, 107, 110)], [("BUY", 0, 2, "intrabar", "trailing_stop", 108)]),
        ("the trailing stop never falls back", TRAIL_10, [1, 0, 0, 0], [ENTRY, (101, 121, 100, 120),
         (119, 119, 110, 110), (110, 111, 107, 110)], [("BUY", 0, 3, "intrabar", "trailing_stop", 108)]),
        ("a bar's own close does not raise its trailing level", TRAIL_10, [1, 0], [ENTRY, (100, 130, 91, 130)],
         [("BUY", 0, 1, "close", "end_of_data", 130)]),
        ("a short trails the lowest close", SHORT | TRAIL_10, [-1, 0, 0], [ENTRY, (99, 99, 79, 80), (81, 89, 81, 85)],
         [("SELL", 0, 2, "intrabar", "trailing_stop", 88)]),
        ("with next_open the entry bar's close counts from the next bar on", NEXT_OPEN | TRAIL_10, [1, 0, 0],
         [ENTRY, (100, 121, 100, 120), (119, 119, 107, 110)], [("BUY", 1, 2, "intrabar", "trailing_stop", 108)]),
        ("of two stops the nearer one: the fixed", STOP_5 | TRAIL_10, [1, 0], [ENTRY, (99, 100, 89, 95)],
         [("BUY", 0, 1, "intrabar", "stop_loss", 95)]),
        ("of two stops the nearer one: the trailing", STOP_5 | TRAIL_10, [1, 0, 0], [ENTRY, (101, 121, 100, 120),
         (119, 119, 94, 110)], [("BUY", 0, 2, "intrabar", "trailing_stop", 108)]),
        ("of two stops at one level the fixed one is named", TRAIL_10 | {"stop_loss_pct": 10}, [1, 0],
         [ENTRY, (99, 100, 89, 95)], [("BUY", 0, 1, "intrabar", "stop_loss", 90)]),
        ("a stop comes before the same bar's sell", STOP_5, [1, -1], [ENTRY, (99, 100, 94, 96)],
         [("BUY", 0, 1, "intrabar", "stop_loss", 95)]),
        ("after a stop the same bar's buy opens again at its close", STOP_5, [1, 1, 0],
         [ENTRY, (99, 100, 94, 96), QUIET],
         [("BUY", 0, 1, "intrabar", "stop_loss", 95), ("BUY", 1, 2, "close", "end_of_data", 100)]),
        ("after a stop the same bar's sell opens a short at its close", SHORT | STOP_5, [1, -1, 0],
         [ENTRY, (99, 100, 94, 96), (96, 97, 95, 96)],
         [("BUY", 0, 1, "intrabar", "stop_loss", 95), ("SELL", 1, 2, "close", "end_of_data", 96)]),
        ("after a stop a later buy of the same streak opens again", STOP_5, [1, 0, 0, 1],
         [ENTRY, (99, 100, 94, 96), QUIET, QUIET],
         [("BUY", 0, 1, "intrabar", "stop_loss", 95), ("BUY", 3, 3, "close", "end_of_data", 100)]),
        ("with next_open the stop bar's buy opens at the next open", NEXT_OPEN | STOP_5, [1, 1, 0],
         [ENTRY, (100, 101, 94, 96), QUIET],
         [("BUY", 1, 1, "intrabar", "stop_loss", 95), ("BUY", 2, 2, "close", "end_of_data", 100)]),
        ("a waiting sell fills at the open, before the stop is touched", NEXT_OPEN | STOP_5, [1, -1, 0],
         [ENTRY, QUIET, (98, 99, 90, 92)], [("BUY", 1, 2, "open", "signal", 98)]),
        ("an open beyond the stop comes before a waiting sell", NEXT_OPEN | STOP_5, [1, -1, 0],
         [ENTRY, QUIET, (90, 99, 89, 92)], [("BUY", 1, 2, "open", "stop_loss", 90)]),
        ("an open beyond the target comes before a waiting sell and does not slip",
         NEXT_OPEN | TARGET_5 | SLIP_1, [1, -1, 0], [ENTRY, QUIET, (110, 111, 109, 110)],
         [("BUY", 1, 2, "open", "take_profit", 110)]),
        ("a waiting reversal still opens after the stop at its open", SHORT | NEXT_OPEN | STOP_5, [1, -1, 0],
         [ENTRY, QUIET, (90, 91, 89, 90)],
         [("BUY", 1, 2, "open", "stop_loss", 90), ("SELL", 2, 2, "close", "end_of_data", 90)]),
        ("a repeated buy before the stop's open was never an order", NEXT_OPEN | STOP_5, [1, 1, 0],
         [ENTRY, QUIET, (90, 91, 89, 90)], [("BUY", 1, 2, "open", "stop_loss", 90)]),
        ("a stop on the last bar closes", STOP_5, [1, 0, 0], [ENTRY, QUIET, (99, 100, 94, 96)],
         [("BUY", 0, 2, "intrabar", "stop_loss", 95)]),
    ],
)  # fmt: skip
def test_stops_fill_as_stated(rule, options, signals, bars, expected):
    engine = BacktestEngine(position_size=1_000, fee_rate=0, **options)

    result = engine.run(ohlc(bars), follow(signals), "TEST")

    assert trade_rows(result, *EXITS) == [row[:5] for row in expected]
    assert [trade.exit_price for trade in result.trades] == pytest.approx(
        [row[5] for row in expected], rel=1e-12
    )


@pytest.mark.parametrize("bars", [63, 64, 65, 319, 320, 321, 5_000])
def test_a_stop_is_found_however_late_it_comes(bars):
    """The search widens its window step by step: both sides of each step's edge."""
    rows = [ENTRY, (100, 120, 100, 120), *[(120, 121, 119, 120)] * bars, (119, 119, 100, 110)]

    result = BacktestEngine(trailing_stop_pct=10).run(
        ohlc(rows), follow([1] + [0] * (bars + 2)), "TEST"
    )

    assert trade_rows(result, "exit_bar", "exit_reason") == [(bars + 2, "trailing_stop")]
    assert result.trades[0].exit_price == pytest.approx(108)
