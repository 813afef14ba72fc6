"""Stored series come back as they were, within the digits that they are stored with."""

import json
import math
import random
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given

from adapters.metrics.curves import (
    AccountRates,
    cash_curve,
    drawdowns,
    portfolio_points,
    shares_held,
)
from adapters.runs.series import (
    TRADE_COLUMNS,
    decode_equity,
    decode_signals,
    decode_trades,
    encode_equity,
    encode_signals,
    encode_trades,
)
from engine.engine import BacktestEngine
from tests.engine.markets import cases, follow

RANDOM = random.Random(7)


def walk(start: float, bars: int) -> list[float]:
    values = [start]
    for _ in range(bars - 1):
        values.append(values[-1] * (1 + RANDOM.uniform(-0.02, 0.02)))
    return values


def seconds(*texts: str) -> np.ndarray:
    return np.array(texts, "M8[s]").astype(np.int64)


def daily(bars: int) -> np.ndarray:
    days = np.arange(np.datetime64("2000-03-01"), np.datetime64("2000-03-01") + 2 * bars)
    return days[np.is_busday(days)][:bars].astype("M8[s]").astype(np.int64)


def intraday(bars: int, minutes: int) -> np.ndarray:
    return seconds("2012-01-02T14:30:00") + np.arange(bars) * minutes * 3 * 60


@pytest.mark.parametrize("capital", [1e-6, 0.5, 99.0, 1_000.0, 100_000.0, 1e12])
def test_equity_comes_back_within_nine_digits_or_cents(capital: float) -> None:
    bars, equity = daily(500), walk(capital, 500)

    back_bars, back = decode_equity(encode_equity(bars, equity, "1d"))

    assert back_bars.tolist() == bars.tolist()
    tolerance = 0.006 if capital >= 1_000 else max(equity) * 1e-8
    assert max(abs(a - b) for a, b in zip(back, equity, strict=True)) <= tolerance


@pytest.mark.parametrize(("timeframe", "minutes"), [("1h", 60), ("5m", 5)])
def test_intraday_bars_come_back(timeframe: str, minutes: int) -> None:
    bars = np.append(intraday(40, minutes), seconds("2012-02-06T14:30:00"))

    back, _ = decode_equity(encode_equity(bars, walk(100_000.0, 41), timeframe))  # type: ignore[arg-type]

    assert back.tolist() == bars.tolist()


def test_a_single_bar_comes_back() -> None:
    times, equity = decode_equity(encode_equity(seconds("2004-01-02"), [100_000.0], "1d"))

    assert (times.tolist(), equity.tolist()) == (seconds("2004-01-02").tolist(), [100_000.0])


def test_thirteen_years_of_equity_take_less_than_27_kilobytes() -> None:
    assert len(encode_equity(daily(3270), walk(100_000.0, 3270), "1d")) < 27_000


def test_signals_come_back() -> None:
    signals = [RANDOM.choice([0, 0, 1, 1, -1]) for _ in range(300)]

    back = decode_signals(encode_signals(signals))

    assert back == [(bar, signal, None) for bar, signal in enumerate(signals) if signal]


def test_signals_of_an_older_run_come_back_with_the_prices_that_they_were_shown_with() -> None:
    stored = "[[4,1,2,3100,-5,12],[9,-1,4,9876],[10,-1,2,101]]"

    assert decode_signals(stored) == [
        (4, 1, 31.0),
        (5, 1, 30.95),
        (6, 1, 31.07),
        (9, -1, 0.9876),
        (10, -1, 1.01),
    ]


def test_no_signals_come_back_as_none() -> None:
    assert decode_signals(encode_signals([0, 0, 0])) == []


def test_trades_keep_ten_digits_and_of_prices_all_that_the_store_has() -> None:
    trade = dict.fromkeys(TRADE_COLUMNS, 1 / 3) | {"side": "BUY", "entry_bar": 4, "is_open": True}

    (back,), rejected, notes = decode_trades(
        encode_trades([trade], [{"reason": "no cash", "count": 2}], ["clipped"])
    )

    assert (back["pnl_abs"], back["entry_price"]) == (0.3333333333, 0.333333333333333)
    assert (back["side"], back["entry_bar"], back["is_open"]) == ("BUY", 4, True)
    assert (rejected, notes) == ([{"reason": "no cash", "count": 2}], ["clipped"])


@pytest.mark.parametrize(("clipped", "notes"), [("clipped", ["clipped"]), (None, [])])
def test_the_note_of_an_older_run_is_still_read(clipped: str | None, notes: list[str]) -> None:
    stored = json.dumps(
        {"columns": TRADE_COLUMNS, "rows": [], "rejected": [], "clipped": clipped}
    )

    assert decode_trades(stored) == ([], [], notes)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_none_are_never_stored(bad: float) -> None:
    trade = dict.fromkeys(TRADE_COLUMNS, bad)

    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_trades([trade], [], [])


def test_drawdown_is_measured_from_the_capital_or_a_later_peak() -> None:
    assert drawdowns(np.array([100.0, 90.0, 110.0, 55.0, 120.0])).tolist() == [
        0.0,
        0.1,
        0.0,
        0.5,
        0.0,
    ]


def test_cash_follows_from_the_trades() -> None:
    trade = {
        "side": "BUY", "size": 10, "entry_bar": 1, "entry_price": 5.0, "entry_fees": 0.5,
        "exit_bar": 2, "exit_price": 6.0, "exit_fees": 0.6, "exit_reason": "signal", "is_open": False,
    }  # fmt: skip

    bars, equity = daily(3), np.array([100.0, 99.5, 108.9])

    cash = cash_curve(bars, equity, [trade], 100.0, AccountRates())

    assert cash == pytest.approx([100.0, 49.5, 108.9])
    assert [point["position"] for point in portfolio_points(["a", "b", "c"], equity, cash)] == [
        0.0,
        50.0,
        0.0,
    ]


def test_cash_also_follows_from_equity_where_there_are_rates() -> None:
    short = {
        "side": "SELL", "size": 10, "entry_bar": 1, "entry_price": 5.0, "entry_fees": 0.0, "is_open": True,
    }  # fmt: skip
    bars = seconds("2021-01-01", "2022-01-01", "2023-01-01")

    cash = cash_curve(
        bars,
        np.array([100.0, 105.0, 85.0]),
        [short],
        100.0,
        AccountRates(borrow_rate=0.02, cash_rate=0.05),
    )

    assert cash == pytest.approx([100.0, 155.0, 155.0 + 105 * 0.05 - 50 * 0.02])


def test_a_position_of_nothing_has_no_sign() -> None:
    [point] = portfolio_points(["a"], np.array([100.0 - 1e-9]), np.array([100.0]))

    assert str(point["position"]) == "0.0"


@given(cases())
def test_shares_held_follow_from_the_trades_to_the_last_bit(case) -> None:
    prices, signals, settings = case
    result = BacktestEngine(**settings).run(prices, follow(signals))

    shares = shares_held([asdict(trade) for trade in result.trades], len(signals))

    assert shares.tolist() == result.shares_curve.tolist()
