"""The account of a portfolio: what is held, the cash of each pool, and every change of both."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from portfolio.legs import Array, Calendar, Leg
from portfolio.sharing import Sharing


class LegFill(NamedTuple):
    """One execution of a leg, and what it holds afterwards.

    bar: of the joined calendar. at: "open", "intrabar" or "close" of it. reason: signal, a stop's, end_of_prices,
    liquidation or rebalance. price: slippage included. shares: signed, bought or sold. fee: money.
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
    """An order that opened nothing.

    bar: on which it would have filled. side: BUY or SELL. reason: no_place (max_positions are open), no_cash, max_gross
    or max_weight (nothing is left under that bound), cash_below_one_share, budget_below_one_share.
    """

    bar: int
    leg: int
    side: str
    reason: str


class Account:
    """One pool of cash for all legs, or one for each.

    capital: of each pool at first. cash: of each pool. shares: signed, by leg. changes: of each pool's cash, as (bar,
    cash after it) in order. marks: (bars, legs), what a share is worth when orders fill.
    """

    def __init__(
        self, sharing: Sharing, legs: Sequence[Leg], calendar: Calendar, capital: Sequence[float]
    ) -> None:
        self.capital, self.cash = tuple(capital), list(capital)
        self.pools = range(len(legs)) if len(capital) == len(legs) else [0] * len(legs)
        self.shares = np.zeros(len(legs))
        self.positions = 0
        self.fills: list[LegFill] = []
        self.left_out: list[LeftOut] = []
        self.changes: list[list[tuple[int, float]]] = [[] for _ in capital]
        self.interest = self.borrow_fees = 0.0
        self.marks = calendar.marks(legs, sharing.next_open)
        self._accrual, self._fee_rate = sharing.accrual, float(sharing.terms.fee_rate)
        self._closes = (
            calendar.marks(legs, False) if sharing.accrual and sharing.next_open else self.marks
        )

    def trade(
        self, leg: int, bar: int, at: str, reason: str, price: float, shares: float
    ) -> None:
        """Buy or sell signed `shares`: cash pays for them and the fee of their value."""
        self._book(leg, bar, at, reason, price, shares, self._fee_rate)

    def pay_out(self, leg: int, bar: int, price: float) -> None:
        """What a leg holds becomes cash, free of fee and slippage, since its prices end."""
        if shares := self.shares.item(leg):
            self._book(leg, bar, "close", "end_of_prices", price, -shares, 0.0)

    def _book(
        self,
        leg: int,
        bar: int,
        at: str,
        reason: str,
        price: float,
        shares: float,
        fee_rate: float,
    ) -> None:
        pool, before, value = self.pools[leg], self.shares.item(leg), price * shares
        fee = fee_rate * abs(value)
        self.set_cash(bar, pool, self.cash[pool] - value - fee)
        self.shares[leg] = after = before + shares
        self.positions += (after != 0.0) - (before != 0.0)
        self.fills.append(LegFill(bar, leg, at, reason, price, shares, after, fee))

    def set_cash(self, bar: int, pool: int, cash: float) -> None:
        """Note the cash that a pool has from now on."""
        self.cash[pool] = cash
        self.changes[pool].append((bar, cash))

    def held(self, bar: int) -> Array:
        """The value of each leg's shares when orders fill, (legs,), signed."""
        values: Array = self.shares * self.marks[bar]
        return values

    def accrue(self, bar: int, days: int) -> None:
        """Book what each pool has earned and paid since the bar before."""
        assert self._accrual is not None
        shorts = np.maximum(-self.shares, 0.0) * self._closes[bar - 1]
        borrowed = shorts.tolist() if len(self.cash) > 1 else [total(shorts)]
        for pool, cash in enumerate(self.cash):
            interest, fee = self._accrual(cash, borrowed[pool], days)
            self.interest += interest
            self.borrow_fees += fee
            self.set_cash(bar, pool, cash + (interest - fee))

    def cash_curves(self, bars: int) -> list[Array]:
        """The cash of each pool after each bar's fills, (bars,)."""
        return [
            _curve(changes, first, bars)
            for changes, first in zip(self.changes, self.capital, strict=True)
        ]

    def shares_curves(self, bars: int) -> Array:
        """The signed shares of each leg after each bar's fills, (legs, bars)."""
        legs, fills = len(self.shares), len(self.fills)
        firsts = np.arange(legs) * bars  # where each leg's curve begins, one after the other
        at = np.append(
            firsts,
            np.fromiter((fill.leg * bars + fill.bar for fill in self.fills), np.int64, fills),
        )
        after = np.append(
            np.zeros(legs),
            np.fromiter((fill.shares_after for fill in self.fills), np.float64, fills),
        )
        order = at.argsort(kind="stable")
        return after[order].repeat(np.diff(at[order], append=legs * bars)).reshape(legs, bars)


def _curve(changes: Sequence[tuple[int, float]], first: float, bars: int) -> Array:
    """A value that lasts from one change to the next."""
    edges = [0, *(bar for bar, _ in changes), bars]
    values = np.array([first, *(value for _, value in changes)])
    return values.repeat(np.diff(edges))


def total(values: Array) -> float:
    """The sum, one after the other, so that it is the same on every CPU."""
    return float(np.add.accumulate(values)[-1])
