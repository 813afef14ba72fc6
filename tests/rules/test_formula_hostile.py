"""Whatever text comes: it is a rule, or it is refused with its place, in milliseconds, and never evaluated."""

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.catalog import check_params
from rules.formula.functions import FUNCTIONS, SERIES
from rules.formula.limits import MAX_CHARACTERS
from rules.registry import build_rule
from tests.rules.hostile_formulas import HOSTILE
from tests.rules.loops import naming

FINE = "close > sma(close, 5)"
LONGEST_S = 0.5  # of the processor for the slowest of them; they take a few milliseconds
unhurried = settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
SIGNS = list("()+-*/<>=,.:[]{}'\"#@%;_\\\n") + ["<=", ">=", "==", "!=", "**", "//", ":="]
OTHERS = [
    "and",
    "or",
    "not",
    "if",
    "else",
    "for",
    "in",
    "is",
    "lambda",
    "import",
    "n",
    "1",
    "0.5",
    "1e999",
]
WORDS = [*SERIES, *FUNCTIONS, *SIGNS, *OTHERS]


def faults_of(buy, sell=FINE):
    return check_params("FORMULA", {"buy": buy, "sell": sell})


def test_every_hostile_formula_is_refused_with_its_place_and_fast():
    assert len(set(HOSTILE)) >= 200

    for text in HOSTILE:
        with naming(text=text[:100]):
            began = time.thread_time()
            faults = faults_of(text)
            took = time.thread_time() - began

            assert list(faults) == ["params.buy"]
            assert "line " in faults["params.buy"] or len(text) > MAX_CHARACTERS
            assert len(faults["params.buy"]) < 500
            assert took < LONGEST_S


def test_ten_megabytes_of_text_are_refused_unread():
    assert faults_of("close > 1 and " * 750_000) == {
        "params.buy": "a text of 10,500,000 characters is not a text of at most 2,000 characters"
    }


def test_names_upon_names_stay_as_few_as_they_are_written():
    lines = ["a0 = close", *(f"a{n + 1} = a{n} + a{n}" for n in range(38)), "a38 > 1"]
    rule = build_rule("FORMULA", {"buy": "\n".join(lines), "sell": FINE})

    assert len(rule.formula.nodes) == 1 + 38 + 1 + 2


@unhurried
@given(text=st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_any_text_is_explained_or_usable(text):
    faults = faults_of(text)

    assert set(faults) <= {"params.buy"}
    if not faults:
        assert build_rule("FORMULA", {"buy": text, "sell": FINE}).lookback() >= 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "min", "max", "n", "close"]) | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@unhurried
@given(inputs=JSON)
def test_any_inputs_are_explained_or_usable(inputs):
    params = {"buy": "close > n", "sell": FINE, "inputs": inputs}

    faults = check_params("FORMULA", params)

    assert all(field.startswith("params.") and message for field, message in faults.items())
    if not faults:
        assert list(build_rule("FORMULA", params).params["inputs"]) == ["n"]
