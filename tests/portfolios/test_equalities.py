"""Equalities of a portfolio: one leg and its run, sleeves and the sum of their runs, cash plus shares and equity."""

import random
from dataclasses import replace

import numpy as np
import pytest

from engine.engine import check_bars
from engine.stops import Stops
from tests.portfolios.books import FIRST, book, cut, engine, leg, run_of, together

BOOKS = range(300)
MODES = ("shared", "sleeves")


def shared_terms(seed):
    """Bounds of a shared account, at random."""
    draw = random.Random(seed)
    return {
        "max_positions": draw.choice([None, None, 1, 2]),
        "max_weight_pct": draw.choice([None, 20.0, 60.0]),
        "max_gross_pct": draw.choice([50.0, 100.0, 100.0, 200.0]),
    }


def test_one_leg_with_the_whole_account_is_its_run_bit_for_bit():
    traded = 0
    for seed in range(700):
        terms = engine(random.Random(seed))
        one = leg(seed, terms)
        run = run_of(one, terms)

        for mode in MODES:
            portfolio = together([one], terms, mode=mode)

            assert tuple(each.trade for each in portfolio.trades) == run.trades, (seed, mode)
            assert np.array_equal(portfolio.equity_curve, run.equity_curve), (seed, mode)
            assert np.array_equal(portfolio.cash_curve, run.cash_curve), (seed, mode)
            assert [(each.bar, each.side, each.reason) for each in portfolio.left_out] == list(
                run.rejected_orders
            ), seed
            assert portfolio.metrics == run.metrics, (seed, mode)
        traded += len(run.trades)
    assert traded > 5_000


def test_sleeves_that_are_never_rebalanced_are_the_sum_of_their_runs():
    for seed in BOOKS:
        terms, legs = book(seed)
        weights = np.random.default_rng(seed).uniform(0.5, 2, len(legs))
        legs = [
            replace(one, weight=float(weight)) for one, weight in zip(legs, weights, strict=True)
        ]

        portfolio = together(legs, terms, mode="sleeves")

        total = np.zeros(len(portfolio.calendar))
        for number, one in enumerate(legs):
            capital = terms.initial_capital * weights[number] / weights.sum()
            run = run_of(one, replace(terms, initial_capital=capital))
            equity = np.concatenate(([capital], run.equity_curve))
            total += equity[steps(portfolio, number)]
        assert portfolio.equity_curve == pytest.approx(total, rel=1e-9), seed


def steps(portfolio, number):
    """On each bar of the calendar, how many of a leg's own bars have been."""
    return portfolio.calendar.bar_of[number].searchsorted(
        np.arange(len(portfolio.calendar)), side="right"
    )


def random_book(seed):
    """(mode, result) of a random book under random bounds, some legs of which have ended."""
    draw, (terms, legs) = random.Random(-seed - 1), book(seed)
    last = max(one.times[-1] for one in legs)
    legs = [replace(one, ends=bool(one.times[-1] < last and draw.random() < 0.5)) for one in legs]
    legs = [
        replace(one, priority=np.random.default_rng(seed + at).normal(size=len(one.bars)))
        for at, one in enumerate(legs)
    ]
    if draw.random() < 0.5:
        return terms, legs, shared_terms(seed) | {"mode": "shared"}
    return (
        terms,
        legs,
        {
            "mode": "sleeves",
            "rebalance": draw.choice(["never", "monthly", "quarterly"]),
            "rebalance_off_pct": draw.choice([None, 5.0]),
            "volatility_bars": draw.choice([None, 10]),
        },
    )


def test_cash_and_shares_are_equity_on_each_bar():
    resized = left_out = 0
    for seed in BOOKS:
        terms, legs, sharing = random_book(seed)

        portfolio = together(legs, terms, **sharing)

        closes = np.array(
            [portfolio.calendar.spread(number, one.bars.close) for number, one in enumerate(legs)]
        )
        shares, cash = (
            np.zeros(closes.shape),
            np.full(len(portfolio.calendar), terms.initial_capital),
        )
        for fill in portfolio.fills:
            shares[fill.leg, fill.bar :] = fill.shares_after
            cash[fill.bar :] -= fill.price * fill.shares + fill.fee
        scale = max(terms.initial_capital, abs(portfolio.equity_curve).max())
        assert portfolio.equity_curve == pytest.approx(
            cash + (shares * closes).sum(axis=0), abs=1e-9 * scale
        ), seed
        assert portfolio.cash_curve == pytest.approx(cash, abs=1e-9 * scale), seed
        assert portfolio.gross_curve == pytest.approx(
            abs(shares * closes).sum(axis=0), abs=1e-9 * scale
        ), seed
        assert (portfolio.positions_curve == (shares != 0).sum(axis=0)).all(), seed
        assert sum(portfolio.earned[:, -1]) == pytest.approx(
            portfolio.equity_curve[-1] - terms.initial_capital, abs=1e-9 * scale
        )
        of_trades = np.zeros(len(legs))
        for each in portfolio.trades:
            of_trades[each.leg] += each.trade.pnl_abs
        assert of_trades == pytest.approx(portfolio.earned[:, -1], abs=1e-9 * scale), seed
        resized += sum(each.resized for each in portfolio.trades)
        left_out += len(portfolio.left_out)
    assert resized > 200
    assert left_out > 500


