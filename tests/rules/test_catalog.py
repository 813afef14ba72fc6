"""The catalog: every bad parameter is found, named and explained; labels, schemas and warm-up follow from it."""

import json
from itertools import groupby, product
from typing import get_args

import jsonschema
import pytest

from rules.catalog import RULES, check_params, checked_rule, complete_params
from rules.parameters import Category
from tests.rules.loops import naming

NUMBERS = [
    (rule.name, param)
    for rule in RULES.values()
    for param in rule.params
    if param.kind in ("int", "float")
]
MEMBER = {"rule_type": "RSI", "params": {}}


def test_rules_are_listed_by_category():
    assert [
        category for category, _ in groupby(RULES.values(), key=lambda spec: spec.category)
    ] == [*get_args(Category)]
    assert all(name == spec.name for name, spec in RULES.items())


def test_the_defaults_are_accepted_also_when_written_out():
    assert {name: check_params(name, {}) for name in RULES} == dict.fromkeys(RULES, {})
    assert {
        name: check_params(name, complete_params(name, {})) for name in RULES
    } == dict.fromkeys(RULES, {})


def test_every_rule_explains_itself():
    for spec in RULES.values():
        with naming(rule=spec.name):
            assert all((spec.title, spec.description, spec.buy, spec.sell, spec.source))
            assert all(param.help for param in spec.params)


def test_a_number_is_accepted_up_to_its_bounds_and_refused_beyond():
    for rule_type, param in NUMBERS:
        kind = int if param.kind == "int" else float
        least, most = kind(param.minimum), kind(param.maximum)
        for value in (least, most, least - 1, most + 1):
            fault = check_params(rule_type, {param.name: value}).get(f"params.{param.name}", "")
            with naming(rule=rule_type, param=param.name, value=value):
                assert (f"{value} is out of range" in fault) == (not least <= value <= most)
                assert (f"from {param.minimum:g} to {param.maximum:g}" in fault) == (
                    not least <= value <= most
                )


def test_what_is_no_finite_number_is_refused_for_a_number():
    no_numbers = (
        "14",
        None,
        True,
        False,
        [14],
        {"a": 1},
        float("nan"),
        float("inf"),
        -float("inf"),
    )
    for (rule_type, param), value in product(NUMBERS, no_numbers):
        with naming(rule=rule_type, param=param.name, value=value):
            assert list(check_params(rule_type, {param.name: value})) == [f"params.{param.name}"]


def test_an_int_is_fine_for_a_float_but_no_float_is_fine_for_an_int():
    assert check_params("RSI", {"oversold": 25}) == {}
    assert check_params("RSI", {"period": 14.0}) == {
        "params.period": "14.0 is not a whole number from 2 to 200"
    }


@pytest.mark.parametrize("name", ["period", "oversold"])
def test_a_huge_integer_is_refused_and_named_by_its_size(name):
    for value in (10**400, -(10**400), 10**5000):
        message = check_params("RSI", {name: value})[f"params.{name}"]
        assert message.startswith(f"an integer of {value.bit_length()} bits is out of range")


def test_a_long_value_is_cut_in_the_message():
    message = check_params("RSI", {"period": "x" * 10_000})["params.period"]

    assert len(message) < 120


def test_all_faults_are_reported_together():
    faults = check_params("MACD", {"fast": 1, "slow": "a", "signal": 101, "window": 3})

    assert set(faults) == {"params.fast", "params.slow", "params.signal", "params.window"}
    assert (
        faults["params.window"]
        == "3 given, but MACD has no such parameter; it has: fast, slow, signal"
    )


@pytest.mark.parametrize(
    ("rule_type", "params", "field"),
    [
        ("MACD", {"fast": 26, "slow": 26}, "params.fast"),
        ("RSI_MACD", {"fast": 30}, "params.fast"),
        ("MA_CROSS", {"slow": 20}, "params.fast"),
        ("MA_CROSS", {"fast": 100, "slow": 99, "kind": "ema"}, "params.fast"),
        ("MOMENTUM", {"lookback": 20, "skip": 20}, "params.skip"),
    ],
)
def test_what_must_be_less_is_refused_when_it_is_not_also_against_a_default(
    rule_type, params, field
):
    faults = check_params(rule_type, params)

    assert list(faults) == [field]
    assert "must be less than" in faults[field]


def test_a_bound_is_reported_before_the_comparison_that_it_spoils():
    assert list(check_params("MACD", {"fast": 101, "slow": 50})) == ["params.fast"]
    assert "out of range" in check_params("MACD", {"fast": 101, "slow": 50})["params.fast"]


def test_a_choice_is_one_of_the_choices():
    for value in ("wma", "SMA", None, 1, ["sma"]):
        assert check_params("MA_CROSS", {"kind": value})["params.kind"].endswith(
            "is not one of: sma, ema"
        )


