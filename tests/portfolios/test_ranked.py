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
        ends, none = draw.random() < 0.3, np.zeros(bars, dtype=np.int8)
        legs.append(replace(each, signals=none, stops=None, score=score, keep=keep, ends=ends))
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
    fills, seen = 0, set[str]()
    for seed in range(200):
        terms, legs, sharing = ranked_book(seed)

        ours = together(legs, terms, mode="ranked", **sharing)
        slow = Reference(legs, terms, **sharing)

        name = f"seed {seed}: {sharing}"
        placed = [(f.bar, f.leg, f.shares, f.price, f.fee) for f in ours.fills]
        assert [each[:2] for each in placed] == [each[:2] for each in slow.fills], name
        assert placed == [pytest.approx(each, rel=1e-9, abs=1e-9) for each in slow.fills], name
        np.testing.assert_allclose(ours.equity_curve, slow.equity, rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(
            ours.account.eligible_held()[0], slow.eligible_held, rtol=1e-9, err_msg=name
        )
        tables = []
        for each in ours.rebalancings:
            by_leg = dict(zip(each.legs, zip(each.weights, each.whys, strict=True), strict=True))
            longs = sorted(leg for leg, (weight, _) in by_leg.items() if weight > 0)
            shorts = sorted(leg for leg, (weight, _) in by_leg.items() if weight < 0)
            tables.append((each.bar, longs, shorts, [by_leg[leg][1] for leg in sorted(by_leg)]))
            seen.update(each.whys)
        assert tables == slow.tables, name
        fills += len(placed)
    assert fills > 5_000
    assert seen == {"ended", "no_score", "keep", "stays", "buffer", "enters", "sign", "rank"}


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
        assert [each for each in whole.fills if each.bar < before] == part.fills, f"seed {seed}"
        ranked = before - (
            terms.fill == "next_open"
        )  # those of the last bar have no open to fill at
        earlier = [each for each in whole.rebalancings if each.bar < ranked]
        assert earlier == part.rebalancings, f"seed {seed}"
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

        asset = replace(hold, signals=0 * once)
        rotation = together([asset], terms, mode="ranked", rebalance="ranking", top=1)

        assert tuple(each.trade for each in rotation.trades) == run.trades, f"seed {seed}"
        assert np.array_equal(rotation.equity_curve, run.equity_curve), f"seed {seed}"
        assert np.array_equal(rotation.cash_curve, run.cash_curve), f"seed {seed}"
        assert rotation.metrics == run.metrics
        if terms.fractional_shares and terms.position_size == 100:
            monthly = together([asset], terms, mode="ranked", rebalance="monthly", top=1)
            assert np.array_equal(monthly.equity_curve, run.equity_curve), f"seed {seed}"


def test_a_rotation_into_all_that_may_be_bought_is_what_it_is_judged_against():
    compared = 0
    for seed in range(60):
        terms, legs, sharing = ranked_book(
            seed, bottom=None, weights="equal", rebalance="monthly"
        )
        free = {"fee_rate": 0.0, "slippage_bps": 0, "fill": "close", "fractional_shares": True}
        terms = replace(terms, direction="longonly", position_size=100, **free)
        days = np.unique(np.concatenate([each.times for each in legs]))
        legs = [each for each in legs if len(each.times) == len(days)]  # none waits for a bar
        if not legs:
            continue

        every = together(legs, terms, mode="ranked", **sharing | {"top": len(legs), "buffer": 0})

        worth, in_legs = terms.initial_capital * np.array(every.account.eligible_held())
        np.testing.assert_allclose(every.equity_curve, worth, rtol=1e-9)
        np.testing.assert_allclose(every.held_curve, in_legs, rtol=1e-9, atol=1e-6)
        compared += 1
    assert compared > 10