def test_bounds_hold_whenever_a_position_is_opened():
    bound = 0
    for seed in BOOKS:
        terms, legs = book(seed)
        sharing = shared_terms(seed)

        portfolio = together(legs, terms, **sharing)

        marks = portfolio.calendar.marks(legs, terms.fill == "next_open")
        shares, cash = np.zeros(len(legs)), terms.initial_capital
        for fill in portfolio.fills:
            opens = shares[fill.leg] == 0
            shares[fill.leg], cash = fill.shares_after, cash - fill.price * fill.shares - fill.fee
            if not opens:
                continue
            worth = abs(shares * marks[fill.bar])
            worth[fill.leg] = abs(fill.shares) * fill.price
            signed = np.sign(shares) * worth
            equity, slack = cash + signed.sum(), 1e-9 * terms.initial_capital
            # of others that were opened on the same bar
            slip = 3 * terms.slippage_bps / 10_000 * worth.sum()
            assert worth.sum() <= sharing["max_gross_pct"] / 100 * equity + slip + slack, seed
            assert (shares != 0).sum() <= (sharing["max_positions"] or len(legs)), seed
            if sharing["max_weight_pct"]:
                assert (
                    worth[fill.leg] <= sharing["max_weight_pct"] / 100 * equity + slip + slack
                ), seed
            if sharing["max_gross_pct"] <= 100:
                assert cash >= -slack, seed
            bound += 1
    assert bound > 3_000


def test_nothing_that_is_filled_knows_a_later_bar():
    for seed in range(200):
        terms, legs, sharing = random_book(seed)
        legs = [replace(one, ends=False) for one in legs]
        days = random.Random(seed).randint(10, 200)
        parts = [cut(one, days) for one in legs]
        if None in parts:
            continue

        whole, part = together(legs, terms, **sharing), together(parts, terms, **sharing)

        bars = len(part.calendar)
        assert (whole.calendar.times[:bars] == part.calendar.times).all()
        assert [fill for fill in whole.fills if fill.bar < bars] == list(part.fills), seed
        assert [order for order in whole.left_out if order.bar < bars] == list(part.left_out), (
            seed
        )
        assert np.array_equal(whole.equity_curve[:bars], part.equity_curve), seed


def test_an_order_of_the_legs_decides_where_cash_does_not_suffice():
    terms = engine(
        random.Random(1),
        size_type="percent",
        position_size=80,
        direction="longonly",
        fill="close",
    )
    terms = replace(
        terms,
        stop_loss_pct=None,
        take_profit_pct=None,
        trailing_stop_pct=None,
        fractional_shares=True,
    )
    buys = np.array([0, 1, 0, 0], np.int8)
    first, second = (
        replace(leg(seed, terms, 4, gaps=False), signals=buys, stops=None) for seed in (1, 2)
    )

    plain = together([first, second], terms)
    ranked = together(
        [
            replace(first, priority=np.array([9.0, 1, 9, 9])),
            replace(second, priority=np.array([0.0, 2, 0, 0])),
        ],
        terms,
    )
    unknown = together(
        [
            replace(first, priority=np.full(4, np.nan)),
            replace(second, priority=np.array([0.0, -9, 0, 0])),
        ],
        terms,
    )

    assert [fill.leg for fill in plain.fills] == [0, 1]
    assert plain.fills[0].price * plain.fills[0].shares == pytest.approx(
        0.8 * terms.initial_capital
    )
    assert [fill.leg for fill in ranked.fills] == [1, 0]
    assert [fill.leg for fill in unknown.fills] == [1, 0]


