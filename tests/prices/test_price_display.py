"""A price is the same wherever it is shown."""

import pytest

from adapters.metrics.curves import signal_points, trade_rows
from adapters.prices.bars import PriceBars, candles
from adapters.prices.reading import Meaning, read_prices
from adapters.runs.series import (
    decode_signals,
    decode_trades,
    encode_signals,
    encode_trades,
)
from tests.prices.test_series import content

DAYS = ["2024-01-02", "2024-01-03"]


def bars_at(*prices: str) -> PriceBars:
    lines = (
        f"{day},{price},{price},{price},{price},1"
        for day, price in zip(DAYS, prices, strict=True)
    )
    return read_prices(content(*lines), Meaning(timeframe="1d")).bars


@pytest.mark.parametrize(
    "text", ["10.125", "1.03456", "31", "0.00001234", "98765.12345678", "1234567.89012345"]
)
def test_trade_signal_and_candle_have_the_price_of_the_file(text: str) -> None:
    price = float(text)
    trade = dict.fromkeys(("size", "entry_fees", "exit_fees", "pnl_abs", "pnl_pct", "mae_pct", "mfe_pct"), 1.0) | {
        "side": "BUY", "entry_bar": 0, "entry_at": "close", "entry_price": price, "exit_bar": 1, "exit_at": "close",
        "exit_price": price, "exit_reason": "signal", "is_open": False,
    }  # fmt: skip

    rows = candles(bars_at(text, text))
    (row,) = trade_rows(
        decode_trades(encode_trades([trade], [], []))[0], bars_at(text, text).times, "1d"
    )
    (point,) = signal_points(DAYS, decode_signals(encode_signals([1, 0])), rows)

    assert row["entry_price"] == row["exit_price"] == point["price"] == rows[0]["close"] == price


@pytest.mark.parametrize(
    ("prices", "decimals"),
    [
        (("10", "12"), 2),
        (("10.5", "12"), 2),
        (("1.03456", "1.0345"), 5),
        (("0.00001234", "1"), 8),
        (("100", "200"), 2),
    ],
)
def test_prices_are_shown_with_the_decimals_that_they_have(
    prices: tuple[str, str], decimals: int
) -> None:
    assert bars_at(*prices).decimals == decimals
