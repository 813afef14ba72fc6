"""A built-in rule written as a formula gives the same signals, bit for bit."""

import numpy as np
import pytest

from rules.catalog import complete_params
from rules.language import free_names
from rules.registry import build_rule
from tests.rules.formulas import formula
from tests.rules.loops import SINGLE, naming
from tests.rules.test_rules import random_params

TICKERS = ("AAPL", "GOOG", "IBM", "MSFT", "FB")
DRAWS = 12


def as_formula(rule_type, params):
    """FORMULA with the conditions that the rule says are its own."""
    rule = build_rule(rule_type, params)
    used = {
        name: value
        for name, value in rule.inputs().items()
        if name in free_names(*rule.conditions())
    }
    return formula(*rule.conditions(), **used)


@pytest.mark.parametrize("rule_type", SINGLE)
def test_a_rule_written_as_a_formula_gives_the_same_signals(rule_type, real_ohlcv):
    params = [
        complete_params(rule_type, {}),
        *(random_params(rule_type, seed) for seed in range(DRAWS)),
    ]
    tried = [(each, build_rule(rule_type, each), as_formula(rule_type, each)) for each in params]
    signalled = 0

    for ticker in TICKERS:
        ohlcv = real_ohlcv(ticker)
        for each, rule, written in tried:
            with naming(ticker=ticker, params=each):
                signals = rule.generate_signals(ohlcv)
                np.testing.assert_array_equal(written.generate_signals(ohlcv), signals)
                signalled += np.count_nonzero(signals)

    assert signalled > 100


# bars before the first one on which all of the rule has values, by hand
LOOKBACKS = {
    "RSI": lambda p: p["period"],
    "MACD": lambda p: p["slow"] + p["signal"] - 1,
    "RSI_MACD": lambda p: max(p["period"], p["slow"] + p["signal"] - 1),
    "MA_CROSS": lambda p: p["slow"],
    "BOLLINGER": lambda p: p["period"] - 1,
    "VOLUME": lambda p: p["period"],
    "TREND": lambda p: 2 * p["period"] - 1,
    "ATR": lambda p: p["period"] + 1,
    "MOMENTUM": lambda p: p["lookback"],
    "VALUE": lambda p: p["lookback"] + p["average"] // 2,
    "MEAN_REVERSION": lambda p: p["lookback"] + p["window"] - 1,
    "BREAKOUT": lambda p: p["lookback"],
}


@pytest.mark.parametrize("rule_type", LOOKBACKS)
def test_a_rule_looks_back_as_far_as_its_conditions(rule_type):
    for params in (
        complete_params(rule_type, {}),
        *(random_params(rule_type, seed) for seed in range(DRAWS)),
    ):
        with naming(params=params):
            assert build_rule(rule_type, params).lookback() == LOOKBACKS[rule_type](params)


def test_a_vote_written_as_a_formula_gives_the_same_signals(real_ohlcv):
    vote = build_rule("COMPOSITE", {"mode": "all"})
    stances = (
        "cheap = latest(rsi(close, 14) < 30, rsi(close, 14) > 70)\n"
        "up = latest(crosses_above(macd_line(close), macd_signal(close)), "
        "crosses_below(macd_line(close), macd_signal(close)))\n"
    )
    written = formula(f"{stances}cheap and up", "not cheap and not up")

    for ticker in TICKERS:
        with naming(ticker=ticker):
            signals = vote.generate_signals(real_ohlcv(ticker))
            np.testing.assert_array_equal(written.generate_signals(real_ohlcv(ticker)), signals)
            assert np.count_nonzero(signals)