def test_an_unknown_rule_is_refused_by_name():
    for rule_type in ("rsi", "", "NO_SUCH_RULE", None, 5, 10**5000, ["RSI"], {}):
        faults = check_params(rule_type, {})
        assert list(faults) == ["rule_type"]
        assert "RSI, MACD" in faults["rule_type"]


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("rsi", "RSI"),
        ("RSI_MACDD", "RSI_MACD or MACD"),
        ("bollinger bands", "BOLLINGER"),
        ("breakoff", "BREAKOUT"),
    ],
)
def test_an_unknown_rule_is_answered_with_the_nearest_names(unknown, meant):
    assert check_params(unknown, {})["rule_type"].endswith(f"PYTHON; did you mean {meant}?")
    assert "did you mean" not in check_params("ZZZZ", {})["rule_type"]


@pytest.mark.parametrize("params", [None, [], "period=14", 14])
def test_params_are_an_object(params):
    assert list(check_params("RSI", params)) == ["params"]


def test_a_member_of_a_composite_is_checked_like_a_rule():
    rules = [MEMBER, {"rule_type": "MACD", "params": {"fast": 1, "slow": 400, "x": 1}}]

    assert set(check_params("COMPOSITE", {"rules": rules})) == {
        "params.rules[1].params.fast",
        "params.rules[1].params.slow",
        "params.rules[1].params.x",
    }


@pytest.mark.parametrize(
    ("member", "field"),
    [
        ({"rule_type": "COMPOSITE", "params": {}}, "params.rules[1].rule_type"),
        ({"rule_type": "nope"}, "params.rules[1].rule_type"),
        ({"params": {}}, "params.rules[1].rule_type"),
        ({"rule_type": "RSI", "weight": 2}, "params.rules[1].weight"),
        ({"rule_type": "RSI", "params": None}, "params.rules[1].params"),
        ("RSI", "params.rules[1]"),
    ],
)
def test_a_member_is_a_plain_rule_with_its_params(member, field):
    assert list(check_params("COMPOSITE", {"rules": [MEMBER, member]})) == [field]


def test_a_composite_has_two_to_five_members():
    for rules in ([], [MEMBER], [MEMBER] * 6, "RSI", {"0": MEMBER}, None, 3):
        with naming(rules=rules):
            assert list(check_params("COMPOSITE", {"rules": rules})) == ["params.rules"]


@pytest.mark.parametrize(
    ("rule_type", "params", "label"),
    [
        ("RSI", {}, "RSI_14_30_70"),
        ("RSI", {"period": 21, "oversold": 27.5, "overbought": 72}, "RSI_21_27.5_72"),
        ("MA_CROSS", {"kind": "ema"}, "MA_CROSS_20_50_ema"),
        ("BOLLINGER", {"width": 0.1 + 0.2 + 0.3}, "BOLLINGER_20_0.6"),
        ("COMPOSITE", {"mode": "all"}, "COMPOSITE_all_RSI_14_30_70+MACD_12_26_9"),
    ],
)
def test_a_label_is_short_and_speaks(rule_type, params, label):
    assert checked_rule(rule_type, params).label == label


def test_a_long_label_is_cut_to_64_characters_and_still_tells_two_rules_apart():
    members = [
        {"rule_type": "MEAN_REVERSION", "params": {"lookback": lookback}}
        for lookback in (5, 6, 7, 8, 9)
    ]
    changed = [*members[:4], {"rule_type": "MEAN_REVERSION", "params": {"lookback": 10}}]

    labels = {checked_rule("COMPOSITE", {"rules": rules}).label for rules in (members, changed)}

    assert {len(label) for label in labels} == {64}
    assert len(labels) == 2


def test_complete_params_fills_in_defaults_and_shares_nothing():
    params = {
        "rules": [{"rule_type": "MA_CROSS", "params": {"fast": 5}}, {"rule_type": "BOLLINGER"}]
    }

    full = complete_params("COMPOSITE", params)
    full["rules"][0]["params"]["fast"] = 6

    assert full["mode"] == "majority"
    assert full["rules"][1] == {"rule_type": "BOLLINGER", "params": {"period": 20, "width": 2.0}}
    assert params["rules"][0]["params"] == {"fast": 5}
    assert complete_params("COMPOSITE", {}) == complete_params("COMPOSITE", {})


def test_the_schema_accepts_the_defaults_and_is_json():
    for rule_type in RULES:
        schema = json.loads(json.dumps(RULES[rule_type].schema()))
        with naming(rule=rule_type):
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.validate(
                complete_params(rule_type, {}), schema, cls=jsonschema.Draft202012Validator
            )


@pytest.mark.parametrize(
    "params", [{"period": 1}, {"period": "14"}, {"x": 1}, {"oversold": 51}, {"oversold": True}]
)
def test_the_schema_refuses_what_the_catalog_refuses(params):
    assert check_params("RSI", params)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(params, RULES["RSI"].schema(), cls=jsonschema.Draft202012Validator)


def test_the_catalog_cannot_be_changed():
    with pytest.raises(TypeError):
        RULES["NEW"] = RULES["RSI"]
    with pytest.raises(AttributeError):
        RULES["RSI"].title = "x"


def test_the_longest_member_decides_a_composites_warmup():
    members = [MEMBER, {"rule_type": "BREAKOUT", "params": {"lookback": 400}}]

    assert checked_rule("COMPOSITE", {"rules": members}).warmup_bars() == 400
    assert checked_rule("MA_CROSS", {}).warmup_bars() == 50
    assert checked_rule("COMPOSITE", {"rules": members}).longest_lookback() == ("BREAKOUT", 400)
