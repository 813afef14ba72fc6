"""Formulas written at random keep the promises of every rule."""

import random

import numpy as np
import pytest

from rules.catalog import check_params
from tests.rules.formulas import Writer, formula
from tests.rules.loops import naming

FORMULAS = 300


def dated(ohlcv):
    """With a date for each bar, weekends left out."""
    days = np.arange(np.datetime64("2003-01-01"), np.datetime64("2030-01-01"))
    return ohlcv | {"Time": days[np.is_busday(days)][: ohlcv["Close"].size].astype("M8[s]")}


@pytest.fixture(scope="module")
def written():
    """Rules of random texts that read what they can name."""
    writer = Writer(random.Random(5))
    return [formula(writer.condition(), writer.condition()) for _ in range(FORMULAS)]


def test_a_later_bar_never_changes_an_earlier_signal(written, random_ohlcv):
    ohlcv, signalled = dated(random_ohlcv(320, seed=31)), 0
    # nothing divides there
    ohlcv["High"][40:50] = ohlcv["Low"][40:50] = ohlcv["Close"][40:50] = ohlcv["Open"][40:50]

    for rule in written:
        whole = rule.generate_signals(ohlcv)
        signalled += bool(np.count_nonzero(whole))
        for bars in (1, 2, 7, 45, 46, 100, 255, 256, 257, 319):
            with naming(params=rule.params, bars=bars):
                early = rule.generate_signals(
                    {name: column[:bars].copy() for name, column in ohlcv.items()}
                )
                np.testing.assert_array_equal(early, whole[:bars])

    assert signalled > FORMULAS / 2  # the property is not held by silence


def test_no_signal_comes_before_the_bars_that_the_text_needs(random_ohlcv):
    writer, ohlcv = Writer(random.Random(8)), dated(random_ohlcv(320, seed=32))
    conditions = [writer.condition() for _ in range(FORMULAS)]

    # a part of `and` and `or` may decide before the other is known, as what is false on a bar has not begun there
    early = (" and ", " or ", "becomes(", "crosses_above(", "crosses_below(")
    chosen = [each for each in conditions if not any(word in each for word in early)]
    assert len(chosen) > 20
    for condition in chosen:
        rule = formula(condition)
        with naming(condition=condition):
            assert not rule.generate_signals(ohlcv)[: rule.formula.buy.lookback].any()


def test_what_is_unknown_is_never_a_signal_not_even_by_not(random_ohlcv):
    writer, ohlcv = Writer(random.Random(6)), dated(random_ohlcv(320, seed=33))

    for _ in range(FORMULAS):
        condition = writer.condition()
        with naming(condition=condition):
            true = formula(condition).generate_signals(ohlcv) == 1
            false = formula(f"not ({condition})").generate_signals(ohlcv) == 1
            unknown = formula(f"not ({condition}) or ({condition})").generate_signals(ohlcv) != 1
            assert not (true & false).any()
            np.testing.assert_array_equal(unknown, ~(true | false))


def test_random_text_is_accepted_by_the_checker_and_a_cut_of_it_is_explained():
    draw = random.Random(7)
    writer = Writer(draw)

    for _ in range(FORMULAS):
        text = writer.condition()
        cut = text[: draw.randrange(len(text))]
        with naming(text=text, cut=cut):
            assert check_params("FORMULA", {"buy": text, "sell": text}) == {}
            faults = check_params("FORMULA", {"buy": cut, "sell": text})
            assert all("line 1, column" in fault for fault in faults.values())
