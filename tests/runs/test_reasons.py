"""Conditions of a bar in words: what is false, what is not known, and what held last."""

import numpy as np
import pytest

from adapters.runs.explanations import BarState, RunLines, condition_summaries, counted
from rules.explanation import Explanation
from rules.prices import Prices
from rules.registry import build_rule
from tests.engine.markets import flat

PRICES = flat([10.0, 11.0, 12.0, 11.0, 10.0]) | {"Volume": np.ones(5)}


def explained(buy: str) -> Explanation:
    params = {"buy": buy, "sell": "close > 99", "inputs": {}}
    return Explanation(build_rule("FORMULA", params), Prices(PRICES))


def test_of_what_must_not_hold_the_opposite_is_what_is_wanted() -> None:
    lines = explained("not (close < 11 or close > 99)")

    head = counted(RunLines(lines.head, lines.values, lines.truths))
    parts = condition_summaries(head, ["a bar"] * 5)[:2]

    assert [(each["words"], each["true"]) for each in parts] == [
        ("close ≥ 11", 3),
        ("close ≤ 99", 5),
    ]


@pytest.mark.parametrize(
    ("buy", "bar", "words"),
    [
        (
            "latest(not (close < prev(close, 1)), close < 0)",
            3,
            "close ≥ prev(close) held last",
        ),
        (
            "latest(not crosses_above(close, 11.5), close < 0)",
            2,
            "not(close crosses above 11.5) held last",
        ),
        (
            "not (close > 11 and close > open or close == 11)",
            2,
            "close 12 ≠ 11, but close 12 > 11 and close 12 > open 11",
        ),
        (
            "latest(close > 20, close < 2)",
            1,
            "whether close > 20 or close < 2 held last is unknown",
        ),
        ("latest(close > 11, close < 2)", 2, "close 12 > 11"),
        ("latest(close > 11, close < 2)", 3, "close > 11 held last"),
        ("above_for(close > prev(close, 1), 2)", 2, "close 12 > prev(close) 11 for 2 bars"),
        ("above_for(close > 9, 2) and close > 99", 1, "close 11 > 9 for 2 bars, but "),
        (
            "becomes(close > prev(close, 1))",
            1,
            "close 11 > prev(close) 10, unknown on the bar before",
        ),
        ("becomes(close > prev(close, 1))", 2, "close 12 > prev(close) 11, as on the bar before"),
    ],
)
def test_a_condition_says_no_more_than_is_known(buy: str, bar: int, words: str) -> None:
    lines = explained(buy)

    state = BarState(
        lines.head["lines"],
        lambda line: lines.values[line].item(bar),
        lambda truth: lines.truths[truth].item(bar),
    )
    explanation = state.explain(lines.head["buy"])

    assert words in explanation
    assert explanation.endswith(words) or words.endswith(", but ")
