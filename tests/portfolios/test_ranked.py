"""Rotation: random books against a slow reference, one asset against buy and hold, and nothing that looks ahead."""

import random
from dataclasses import replace

import numpy as np
import pytest

from tests.portfolios.books import FIRST, NO_STOPS, cut, engine, leg, run_of, together
from tests.portfolios.ranked_reference import Reference

REBALANCES = ("weekly", "monthly", "quarterly", "yearly", "ranking")


def ranked_book(seed, most=8, **fixed):
    """(terms, legs, sharing), with scores of few values, so that some are equal, and some unknown."""
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    bottom = draw.choice([None, None, 1, 2])
    terms = engine(
        draw,
        **NO_STOPS,
        size_type="percent",
        position_size=draw.choice([50, 100, 100]),
        direction="longshort" if bottom else "longonly",
    )
    legs = []
    for number in range(draw.randint(1, most)):
        each = leg(seed * 100 + number, terms)
        bars = len(each.times)
        score = np.round(
            rng.normal(0.3, 1, bars).cumsum() if draw.random() < 0.5 else rng.normal(0, 1, bars),
            1,
        )
        score[rng.random(bars) < draw.choice([0, 0.2])] = np.nan
        keep = rng.random(bars) < 0.8 if draw.random() < 0.4 else None
        legs.append(replace(each, stops=None, score=score, keep=keep, ends=draw.random() < 0.3))
    last = max(each.times[-1] for each in legs)
    legs = [replace(each, ends=each.ends and each.times[-1] < last) for each in legs]
    sharing = {
        "rebalance": draw.choice(REBALANCES),
        "top": draw.randint(1, len(legs)),
        "bottom": bottom,
        "buffer": draw.choice([0, 0, 1, 3]),
        "weights": draw.choice(["equal", "inverse_volatility", "score"]),
        "volatility_bars": draw.choice([2, 20]),
    }
    return terms, legs, sharing | fixed


def test_random_books_trade_as_the_slow_reference_does():
    fills = 0
    for seed in range(200):
        terms, legs, sharing = ranked_book(seed)

        ours = together(legs, terms, mode="ranked", **sharing)
        slow = Reference(legs, terms, **sharing)

        name = f"seed {seed}: {sharing}"
        placed = [(f.bar, f.leg, f.shares, f.price, f.fee) for f in ours.fills]
        assert [each[:2] for each in placed] == [each[:2] for each in slow.fills], name
        assert placed == [pytest.approx(each, rel=1e-9, abs=1e-9) for each in slow.fills], name
        np.testing.assert_allclose(ours.equity_curve, slow.equity, rtol=1e-9, err_msg=name)
        tables = [
            (
                each.bar,
                sorted(leg.leg for leg in each.legs if leg.weight > 0),
                sorted(leg.leg for leg in each.legs if leg.weight < 0),
            )
            for each in ours.rebalancings
        ]
        assert tables == slow.tables, name
        fills += len(placed)
    assert fills > 5_000


def test_nothing_that_is_filled_or_ranked_knows_a_later_bar():
    compared = 0
    for seed in range(150):
        terms, legs, sharing = ranked_book(seed)
        days = random.Random(seed).randint(2, 300)
        shortened = [each for one in legs if (each := cut(one, days))]
        if len(shortened) < len(legs):
            continue
        shortened = [
            replace(each, ends=one.ends and len(each.times) == len(one.times))
            for each, one in zip(shortened, legs, strict=True)
        ]

        whole, part = (
            together(some, terms, mode="ranked", **sharing) for some in (legs, shortened)
        )

        before = int((whole.calendar.times < FIRST + days).sum())
        for name in ("fills", "rebalancings"):
            earlier = [each for each in getattr(whole, name) if each.bar < before]
            assert earlier == [*getattr(part, name)], f"seed {seed}"
        compared += len(part.fills)
    assert compared > 1_000


def test_one_asset_is_its_buy_and_hold_run_bit_for_bit():
    for seed in range(200):
        draw = random.Random(seed)
        terms = engine(
            draw,
            **NO_STOPS,
            size_type="percent",
            direction="longonly",
            position_size=draw.choice([30, 99, 100]),
        )
        one = leg(seed, terms)
        bars = len(one.times)
        once = (np.arange(bars) == 0).astype(np.int8)
        hold = replace(one, signals=once, score=np.arange(bars) / 7.0)
        run = run_of(hold, terms)

        rotation = together([hold], terms, mode="ranked", rebalance="ranking", top=1)

        assert tuple(each.trade for each in rotation.trades) == run.trades, f"seed {seed}"
        assert np.array_equal(rotation.equity_curve, run.equity_curve), f"seed {seed}"
        assert np.array_equal(rotation.cash_curve, run.cash_curve), f"seed {seed}"
        assert rotation.metrics == run.metrics
        if terms.fractional_shares and terms.position_size == 100:
            monthly = together([hold], terms, mode="ranked", rebalance="monthly", top=1)
            assert np.array_equal(monthly.equity_curve, run.equity_curve), f"seed {seed}"