def test_places_are_given_to_those_who_come_first():
    terms = engine(
        random.Random(1),
        size_type="percent",
        position_size=10,
        direction="longonly",
        fill="close",
    )
    terms = replace(
        terms,
        initial_capital=1e6,
        stop_loss_pct=None,
        take_profit_pct=None,
        trailing_stop_pct=None,
    )
    legs = [
        replace(leg(seed, terms, 6, gaps=False), signals=np.array([1, 0, -1, 1, 0, 0], np.int8))
        for seed in range(3)
    ]

    portfolio = together(legs, terms, max_positions=2)

    assert [(order.bar, order.leg, order.reason) for order in portfolio.left_out] == [
        (0, 2, "no_place"),
        (3, 2, "no_place"),
    ]
    assert max(portfolio.positions_curve) == 2


def test_a_leg_that_ends_is_sold_at_its_last_close_without_costs():
    terms = engine(
        random.Random(1), fee_rate=0.01, slippage_bps=100, direction="longonly", fill="close"
    )
    terms = replace(terms, initial_capital=1e6, size_type="value", position_size=5_000)
    signals = np.array([1, 0, 0, 0], np.int8)
    short, long = leg(1, terms, 4, gaps=False), leg(2, terms, 8, gaps=False)
    short = replace(short, signals=signals, stops=None, ends=True)

    portfolio = together([short, replace(long, signals=np.zeros(8, np.int8))], terms)

    *_, last = portfolio.fills
    assert (last.bar, last.reason, last.fee) == (3, "end_of_prices", 0.0)
    assert last.price == short.bars.close[-1]
    assert portfolio.positions_curve.tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert portfolio.trades[0].trade.exit_reason == "end_of_prices"
    assert not portfolio.trades[0].trade.is_open


def test_sleeves_come_back_to_their_weights_each_month():
    terms = engine(
        random.Random(1),
        fee_rate=0.0,
        slippage_bps=0,
        size_type="percent",
        position_size=100,
        fill="close",
    )
    terms = replace(
        terms,
        initial_capital=1e6,
        fractional_shares=True,
        stop_loss_pct=None,
        take_profit_pct=None,
        trailing_stop_pct=None,
    )
    hold = np.zeros(90, np.int8)
    hold[0] = 1
    legs = [
        replace(leg(seed, terms, 90, gaps=False), signals=hold, stops=None) for seed in range(4)
    ]

    portfolio = together(legs, terms, mode="sleeves", rebalance="monthly")

    firsts = [bar for bar in range(1, 90) if str(FIRST + bar)[8:] == "01"]
    assert {fill.bar for fill in portfolio.fills if fill.reason == "rebalance"} == {*firsts}
    for bar in firsts:
        assert portfolio.sleeves[:, bar] == pytest.approx(
            portfolio.equity_curve[bar] / 4, rel=1e-12
        )
    assert portfolio.cash_curve == pytest.approx(0, abs=1e-6)


def test_weights_by_volatility_use_what_was_known_then():
    terms = engine(random.Random(1), fee_rate=0.0)
    calm, wild = leg(1, terms, 60, gaps=False), leg(2, terms, 60, gaps=False)
    calm = replace(calm, before=np.resize([100.0, 101.0], 30))
    wild = replace(wild, before=np.resize([100.0, 110.0], 30))

    portfolio = together([calm, wild], terms, mode="sleeves", volatility_bars=20)

    deviations = [
        np.std(each.before[-20:] / each.before[-21:-1] - 1, ddof=1) for each in (calm, wild)
    ]
    parts = (1 / np.array(deviations)) / (1 / np.array(deviations)).sum()
    assert portfolio.sleeves[:, 0] - portfolio.earned[:, 0] == pytest.approx(
        parts * terms.initial_capital, rel=1e-12
    )


@pytest.mark.parametrize("fill", ["close", "next_open"])
def test_a_ticker_without_a_bar_is_not_traded_and_keeps_its_last_close(fill):
    terms = engine(
        random.Random(1), direction="longonly", fill=fill, size_type="percent", position_size=50
    )
    whole = leg(1, terms, 10, gaps=False)
    kept = np.array([0, 1, 2, 6, 7, 8, 9])
    prices = {
        name: getattr(whole.bars, name.lower())[kept] for name in ("Open", "High", "Low", "Close")
    }
    bars = check_bars(prices)
    gappy = replace(
        whole,
        ticker="GAP",
        times=FIRST + kept,
        bars=bars,
        stops=None,
        signals=np.array([1, 0, 0, 0, 0, 0, 0], np.int8),
    )

    portfolio = together(
        [
            replace(
                whole, signals=np.zeros(10, np.int8), stops=Stops(whole.bars, None, None, None)
            ),
            gappy,
        ],
        terms,
    )

    values = portfolio.values[1]
    assert values[3] == values[4] == values[5] == values[2] != 0
    assert all(fill.bar in kept for fill in portfolio.fills)
