"""Texts for people: faults with their place, labels, the texts with values filled in."""

import pytest

from rules.catalog import RULES, check_params, checked_rule, complete_params
from rules.formula.examples import EXAMPLES
from rules.formula.text import filled_texts, free_names

FINE = "close > 1"
TEXTS = {"buy": "close > sma(close, n)", "sell": "close < sma(close, n)"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rsi(close, 14) and close > 1",
            "line 1, column 1: `rsi(close, 14)` is a number; `and` needs conditions",
        ),
        ("not rsi(close)", "line 1, column 5: `rsi(close)` is a number; `not` needs a condition"),
        (
            "close > higest(high, 5)",
            "column 9: there is no function `higest`; did you mean `highest`?",
        ),
        (
            "clse > 1",
            "column 1: `clse` has no value: set it as an input; did you mean `close`?",
        ),
        ("close > zzz", "column 9: `zzz` has no value: set it as an input\n"),
        ("sma > close", "column 1: `sma` is a function: sma(x, n)"),
        (
            "close(1) > 1",
            "column 1: `close` is a series, no function; that of n bars before is prev(close, n)",
        ),
        ("rsi(close, 2.5) > 1", "column 12: `2.5` is not a whole number of bars from 2 to 5,000"),
        (
            "rsi(close, 5 / 2) > 1",
            "column 12: `5 / 2`, which is 2.5, is not a whole number of bars",
        ),
        (
            "rsi(close, close) > 1",
            "`close` changes from bar to bar; `n` of rsi(x, n = 14) is one number",
        ),
        ("rsi(3) > 1", "`3` is the same on every bar; rsi(x, n = 14) needs a series"),
        ("sma(close) > 1", "column 1: 1 arguments given, but it is sma(x, n)"),
        (
            "macd_line(close, 30, 20) > 0",
            "column 1: fast is 30; must be less than slow, which is 20",
        ),
        (
            "close[1] > 1",
            "column 6: `[` has no meaning here: the value n bars before is prev(x, n)",
        ),
        ("close > 1 & open > 1", "column 11: `&` has no meaning here: write `and`"),
        (
            "close > 1\u202e",
            "column 10: the character U+202E is not accepted; formulas are plain ASCII text",
        ),
        ("close > 1e15", "column 9: `1e15` is too large; numbers are below 1e15"),
        ("close ** 2 > 1", "column 1: `close ** 2`: arithmetic is + - * / only"),
        ("close > open / (3 - 3)", "column 17: `open / (3 - 3)` divides by zero"),
        (
            "x = 3\nclose + x",
            "line 2, column 1: `close + x` is a number; the last line must be a condition",
        ),
        (
            "x = 3",
            "line 1, column 1: the last line must be a condition, such as close > sma(close, 200)",
        ),
        (
            "close > 1\nopen > 1",
            "line 1, column 1: lines before the last one read `name = expression`",
        ),
        (
            "close = 3\nopen > 1",
            "line 1, column 1: `close` has a meaning already; choose another name",
        ),
        ("close > 1\nand open > 1", "line 2, column 1: this is not expected here"),
        ("(close > 1", "column 1: '(' was never closed"),
    ],
)
def test_a_fault_says_where_it_is_and_what_was_expected(text, message):
    fault = check_params("FORMULA", {"buy": text, "sell": FINE})["params.buy"]

    assert message in fault + "\n"


def test_a_caret_stands_below_the_place():
    fault = check_params("FORMULA", {"buy": "x = 5\nclose > x and rsi(close)", "sell": FINE})[
        "params.buy"
    ]

    message, line, caret = fault.split("\n")
    assert message.startswith("line 2, column 15: ")
    assert line[caret.index("^") :] == "rsi(close)"


def test_a_caret_stands_below_the_place_of_a_long_line():
    fault = check_params("FORMULA", {"buy": f"{'close > 1 and ' * 30}opne > 1", "sell": FINE})[
        "params.buy"
    ]

    _, line, caret = fault.split("\n")
    assert len(line) <= 80
    assert line[caret.index("^") :] == "opne > 1"


def test_faults_of_both_texts_are_reported_together_but_for_names_that_buy_would_have_given():
    assert set(check_params("FORMULA", {"buy": "close >", "sell": "close <"})) == {
        "params.buy",
        "params.sell",
    }
    assert set(check_params("FORMULA", {"buy": "x = close >\nx > 1", "sell": "x < 1"})) == {
        "params.buy"
    }


def test_names_of_buy_are_known_in_sell():
    assert (
        check_params("FORMULA", {"buy": "x = sma(close, 5)\nclose > x", "sell": "close < x"})
        == {}
    )


