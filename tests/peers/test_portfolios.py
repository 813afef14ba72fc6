"""Portfolios fill by fill and bar by bar against vectorbt's accounts with shared cash, and sleeves against bt.

What differs by design, and how it is met here (docs/differences.md has the numbers): vectorbt orders the trades of a
bar by its `call_seq`, turns a position by one order, does not bound shorts, and takes percents of the account's value
in from_orders alone, of what it is worth before the bar's exits; bt shares the costs of rebalancing otherwise.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import vectorbt as vbt

from portfolio.result import PortfolioResult
from tests.peers.portfolios import (
    BOOKS,
    NO_COSTS,
    Book,
    by_bt,
    by_signals,
    by_targets,
    of_money,
    of_months,
    of_percent,
    of_ranks,
    rotated_by_bt,
)
from tests.portfolios.books import together

# numba compiles for half a minute on the first call
pytestmark = [pytest.mark.peers, pytest.mark.timeout(600)]

DIRECTIONS = ("longonly", "longshort")
close_to = partial(pytest.approx, rel=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_money_in_each_trade_fills_as_in_vectorbt(direction):
    assert compared(of_money, by_signals, direction) > 5_000


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_percent_of_equity_in_each_trade_fills_as_in_vectorbt(direction):
    assert compared(partial(of_percent, **NO_COSTS), by_targets, direction) > 5_000


def compared(
    draw: Callable[[int, str], Book], peer: Callable[..., vbt.Portfolio], direction: str
) -> int:
    """Compare all books; the number of orders."""
    return sum(assert_equal(draw(seed, direction), peer, f"seed {seed}") for seed in BOOKS)


def assert_equal(book: Book, peer: Callable[..., vbt.Portfolio], name: str) -> int:
    """Compare every order, and the cash and equity of every bar; the number of orders."""
    terms, legs = book
    ours, theirs = together(legs, terms), peer(terms, legs)
    placed, records = orders(ours), np.sort(theirs.orders.values, order=["idx", "col"])
    assert sorted(placed) == [(row["idx"], row["col"]) for row in records], name
    for (_, fill), row in zip(sorted(placed.items()), records, strict=True):
        bought = row["size"] if row["side"] == 0 else -row["size"]
        assert fill == close_to((bought, row["price"], row["fees"])), name
    dust = 1e-9 * terms.initial_capital
    assert ours.cash_curve == close_to(theirs.cash().to_numpy(), abs=dust), name
    assert ours.equity_curve == close_to(theirs.value().to_numpy()), name
    return len(placed)


def orders(result: PortfolioResult) -> dict[tuple[int, int], tuple[float, ...]]:
    """Signed shares, price and fee by bar and leg; the two fills that turn a position are one order of vectorbt's."""
    totals: dict[tuple[int, int], tuple[float, ...]] = {}
    for fill in result.fills:
        shares, _, fee = totals.get((fill.bar, fill.leg), (0.0, 0.0, 0.0))
        totals[fill.bar, fill.leg] = (shares + fill.shares, fill.price, fee + fill.fee)
    return totals


def test_sleeves_that_are_rebalanced_monthly_are_worth_what_bt_says():
    resized = 0
    for seed in BOOKS:
        terms, legs = of_months(seed, **NO_COSTS)

        ours, theirs = (
            together(legs, terms, mode="sleeves", rebalance="monthly"),
            by_bt(terms, legs),
        )

        np.testing.assert_allclose(ours.equity_curve, theirs, rtol=1e-9, err_msg=f"seed {seed}")
        resized += sum(fill.reason == "rebalance" for fill in ours.fills)
    assert resized > 5_000


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of bt's own code
def test_a_rotation_is_worth_what_bt_says():
    fills = 0
    for seed in BOOKS:
        terms, legs, top = of_ranks(seed)

        ours = together(legs, terms, mode="ranked", rebalance="monthly", top=top)
        theirs = rotated_by_bt(terms, legs, top)

        np.testing.assert_allclose(ours.equity_curve, theirs, rtol=1e-9, err_msg=f"seed {seed}")
        fills += len(ours.fills)
    assert fills > 5_000
