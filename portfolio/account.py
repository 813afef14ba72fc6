"""Account of a portfolio: the positions, the cash of each pool, and every change of both."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from portfolio.legs import Array, Calendar, Leg
from portfolio.sharing import BuyingPower, SharingTerms

PAID_OUT = "end_of_prices"  # reason of fills without a fee


class LegFill(NamedTuple):
    """One execution of a leg, and its position afterwards.

    bar: number on the joined calendar. at: "open", "intrabar" or "close" of the bar. reason: signal, that of a stop,
    end_of_prices, liquidation or rebalance. price: slippage included. shares: signed. fee: money.
    """

    bar: int
    leg: int
    at: str
    reason: str
    price: float
    shares: float
    shares_after: float
    fee: float


class LeftOut(NamedTuple):
    """An order that opened no position.

    bar: the bar on which it would have filled. side: BUY or SELL. reason: no_place (max_positions are open), no_cash,
    max_gross or max_weight (that bound is used up), cash_below_one_share, budget_below_one_share.
    """

    bar: int
    leg: int
    side: str
    reason: str


class Rebalancing(NamedTuple):
    """Ranks at the close of a bar, a column of each: legs by rank, then those that are not eligible.

    ranks: from 0, None without one. scores: with 8 digits. before: 1, -1 or 0, the side of the position. weights:
    signed targets, fractions of the invested part. whys: "enters", "stays", "buffer" (stays beyond the top), or the
    reason for no weight: "rank", "keep" (the condition does not hold), "no_score", "sign" (weights by score need a
    positive score, of a short a negative one) or "ended" (its prices).
    """

    bar: int
    legs: list[int]
    ranks: list[int | None]
    scores: list[float | None]
    before: list[int]
    weights: list[float]
    whys: list[str]


class Account:
    """Account with one pool of cash for all legs, or one for each.

    capital: initial cash of each pool. cash: of each pool. shares: signed, by leg. changes: of each pool's cash, as
    (bar, cash after it) in order. marks: (bars, legs), value of a share when orders fill. rebalance_bars: the bars on
    which money may move between pools, or ranks decide; goes_on: True when the rest of that waits for the next bar.
    """

    rebalance_bars: Sequence[int] = ()
    goes_on = False

    def __init__(
        self,
        sharing: SharingTerms,
        legs: Sequence[Leg],
        calendar: Calendar,
        parts: Sequence[float] = (1.0,),
    ) -> None:
        self.sharing, self.legs, self.calendar = sharing, legs, calendar
        self.capital = [sharing.terms.initial_capital * part for part in parts]
        self.cash = list(self.capital)
        self.pools = range(len(legs)) if len(parts) == len(legs) else [0] * len(legs)
        self.shares = np.zeros(len(legs))
        self.fills: list[LegFill] = []
        self.left_out: list[LeftOut] = []
        self.changes: list[list[tuple[int, float]]] = [[] for _ in parts]
        self.interest = self.borrow_fees = 0.0
        self.rebalancings: list[Rebalancing] = []
        self.marks = self._closes = calendar.marks(legs, sharing.next_open)
        if sharing.accrual and sharing.next_open:
            self._closes = calendar.marks(legs, False)

    def trade(
        self, leg: int, bar: int, at: str, reason: str, price: float, shares: float
    ) -> None:
        """Buy or sell signed `shares`; cash pays for them and the fee on their value."""
        pool, value = self.pools[leg], price * shares
        fee = 0.0 if reason == PAID_OUT else self.sharing.terms.fee_rate * abs(value)
        self.set_cash(bar, pool, self.cash[pool] - value - fee)
        self.shares[leg] = after = self.shares.item(leg) + shares
        self.fills.append(LegFill(bar, leg, at, reason, price, shares, after, fee))

    def pay_out(self, leg: int, bar: int) -> None:
        """Turn a leg's position into cash, without fee and slippage, since its prices end."""
        if shares := self.shares.item(leg):
            self.trade(leg, bar, "close", PAID_OUT, self.legs[leg].bars.close.item(-1), -shares)

    def set_cash(self, bar: int, pool: int, cash: float) -> None:
        """Record the cash of a pool from this bar on."""
        self.cash[pool] = cash
        self.changes[pool].append((bar, cash))

    def position_values(self, bar: int) -> Array:
        """Return the value of each leg's shares when orders fill, (legs,), signed."""
        values: Array = self.shares * self.marks[bar]
        return values

    def rebalance(self, bar: int) -> None:
        """Do nothing: one pool has nothing to rebalance."""

    def buying_powers(self, bar: int, legs: Sequence[int]) -> list[BuyingPower]:
        """Return the buying power for an order of each leg, the same object for all: they share it."""
        values = self.position_values(bar)
        shared = BuyingPower(self.sharing, self.cash[0], total(values), total(np.abs(values)))
        return [shared] * len(legs)

    def accrue(self, bar: int, days: int) -> None:
        """Book the interest and the borrow fees of each pool since the bar before."""
        assert self.sharing.accrual is not None
        values = self.shares * self._closes[bar - 1]
        positions, borrowed = (
            each.tolist() if len(self.cash) > 1 else [total(each)]
            for each in (values, np.maximum(-values, 0.0))
        )
        for pool, cash in enumerate(self.cash):
            equity = cash + positions[pool]
            interest, fee = self.sharing.accrual(cash, borrowed[pool], equity, days)
            self.interest += interest
            self.borrow_fees += fee
            self.set_cash(bar, pool, cash + (interest - fee))

    def cash_curves(self) -> list[Array]:
        """Return the cash of each pool after each bar's fills, (bars,)."""
        return [
            self._curve(first, changes)
            for first, changes in zip(self.capital, self.changes, strict=True)
        ]

    def shares_curves(self) -> list[Array]:
        """Return the signed shares of each leg after each bar's fills, (bars,)."""
        changes: list[list[tuple[int, float]]] = [[] for _ in self.legs]
        for fill in self.fills:
            changes[fill.leg].append((fill.bar, fill.shares_after))
        return [self._curve(0.0, each) for each in changes]

    def _curve(self, first: float, changes: Sequence[tuple[int, float]]) -> Array:
        """Return a curve, (bars,), that is constant from one change to the next."""
        edges = [0, *(bar for bar, _ in changes), len(self.calendar)]
        return np.repeat([first, *(value for _, value in changes)], np.diff(edges))


def total(values: Array) -> float:
    """Return the sum, added in order, so that it is the same on every CPU."""
    return float(np.add.accumulate(values)[-1])