def test_both_texts_are_required_once_a_param_is_given():
    assert set(check_params("FORMULA", {"buy": FINE})) == {"params.sell"}
    assert set(check_params("FORMULA", {"inputs": {}})) == {"params.buy", "params.sell"}


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"n": "5"}, "params.inputs.n"),
        ({"n": True}, "params.inputs.n"),
        ({"n": float("nan")}, "params.inputs.n"),
        ({"n": 10**400}, "params.inputs.n"),
        ({"n": {"value": 5, "min": 6}}, "params.inputs.n"),
        ({"n": {"value": 5, "max": 4}}, "params.inputs.n"),
        ({"n": {"min": 5}}, "params.inputs.n"),
        ({"n": {"value": 5, "step": 1}}, "params.inputs.n"),
        ({"n": 5, "close": 1}, "params.inputs.close"),
        ({"n": 5, "__class__": 1}, "params.inputs.__class__"),
        ({"n": 5, "a b": 1}, "params.inputs.a b"),
        ({"n": 5, "and": 1}, "params.inputs.and"),
        # nothing reads it, so a sweep of it would repeat one run
        ({"n": 5, "m": 1}, "params.inputs.m"),
        ({f"n{place}": 1 for place in range(13)}, "params.inputs"),
        ([5], "params.inputs"),
        ({"n": 2.5}, "params.buy"),
        ({}, "params.buy"),
    ],
)
def test_an_input_is_a_named_number_within_its_bounds(inputs, field):
    assert field in check_params("FORMULA", TEXTS | {"inputs": inputs})


def test_complete_params_have_plain_numbers():
    params = TEXTS | {"inputs": {"n": {"value": 5, "min": 2, "max": 9}}}

    assert check_params("FORMULA", params) == {}
    assert complete_params("FORMULA", params) == TEXTS | {"inputs": {"n": 5}}
    assert complete_params("FORMULA", {"buy": FINE, "sell": FINE})["inputs"] == {}


def test_a_label_has_the_inputs_and_tells_texts_apart():
    labels = [checked_rule("FORMULA", TEXTS | {"inputs": {"n": n}}).label for n in (5, 6)]
    other = checked_rule("FORMULA", {"buy": FINE, "sell": "close < 1"}).label

    assert [label.split("~")[0] for label in (*labels, other)] == [
        "FORMULA_5",
        "FORMULA_6",
        "FORMULA",
    ]
    assert labels[0].split("~")[1] == labels[1].split("~")[1] != other.split("~")[1]


def test_the_bars_that_a_formula_needs_are_counted_from_its_text():
    params = {"buy": "sma(prev(rsi(close, 14), 3), 10) > 50", "sell": "close > highest(high, 40)"}

    assert checked_rule("FORMULA", params).longest_lookback() == ("FORMULA", 39)
    assert checked_rule("FORMULA", params).warmup_bars() == 14 + 14 * 14 + 3 + 9
    assert checked_rule("FORMULA", {"buy": FINE, "sell": FINE}).longest_lookback() == (
        "FORMULA",
        0,
    )


def test_free_names_are_those_that_are_to_be_inputs():
    assert free_names(
        "x = sma(close, slow)\nx > fast * slow and foo(low) > 1", "close < x - limit"
    ) == [
        "slow",
        "fast",
        "limit",
    ]


def test_words_in_capitals_are_no_inputs_unless_they_are_given_a_value():
    text = "CLOSE > Sma(close, N)"

    assert free_names(text) == ["N"]
    assert check_params("FORMULA", {"buy": text, "sell": text, "inputs": {"N": 5}}) == {}
    assert (
        check_params("FORMULA", {"buy": text, "sell": text, "inputs": {"N": 5, "CLOSE": 5}}) == {}
    )
    assert (
        complete_params("FORMULA", {"buy": text, "sell": text, "inputs": {"N": 5}})["buy"] == text
    )


def test_filled_in_texts_have_values_in_place_of_names_but_not_in_comments_or_longer_names():
    params = {
        "buy": "# n is the window\nn2 = sma(close, n)\nclose > n2",
        "sell": "close < n * 2",
        "inputs": {"n": 2.5},
    }

    assert filled_texts(params) == {
        "buy": "# n is the window\nn2 = sma(close, 2.5)\nclose > n2",
        "sell": "close < 2.5 * 2",
    }


def test_the_defaults_are_the_first_example():
    assert complete_params("FORMULA", {}) == complete_params("FORMULA", EXAMPLES[0].params)
    assert RULES["FORMULA"].category == "formula"
