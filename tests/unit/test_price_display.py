"""A price looks the same wherever it is shown."""

from datetime import date

import pytest

from adapters.prices.candles import candles
from adapters.prices.reading import Meaning, read_prices
from adapters.results.curves import trade_rows
from adapters.results.stored_series import decode_signals, encode_signals
from tests.prices.test_series import content


@pytest.mark.parametrize(("price", "shown"), [(10.125, 10.13), (10.375, 10.38), (0.00625, 0.0063), (31.0, 31.0)])
def test_trade_and_signal_show_one_price_and_the_candle_has_the_stored_one(price: float, shown: float) -> None:
    bars = [f"2024-01-0{day},{price},{price},{price},{price},1" for day in (2, 3)]
    held = read_prices(content(*bars), Meaning(timeframe="1d")).bars
    trade = dict.fromkeys(("size", "entry_fees", "exit_fees", "pnl_abs", "pnl_pct"), 1.0) | {
        "side": "BUY", "entry_bar": 0, "entry_at": "close", "entry_price": price, "exit_bar": 1, "exit_at": "close",
        "exit_price": price, "exit_reason": "signal", "is_open": False,
    }  # fmt: skip

    (candle, _) = candles(held, date(2024, 1, 1), date(2024, 1, 9))
    (row,) = trade_rows([trade], ["2024-01-02", "2024-01-03"], "1d")
    ((_, _, signalled),) = decode_signals(encode_signals([1], [price]))

    assert row["entry_price"] == row["exit_price"] == signalled == shown
    assert candle["close"] == price
