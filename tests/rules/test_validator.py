"""The validator finds nothing in the catalog's rules, and each kind of broken promise in a rule that breaks it."""

import re

import numpy as np
import pytest

from rules.base import BaseRule
from rules.catalog import RULES
from rules.parameters import RuleSpec, bars
from rules.registry import build_rule
from rules.technical import RsiRule
from rules.validator import RuleValidator
from tests.rules.loops import EVALUATED


@pytest.fixture(scope="module")
def validator(real_ohlcv):
    return RuleValidator(real_ohlcv("GOOG"))


def checks(findings):
    return [finding.check for finding in findings]


@pytest.mark.parametrize("rule_type", EVALUATED)
def test_the_catalogs_rules_keep_their_promises(rule_type, validator):
    assert validator.validate(build_rule(rule_type)) == []


class PeeksAtTomorrow(RsiRule):
    def signals(self, prices):
        return np.roll(super().signals(prices), -1)


class PeeksAtTheEnd(RsiRule):
    def signals(self, prices):
        return (prices["Close"] < prices["Close"].mean()).astype(np.int8)


class ReturnsFloats(RsiRule):
    def signals(self, prices):
        return super().signals(prices).astype(float)


class ReturnsAList(RsiRule):
    def signals(self, prices):
        return super().signals(prices).tolist()


class ReturnsTooFew(RsiRule):
    def signals(self, prices):
        return super().signals(prices)[1:]


class ReturnsTwos(RsiRule):
    def signals(self, prices):
        return super().signals(prices) * np.int8(2)


class Remembers(RsiRule):
    calls = 0

    def signals(self, prices):
        self.calls += 1
        return np.roll(super().signals(prices), self.calls)


class DependsOnChance(RsiRule):
    rng = np.random.default_rng(1)

    def signals(self, prices):
        return self.rng.integers(-1, 2, prices["Close"].size).astype(np.int8)


@pytest.mark.parametrize(
    ("broken", "check", "words"),
    [
        (PeeksAtTomorrow, "look_ahead", "changes when the bars after"),
        (PeeksAtTheEnd, "look_ahead", "changes when the bars after"),
        (
            ReturnsFloats,
            "signals",
            r"the signals are float64; must be an array of int8, as signals.astype\(np.int8\) is",
        ),
        (ReturnsAList, "signals", "the signals are list; must be an array of int8"),
        (ReturnsTooFew, "signals", r"the shape of the signals is \(2147,\); must be \(2148,\)"),
        (ReturnsTwos, "signals", "must be 1 .buy., -1 .sell. or 0"),
        (Remembers, "determinism", "a second call of the rule gives other signals"),
        (DependsOnChance, "determinism", "gives other signals"),
    ],
)
def test_a_broken_promise_is_found_and_named(broken, check, words, validator):
    findings = validator.validate(broken({}))

    messages = [finding.message for finding in findings if finding.check == check]
    assert messages, checks(findings)
    assert any(re.search(words, message) for message in messages)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (ReturnsFloats, r"RSI: .*signals.astype\(np.int8\)"),
        (ReturnsTooFew, "one per bar"),
        (ReturnsTwos, "must be 1"),
    ],
)
def test_signals_of_a_wrong_form_reach_no_engine(broken, words, real_ohlcv):
    with pytest.raises(ValueError, match=words):
        broken({}).generate_signals(real_ohlcv("GOOG"))


def test_params_out_of_bounds_are_found_by_field(validator):
    findings = validator.validate(RsiRule({"period": 500}))

    assert checks(findings) == ["params"]
    assert "params.period: 500 is out of range" in findings[0].message


def test_a_class_that_is_not_the_catalogs_is_named(validator):
    class Other(build_rule("MACD").__class__):
        spec = RULES["RSI"]

        def signals(self, prices):
            return np.zeros(prices["Close"].size, dtype=np.int8)

    assert checks(validator.validate(Other({}))) == ["metadata"]


class Quiet(BaseRule):
    """A rule that is in no catalog and never signals."""

    spec = RuleSpec(
        "QUIET",
        "Quiet",
        "Says nothing.",
        "technical",
        (bars("period", 5, 2, 9, "None"),),
        "never",
        "never",
        "",
    )

    def lookback(self):
        return 0

    def signals(self, prices):
        return prices.levels(prices["Close"] < 0.0, prices["Close"] < 0.0)


def test_a_rule_that_is_in_no_catalog_is_held_to_the_same_promises(validator):
    findings = validator.validate(Quiet({"period": 10}))

    assert checks(findings) == ["metadata", "params"]
    assert findings[0].message == "source is empty"
    assert "params.period: 10 is out of range" in findings[1].message


def test_a_rule_of_ones_own_is_built_with_its_params_checked():
    assert build_rule(Quiet).label == "QUIET_5"
    with pytest.raises(
        ValueError, match="params.period: 10 is out of range: must be a whole number from 2 to 9"
    ):
        build_rule(Quiet, {"period": 10})


def test_one_bar_is_too_few_to_look_for_look_ahead(random_ohlcv):
    with pytest.raises(ValueError, match="data has 1 bars; at least 2 are needed"):
        RuleValidator(random_ohlcv(1, seed=1))
