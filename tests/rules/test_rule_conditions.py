"""Each rule against its condition, read bar by bar off TA-Lib's indicators in plain Python."""

import numpy as np
import pytest
import talib

from rules.registry import build_rule
from tests.rules.loops import SINGLE, naming

TICKERS = ("AAPL", "GOOG", "IBM", "MSFT")


def crosses(line, other, bar):
    """1, -1 or 0: whether `line` crosses `other` between the bar before and `bar`."""
    if bar == 0 or np.isnan([line[bar - 1], other[bar - 1]]).any():
        return 0
    if line[bar - 1] <= other[bar - 1] and line[bar] > other[bar]:
        return 1
    return -1 if line[bar - 1] >= other[bar - 1] and line[bar] < other[bar] else 0


def by_bar(bars, say):
    return [say(bar) for bar in range(bars)]


def expected_rsi(ohlcv, period=14, oversold=30.0, overbought=70.0):
    strength = talib.RSI(ohlcv["Close"], period)
    return by_bar(
        strength.size, lambda bar: int(strength[bar] < oversold) - int(strength[bar] > overbought)
    )


def expected_macd(ohlcv, fast=12, slow=26, signal=9):
    line, signal_line, _ = talib.MACD(ohlcv["Close"], fast, slow, signal)
    return by_bar(line.size, lambda bar: crosses(line, signal_line, bar))


def expected_rsi_macd(ohlcv, overbought=70.0):
    strength, macd_crosses = talib.RSI(ohlcv["Close"], 14), expected_macd(ohlcv)

    def say(bar):
        if macd_crosses[bar] == 1 and strength[bar] < overbought:
            return 1
        return -1 if macd_crosses[bar] == -1 or strength[bar] > overbought else 0

    return by_bar(strength.size, say)


def expected_ma_cross(ohlcv, fast=20, slow=50, kind="sma"):
    average = talib.SMA if kind == "sma" else talib.EMA
    quick, steady = average(ohlcv["Close"], fast), average(ohlcv["Close"], slow)
    return by_bar(quick.size, lambda bar: crosses(quick, steady, bar))


def expected_bollinger(ohlcv, period=20, width=2.0):
    close = ohlcv["Close"]
    upper, _, lower = talib.BBANDS(close, period, width, width)
    return by_bar(
        close.size, lambda bar: int(close[bar] < lower[bar]) - int(close[bar] > upper[bar])
    )


def expected_volume(ohlcv, period=20, multiple=2.0):
    close, volume = ohlcv["Close"], ohlcv["Volume"]

    def say(bar):
        if bar < period or volume[bar] <= multiple * volume[bar - period : bar].mean():
            return 0
        return int(np.sign(close[bar] - close[bar - 1]))

    return by_bar(close.size, say)


def expected_trend(ohlcv, period=14, threshold=25.0):
    columns = ohlcv["High"], ohlcv["Low"], ohlcv["Close"]
    strength, plus, minus = (
        f(*columns, period) for f in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)
    )
    return by_bar(
        strength.size, lambda bar: crosses(plus, minus, bar) if strength[bar] > threshold else 0
    )


def expected_atr(ohlcv, period=14, multiple=3.0):
    close, reach = (
        ohlcv["Close"],
        multiple * talib.ATR(ohlcv["High"], ohlcv["Low"], ohlcv["Close"], period),
    )
    signals, direction = [0] * close.size, 0
    for bar in range(period, close.size):
        window = close[bar - period + 1 : bar + 1]
        above, below = (
            close[bar] > window.min() + reach[bar],
            close[bar] < window.max() - reach[bar],
        )
        before = direction
        if above and below:
            direction = -direction
        elif above or below:
            direction = 1 if above else -1
        signals[bar] = direction if direction == -before else 0
    return signals


def expected_momentum(ohlcv, lookback=126, skip=5, threshold=0.0):
    close = ohlcv["Close"]

    def say(bar):
        if bar < lookback:
            return 0
        past_return_pct = (close[bar - skip] / close[bar - lookback] - 1) * 100
        return int(past_return_pct > threshold) - int(past_return_pct < -threshold)

    return by_bar(close.size, say)


def expected_value(ohlcv, lookback=756, average=126, threshold=20.0):
    close = ohlcv["Close"]

    def say(bar):
        first = bar - lookback - average // 2
        if first < 0:
            return 0
        gap_pct = (close[first : first + average].mean() / close[bar] - 1) * 100
        return int(gap_pct > threshold) - int(gap_pct < -threshold)

    return by_bar(close.size, say)


def expected_mean_reversion(ohlcv, lookback=5, window=60, threshold=1.5):
    close = ohlcv["Close"]

    def say(bar):
        if bar < lookback + window - 1:
            return 0
        ends = range(bar - window + 1, bar + 1)
        returns = np.array([close[end] / close[end - lookback] - 1 for end in ends])
        score = (returns[-1] - returns.mean()) / returns.std()
        return int(score < -threshold) - int(score > threshold)

    return by_bar(close.size, say)


def expected_breakout(ohlcv, lookback=50, band=0.0):
    close = ohlcv["Close"]

    def say(bar):
        before = close[bar - lookback : bar] if bar >= lookback else np.array([np.nan])
        high, low = before.max() * (1 + band / 100), before.min() * (1 - band / 100)
        return int(close[bar] > high) - int(close[bar] < low)

    return by_bar(close.size, say)


