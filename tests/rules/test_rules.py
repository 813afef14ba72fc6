"""Properties of every rule of the catalog."""

import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rules.base import BaseRule
from rules.catalog import RULES, check_params, checked_rule, complete_params
from rules.formula.examples import EXAMPLES
from rules.prices import Prices
from rules.registry import build_rule
from tests.rules.loops import EVALUATED, SINGLE, naming

WITHOUT_TIME = [example for example in EXAMPLES if "month" not in example.buy]
DRAWS = 6  # random params per rule, from a fixed seed


def random_value(draw, param, spread):
    if param.kind == "int":
        return draw.randint(param.minimum, min(param.maximum, param.minimum + spread))
    if param.kind == "float":
        return round(draw.uniform(param.minimum, param.maximum), 2)
    return draw.choice(param.choices)


def random_params(rule_type, seed, spread=300):
    """Params that the catalog accepts, drawn from `seed`; whole numbers at most `spread` above their minimum."""
    draw = random.Random(f"{rule_type} {seed}")
    if rule_type == "FORMULA":
        return draw.choice(WITHOUT_TIME).params
    if rule_type == "COMPOSITE":
        members = draw.sample(SINGLE, 3)
        rules = [{"rule_type": name, "params": random_params(name, seed)} for name in members]
        return {"mode": draw.choice(["all", "any", "majority"]), "rules": rules}
    while True:
        params = {
            param.name: random_value(draw, param, spread) for param in RULES[rule_type].params
        }
        if not check_params(rule_type, params):
            return params


def variants(rule_type):
    """The rule with its defaults, and with random params."""
    return [
        build_rule(rule_type),
        *(build_rule(rule_type, random_params(rule_type, seed)) for seed in range(DRAWS)),
    ]


every_rule = pytest.mark.parametrize("rule_type", EVALUATED)


def cut(ohlcv, bars):
    return {name: column[:bars].copy() for name, column in ohlcv.items()}


@every_rule
def test_a_later_bar_never_changes_an_earlier_signal(rule_type, random_ohlcv):
    ohlcv = random_ohlcv(1300, seed=11, volatility=0.03)

    for rule in variants(rule_type):
        whole = rule.generate_signals(ohlcv)
        for bars in (*range(1, 60, 7), 126, 255, 256, 257, 512, 819, 1000, 1299):
            with naming(params=rule.params, bars=bars):
                np.testing.assert_array_equal(
                    rule.generate_signals(cut(ohlcv, bars)), whole[:bars]
                )


@every_rule
def test_signals_are_int8_of_1_0_and_minus_1_one_per_bar(rule_type, random_ohlcv):
    for rule in variants(rule_type):
        for bars in (0, 1, 2, 3, 15, 400):
            with naming(params=rule.params, bars=bars):
                signals = rule.generate_signals(random_ohlcv(bars, seed=bars))
                assert signals.dtype == np.int8
                assert signals.shape == (bars,)
                assert np.isin(signals, (-1, 0, 1)).all()


@every_rule
def test_signals_do_not_depend_on_the_currency(rule_type, random_ohlcv):
    ohlcv = random_ohlcv(1000, seed=12)
    # a power of two scales without rounding
    scaled = {name: column * 4.0 for name, column in ohlcv.items()}

    for rule in variants(rule_type):
        with naming(params=rule.params):
            np.testing.assert_array_equal(
                rule.generate_signals(scaled), rule.generate_signals(ohlcv)
            )


@every_rule
def test_asking_twice_gives_the_same_and_leaves_the_prices_alone(rule_type, random_ohlcv):
    ohlcv = random_ohlcv(700, seed=13)
    before = {name: column.copy() for name, column in ohlcv.items()}

    for rule in variants(rule_type):
        with naming(params=rule.params):
            np.testing.assert_array_equal(
                rule.generate_signals(ohlcv), rule.generate_signals(ohlcv)
            )
            for name, column in before.items():
                np.testing.assert_array_equal(ohlcv[name], column)


