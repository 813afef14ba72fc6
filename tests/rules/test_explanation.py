"""Explanation of a rule: lines, and conditions whose truths are its signals."""

import numpy as np
import pytest

from adapters.runs.explanations import RunLines, counted
from rules.arrays import levels
from rules.catalog import complete_params
from rules.explanation import MAX_LINES, Explanation
from rules.language import EXAMPLES
from rules.prices import Prices
from rules.registry import build_rule
from tests.rules.loops import EVALUATED, naming
from tests.rules.test_rules import random_params

TICKERS = ("AAPL", "GOOG", "IBM", "MSFT", "FB")
DRAWS = 6
VOTES = [
    {"mode": mode, "rules": [{"rule_type": name} for name in names]}
    for mode in ("all", "any", "majority")
    for names in (("RSI", "MACD"), ("ATR", "BOLLINGER", "TREND"))
]


def cases(rule_type):
    if rule_type == "COMPOSITE":
        return VOTES
    if rule_type == "FORMULA":
        return [example.params for example in EXAMPLES if "month" not in example.buy]
    return [
        complete_params(rule_type, {}),
        *(random_params(rule_type, seed) for seed in range(DRAWS)),
    ]


def explained(rule_type, params, prices, first_bar=0):
    return Explanation(build_rule(rule_type, params), Prices(prices), first_bar)


def signals_of(explanation):
    """The signals that both conditions make together."""
    buy, sell = (
        explanation.truths[explanation.head[side]["truth"]] > 0 for side in ("buy", "sell")
    )
    return levels(buy, sell)


@pytest.mark.parametrize("rule_type", EVALUATED)
def test_the_conditions_of_a_rule_give_its_signals(rule_type, real_ohlcv):
    signalled = 0

    for ticker in TICKERS:
        for params in cases(rule_type):
            with naming(ticker=ticker, params=params):
                explanation = explained(rule_type, params, real_ohlcv(ticker))
                signals = build_rule(rule_type, params).generate_signals(real_ohlcv(ticker))
                np.testing.assert_array_equal(signals_of(explanation), signals)
                signalled += np.count_nonzero(signals)

    assert signalled > 100


@pytest.mark.parametrize("rule_type", EVALUATED)
def test_an_explanation_from_a_bar_on_is_the_rest_of_the_whole(rule_type, real_ohlcv):
    params, prices = cases(rule_type)[0], real_ohlcv("IBM")

    whole, late = explained(rule_type, params, prices), explained(rule_type, params, prices, 1000)

    for before, after in zip(
        [*whole.values, *whole.truths], [*late.values, *late.truths], strict=True
    ):
        np.testing.assert_array_equal(before[1000:], after)


LINES = {
    "RSI": [("RSI(14)", "below", "RSI(14)", [30, 70])],
    "MACD": [
        ("MACD(12, 26, 9)", "below", "MACD(12, 26, 9)", []),
        ("MACD signal(12, 26, 9)", "below", "MACD(12, 26, 9)", []),
    ],
    "MA_CROSS": [("SMA(20)", "price", "price", []), ("SMA(50)", "price", "price", [])],
    "BOLLINGER": [
        ("lower band(20, 2)", "price", "price", []),
        ("upper band(20, 2)", "price", "price", []),
    ],
    "VOLUME": [
        ("2 * prev(SMA(volume, 20))", "below", "volume", []),
        ("prev(close)", "price", "price", []),
    ],
    "TREND": [
        ("ADX(14)", "below", "ADX(14)", [25]),
        ("+DI(14)", "below", "+DI(14)", []),
        ("-DI(14)", "below", "+DI(14)", []),
    ],
    "ATR": [("line of fall", "price", "price", []), ("line of rise", "price", "price", [])],
    "BREAKOUT": [
        ("prev(highest(close, 50))", "price", "price", []),
        ("prev(lowest(close, 50))", "price", "price", []),
    ],
    "MEAN_REVERSION": [
        ("last return", "below", "last return", []),
        ("unusually low", "below", "last return", []),
        ("unusually high", "below", "last return", []),
    ],
}


@pytest.mark.parametrize("rule_type", LINES)
def test_a_rule_names_its_lines_their_panes_and_levels(rule_type, real_ohlcv):
    explanation = explained(rule_type, {}, real_ohlcv("IBM"))

    stored = [line for line in explanation.head["lines"] if "column" not in line]
    assert [
        (line["name"], line["pane"], line["group"], line["levels"]) for line in stored
    ] == LINES[rule_type]
    assert len(explanation.values) == len(explanation.head["lines"])


FORMULAS = {
    "close > open + 2 * (high - low)": [("open + 2 * (high - low)", "price")],
    "rsi(close, 14) - rsi(open, 7) > 5": [("RSI(14) - RSI(open, 7)", "below")],
    "stop = highest(high, 22) - 3 * atr(22)\nclose < stop": [("stop", "price")],
    "atr(20) / close < 0.04": [("ATR(20) / close", "below")],
    "bars_since(close > sma(close, 50) and volume > 5) < 10": [
        ("bars_since(close > SMA(50) and volume > 5)", "below"),
        ("SMA(50)", "price"),
    ],
    "volume > close": [],
}


@pytest.mark.parametrize("text", FORMULAS)
def test_lines_of_a_formula_are_what_it_compares_under_the_names_that_it_gives(text, real_ohlcv):
    explanation = explained(
        "FORMULA", {"buy": text, "sell": "close < 0", "inputs": {}}, real_ohlcv("IBM")
    )

    stored = [
        (line["name"], line["pane"]) for line in explanation.head["lines"] if "column" not in line
    ]
    assert stored == FORMULAS[text]


def test_a_condition_says_how_often_it_held_and_how_close_it_came(real_ohlcv):
    prices = real_ohlcv("AAPL")
    explanation = explained("RSI", {"oversold": 5.0}, prices)

    buy = counted(RunLines(explanation.head, explanation.values, explanation.truths))["buy"]
    strength = explanation.values[0]
    has_value = ~np.isnan(strength)
    closest = int(np.nanargmin(strength))
    assert (buy["true"], buy["unknown"]) == (0, 14)
    assert buy["nearest"] == [closest, strength[closest], 5.0]
    assert buy["unknown"] == np.count_nonzero(~has_value)


def test_a_formula_that_compares_too_much_keeps_the_names_of_the_rest(real_ohlcv):
    many = " and ".join(f"close > sma(close, {bars})" for bars in range(2, MAX_LINES + 6))
    explanation = explained(
        "FORMULA", {"buy": many, "sell": "close < 0", "inputs": {}}, real_ohlcv("IBM")
    )

    assert len(explanation.head["lines"]) == MAX_LINES
    assert explanation.head["buy"]["of"][-1]["of"] == [
        {"line": 0},
        {"text": f"SMA({MAX_LINES + 5})"},
    ]