CASES = [
    ("RSI", expected_rsi, {}),
    ("RSI", expected_rsi, {"period": 5, "oversold": 20.0, "overbought": 85.0}),
    ("MACD", expected_macd, {}),
    ("MACD", expected_macd, {"fast": 5, "slow": 40, "signal": 3}),
    ("RSI_MACD", expected_rsi_macd, {}),
    ("RSI_MACD", expected_rsi_macd, {"overbought": 60.0}),
    ("MA_CROSS", expected_ma_cross, {}),
    ("MA_CROSS", expected_ma_cross, {"fast": 5, "slow": 10, "kind": "ema"}),
    ("BOLLINGER", expected_bollinger, {}),
    ("BOLLINGER", expected_bollinger, {"period": 50, "width": 1.5}),
    ("VOLUME", expected_volume, {}),
    ("VOLUME", expected_volume, {"period": 5, "multiple": 1.2}),
    ("TREND", expected_trend, {}),
    ("TREND", expected_trend, {"period": 7, "threshold": 15.0}),
    ("ATR", expected_atr, {}),
    ("ATR", expected_atr, {"period": 20, "multiple": 0.5}),
    ("ATR", expected_atr, {"period": 5, "multiple": 1.5}),
    ("MOMENTUM", expected_momentum, {}),
    ("MOMENTUM", expected_momentum, {"lookback": 60, "skip": 0, "threshold": 10.0}),
    ("VALUE", expected_value, {}),
    ("VALUE", expected_value, {"lookback": 126, "average": 252, "threshold": 5.0}),
    ("VALUE", expected_value, {"lookback": 300, "average": 21, "threshold": 0.0}),
    ("MEAN_REVERSION", expected_mean_reversion, {}),
    (
        "MEAN_REVERSION",
        expected_mean_reversion,
        {"lookback": 21, "window": 250, "threshold": 1.0},
    ),
    ("BREAKOUT", expected_breakout, {}),
    ("BREAKOUT", expected_breakout, {"lookback": 20, "band": 1.0}),
]


@pytest.mark.parametrize("rule_type", dict.fromkeys(rule_type for rule_type, _, _ in CASES))
def test_a_rule_signals_where_its_condition_holds(rule_type, real_ohlcv):
    for name, expected, params in CASES:
        if name != rule_type:
            continue
        for ticker in TICKERS:
            with naming(ticker=ticker, params=params):
                ohlcv = real_ohlcv(ticker)
                signals = build_rule(rule_type, params).generate_signals(ohlcv).tolist()
                assert signals == expected(ohlcv, **params)
                assert {1, -1} & set(signals), "these prices do not exercise the rule"


def test_every_rule_that_is_no_vote_and_no_text_has_its_condition_here():
    assert {rule_type for rule_type, _, _ in CASES} == set(SINGLE)


def expected_vote(mode, members):
    bars, stances = len(members[0]), [[] for _ in members]
    for bar in range(bars):
        for stance, signals in zip(stances, members, strict=True):
            stance.append(signals[bar] or (stance[-1] if stance else 0))
    votes, latest = [], 0
    for bar in range(bars):
        now = [stance[bar] for stance in stances]
        turned = sum(stance[bar] for stance in stances if bar and stance[bar] != stance[bar - 1])
        latest = (turned > 0) - (turned < 0) or latest
        needed = {"all": len(now), "majority": len(now) // 2 + 1}.get(mode)
        if needed is None:
            votes.append(latest)
        else:
            votes.append(int(now.count(1) >= needed) - int(now.count(-1) >= needed))
    return votes


@pytest.mark.parametrize("mode", ["all", "any", "majority"])
def test_a_composite_is_the_vote_of_its_members_stances(mode, real_ohlcv):
    ohlcv = real_ohlcv("IBM")
    names = ["RSI", "MACD", "MA_CROSS", "ATR", "BOLLINGER"]
    members = [build_rule(name).generate_signals(ohlcv).tolist() for name in names]

    for size in (2, 3, 4, 5):
        rule = build_rule(
            "COMPOSITE", {"mode": mode, "rules": [{"rule_type": name} for name in names[:size]]}
        )
        signals = rule.generate_signals(ohlcv).tolist()
        with naming(size=size):
            assert signals == expected_vote(mode, members[:size])
            assert {1, -1} <= set(signals)


def test_the_first_direction_of_atr_is_no_signal_and_the_first_reversal_is():
    # a rise begins on bar 6, and ends on bar 8
    close = np.array([10.0] * 6 + [20.0, 21.0, 10.0, 9.0])
    ohlc = {"High": close + 0.5, "Low": close - 0.5, "Close": close}

    signals = build_rule("ATR", {"period": 3, "multiple": 1.0}).generate_signals(ohlc)

    assert signals.tolist() == [0, 0, 0, 0, 0, 0, 0, 0, -1, 0]


def test_a_halted_stock_makes_no_average_cross():
    ramp = 20.0 + 0.07 * np.arange(60)
    close = np.concatenate([ramp, np.full(2000, 24.13)])

    signals = build_rule("MA_CROSS", {"fast": 5, "slow": 30}).generate_signals({"Close": close})

    assert not signals[60 + 30 :].any()


@pytest.mark.parametrize(
    "rule_type",
    [
        "RSI",
        "MACD",
        "MA_CROSS",
        "BOLLINGER",
        "VOLUME",
        "TREND",
        "ATR",
        "MEAN_REVERSION",
        "BREAKOUT",
    ],
)
def test_flat_prices_give_no_signal(rule_type):
    flat = dict.fromkeys(("Open", "High", "Low", "Close", "Volume"), np.full(600, 0.1))

    assert not build_rule(rule_type).generate_signals(flat).any()