@pytest.mark.parametrize("rule_type", [name for name in SINGLE if name != "RSI_MACD"])
def test_the_first_signal_comes_as_soon_as_the_longest_lookback_says(rule_type, random_ohlcv):
    waits = []

    for seed in range(300):
        params = random_params(rule_type, seed, spread=8)
        signals = build_rule(rule_type, params).generate_signals(random_ohlcv(160, seed))
        waits.extend(
            np.flatnonzero(signals)[:1] - checked_rule(rule_type, params).longest_lookback()[1]
        )

    assert min(waits) == 0


@every_rule
def test_a_data_frame_and_its_arrays_give_the_same_signals(rule_type, random_ohlcv):
    ohlcv, rule = random_ohlcv(900, seed=14), build_rule(rule_type)
    frame = pd.DataFrame(ohlcv, index=pd.date_range("2001-01-01", periods=900, tz="UTC"))

    np.testing.assert_array_equal(rule.generate_signals(frame), rule.generate_signals(ohlcv))


@every_rule
def test_a_built_rule_is_the_catalogs(rule_type):
    rule = build_rule(rule_type)

    assert rule.spec is RULES[rule_type]
    assert rule.params == complete_params(rule_type, {})
    assert rule.label == checked_rule(rule_type, {}).label
    assert rule.warmup_bars() == checked_rule(rule_type, {}).warmup_bars()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("rule_type", "column"), [("RSI", "Close"), ("ATR", "High"), ("VOLUME", "Volume")]
)
def test_a_price_that_is_no_number_is_refused_by_column_and_bar(
    rule_type, column, bad, random_ohlcv
):
    ohlcv = random_ohlcv(100, seed=15)
    ohlcv[column][42] = bad

    with pytest.raises(ValueError, match=f"{column} is {bad} at bar 42"):
        build_rule(rule_type).generate_signals(ohlcv)


def test_a_column_that_is_missing_or_short_or_no_numbers_is_refused_by_name(random_ohlcv):
    ohlcv, rule = random_ohlcv(100, seed=16), build_rule("ATR")

    with pytest.raises(ValueError, match="data has no column High"):
        rule.generate_signals({name: ohlcv[name] for name in ("Low", "Close")})
    with pytest.raises(ValueError, match="High has 99 bars and Close 100; must have one length"):
        rule.generate_signals({**ohlcv, "High": ohlcv["High"][1:]})
    with pytest.raises(ValueError, match="Close must hold numbers"):
        rule.generate_signals({**ohlcv, "Close": ["a"] * 100})
    with pytest.raises(ValueError, match="Close has 2 dimensions"):
        rule.generate_signals({**ohlcv, "Close": ohlcv["Close"].reshape(10, 10)})


def test_indicators_are_computed_once_while_there_is_room_and_again_when_there_is_not(
    random_ohlcv, monkeypatch
):
    ohlcv, calls = random_ohlcv(100, seed=17), []

    def line(close, period):
        calls.append(period)
        return close * period

    prices = Prices(ohlcv)
    for period in (1, 2, 1, 2):
        prices.indicator(line, ("Close",), period)
    assert calls == [1, 2]

    monkeypatch.setattr("rules.prices.MEMO_BYTES", 2 * 8 * 100)
    for period in (3, 2, 3, 1):
        np.testing.assert_array_equal(
            prices.indicator(line, ("Close",), period), ohlcv["Close"] * period
        )
    assert calls == [1, 2, 3, 1]


def test_bad_params_are_refused_together_when_a_rule_is_built():
    with pytest.raises(
        ValueError, match="params.period: 1 is out of range.*params.oversold: 'x' is not a number"
    ):
        build_rule("RSI", {"period": 1, "oversold": "x"})


class Undecided(BaseRule):
    spec = replace(RULES["RSI"], conditions=("", ""))


def test_a_rule_without_its_conditions_says_so():
    with pytest.raises(ValueError, match="a condition is expected"):
        Undecided().generate_signals({"Close": [1.0, 2.0]})
