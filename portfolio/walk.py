"""Simulation of a portfolio: from the signals of many legs to fills in one account, event by event, not bar by bar.

A flat leg waits for its next order. For a leg in a position the bar on which a stop or an order ends it is known, since
no other leg changes that. So each leg has at most one event ahead, and a heap keeps them in order.
"""

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

import numpy as np

from engine.stops import StopHit
from portfolio.account import Account, LeftOut, total
from portfolio.legs import Calendar, Leg, Orders
from portfolio.ranked import Rotation
from portfolio.result import PortfolioResult
from portfolio.sharing import BuyingPower, SharingTerms
from portfolio.sleeves import Sleeves

# order of steps within a bar: LEAVE of a moment is followed by its REBALANCE and its ENTER
ACCRUE, PAY_OUT, LIQUIDATE, STEPS = 0, 8, 9, 10
LEAVE = {"open": 1, "intrabar": 4, "close": 5}
REBALANCE, ENTER = 1, 2
# reasons of exits that are not caused by the level of a stop or target
ORDERED = frozenset({"signal", "time_exit", "flat_at"})


class Exit(NamedTuple):
    """End of a leg's open position. leg_bar: bar on the leg's times. next_order: first order the leg waits for then."""

    leg_bar: int
    at: str
    reason: str
    price: float
    next_order: int


class Walk:
    """Simulation of one portfolio."""

    def __init__(self, sharing: SharingTerms, legs: Sequence[Leg], calendar: Calendar) -> None:
        self._sharing, self._legs, self._bar_of = sharing, legs, calendar.bar_of
        make = {"sleeves": Sleeves, "ranked": Rotation}.get(sharing.mode, Account)
        self._account: Account = make(sharing, legs, calendar)
        self._moment = LEAVE[sharing.moment]  # the first step of the moment at which orders fill
        self._orders = [Orders(leg, sharing) for leg in legs]
        self._ticker_of = np.unique([leg.ticker for leg in legs], return_inverse=True)[1]
        self._next = [0] * len(legs)
        self._exits: dict[int, Exit] = {}
        self._events: list[int] = []
        self._nights = calendar.nights
        for leg in range(len(legs)):
            self._await_entry(leg, 0)
        self._plan_ahead()

    def _plan_ahead(self) -> None:
        """Plan the events that are known from the start."""
        for leg, each in enumerate(self._legs):
            if each.ends:
                self._plan(self._bar_of[leg].item(-1), PAY_OUT, leg)
        for bar in self._account.rebalance_bars:
            self._plan(bar, self._moment + REBALANCE)
        if self._sharing.accrual:
            for bar in np.flatnonzero(self._nights).tolist():
                self._plan(bar, ACCRUE)

    def _plan(self, bar: int, step: int, leg: int = 0) -> None:
        heappush(self._events, (bar * STEPS + step) * len(self._legs) + leg)

    def run(self, liquidation_bar: int | None = None) -> Account:
        """Process all events and return the account; events of one moment are processed in the order of the legs.

        liquidation_bar: the bar after whose fills everything is sold, if any.
        """
        if liquidation_bar is not None:
            self._plan(liquidation_bar, LIQUIDATE)
        while self._events:
            when, leg = divmod(heappop(self._events), len(self._legs))
            bar, step = divmod(when, STEPS)
            if step == self._moment + ENTER:
                self._enter_all(bar, [leg, *self._pop_simultaneous(when)])
            elif step == ACCRUE:
                self._account.accrue(bar, self._nights.item(bar))
            elif step == PAY_OUT:
                self._account.pay_out(leg, bar)
            elif step == LIQUIDATE:
                self._liquidate(bar)
            elif step == self._moment + REBALANCE:
                self._account.rebalance(bar)
                if self._account.goes_on and bar + 1 < len(self._nights):
                    self._plan(bar + 1, step)
            else:
                self._leave(leg, bar)
        return self._account

    def _pop_simultaneous(self, when: int) -> list[int]:
        """Take the other events of the same moment off the heap; return their legs."""
        end, legs = (when + 1) * len(self._legs), list[int]()
        while self._events and self._events[0] < end:
            legs.append(heappop(self._events) % len(self._legs))
        return legs

    def _await_entry(self, leg: int, order: int) -> None:
        """Plan the entry of a flat leg: its first order from `order` on that may open a position."""
        orders = self._orders[leg]
        self._next[leg] = entry = orders.entries[order]
        if entry < len(orders.bars):
            bar = self._bar_of[leg].item(orders.bars[entry])
            self._plan(bar, self._moment + ENTER, leg)

    def _await_exit(self, leg: int, planned: Exit) -> None:
        self._exits[leg] = planned
        self._plan(self._bar_of[leg].item(planned.leg_bar), LEAVE[planned.at], leg)

    def _enter_all(self, bar: int, legs: list[int]) -> None:
        """Open positions of legs whose orders fill at the same moment, by priority."""
        if self._sharing.mode == "shared" and self._legs[0].priority is not None:
            legs.sort(key=self._rank)
        for leg, power in zip(legs, self._account.buying_powers(bar, legs), strict=True):
            self._enter(leg, bar, power)

    def _rank(self, leg: int) -> float:
        """Return a sort key: the highest priority first, NaN last; equal ones stay in the order of the legs."""
        priority = self._legs[leg].priority
        assert priority is not None
        bar = self._orders[leg].bars[self._next[leg]] - self._sharing.next_open
        value: float = priority.item(bar)
        return -value if value == value else inf

    def _enter(self, leg: int, bar: int, power: BuyingPower) -> None:
        orders, order, account = self._orders[leg], self._next[leg], self._account
        price, side = orders.prices[order], orders.sides[order]
        shares, reason = self._affordable(leg, bar, price, power)
        if not shares:
            account.left_out.append(LeftOut(bar, leg, "BUY" if side > 0 else "SELL", reason))
            self._await_entry(leg, order + 1)
            return
        account.trade(leg, bar, self._sharing.moment, "signal", price, side * shares)
        power.take(price * shares, account.cash[account.pools[leg]])
        if planned := self._exit_of(leg, order):
            self._await_exit(leg, planned)

    def _affordable(
        self, leg: int, bar: int, price: float, power: BuyingPower
    ) -> tuple[float, str]:
        most, limit_pct = self._sharing.max_positions, self._sharing.max_weight_pct
        if most is not None and np.count_nonzero(self._account.shares) >= most:
            return 0.0, "no_place"
        if limit_pct is None:
            return power.affordable(price)
        positions = self._account.position_values(bar)
        in_ticker = positions[self._ticker_of == self._ticker_of[leg]]
        return power.affordable(price, limit_pct / 100.0, total(np.abs(in_ticker)))

    def _exit_of(self, leg: int, order: int) -> Exit | None:
        """Return the end of the position that `order` opened: a stop or target, or the exit signal."""
        orders, sharing = self._orders[leg], self._sharing
        following = orders.exits[order]
        if hit := self._hit(leg, order, following):
            price = hit.price
            if hit.reason != "take_profit":
                price = sharing.slipped(price, buys=orders.sides[order] < 0)
            # a position that ended at a close is not reopened at the same close
            later = bisect_left(orders.bars, hit.bar + sharing.next_open + (hit.at == "close"))
            return Exit(hit.bar, hit.at, hit.reason, price, min(later, following))
        if following == len(orders.bars):
            return None
        bar, price = orders.bars[following], orders.prices[following]
        return Exit(bar, sharing.moment, "signal", price, following)

    def _hit(self, leg: int, order: int, following: int) -> StopHit | None:
        """Return the stop or target hit: as in the engine, from the bar after an entry at a close, or at once."""
        orders, stops = self._orders[leg], self._legs[leg].stops
        next_open = self._sharing.next_open
        if stops is None:
            return None
        entry_bar = orders.bars[order]
        start, stop, open_only = entry_bar + (not next_open), len(self._legs[leg].bars), None
        if following < len(orders.bars):
            exit_bar = orders.bars[following]
            stop, open_only = (exit_bar, exit_bar) if next_open else (exit_bar + 1, None)
        return stops.first_hit(
            orders.sides[order], orders.prices[order], entry_bar, start, stop, open_only
        )

    def _leave(self, leg: int, bar: int) -> None:
        """End a position as planned, and plan the leg's next entry."""
        planned, shares = self._exits.pop(leg), self._account.shares.item(leg)
        self._account.trade(leg, bar, planned.at, planned.reason, planned.price, -shares)
        self._await_entry(leg, planned.next_order)

    def _liquidate(self, bar: int) -> None:
        """Close every position as an order of this bar would, unless a level ends it earlier; drop later entries."""
        kept = (ACCRUE, PAY_OUT)
        self._events = sorted(
            each for each in self._events if each // len(self._legs) % STEPS in kept
        )
        for leg in np.flatnonzero(self._account.shares).tolist():
            if planned := self._liquidation_of(leg, bar):
                self._await_exit(leg, planned._replace(next_order=len(self._orders[leg].bars)))

    def _liquidation_of(self, leg: int, bar: int) -> Exit | None:
        bars, planned, sharing = self._legs[leg].bars, self._exits.get(leg), self._sharing
        leg_bar = bisect_left(self._bar_of[leg], bar + sharing.next_open)
        liquidation = (leg_bar, self._moment, False)
        if planned:
            exit_order = (planned.leg_bar, LEAVE[planned.at], planned.reason in ORDERED)
            if exit_order <= liquidation:
                return planned
        if leg_bar == len(bars):
            return None
        price = (bars.open if sharing.next_open else bars.close).item(leg_bar)
        price = sharing.slipped(price, buys=self._account.shares.item(leg) < 0)
        return Exit(leg_bar, sharing.moment, "liquidation", price, 0)


def trade_together(
    sharing: SharingTerms, legs: Sequence[Leg], liquidate_below_pct: float | None = None
) -> PortfolioResult:
    """Trade one or more legs in one account and return the result.

    liquidate_below_pct: of the initial capital; after the first close with that equity or less everything is sold, and
    nothing is traded afterwards.
    """
    calendar = Calendar(legs)
    result = PortfolioResult(Walk(sharing, legs, calendar).run())
    if liquidate_below_pct is None:
        return result
    passed = result.equity_curve <= sharing.terms.initial_capital * liquidate_below_pct / 100.0
    last = len(calendar) - sharing.next_open  # the last bar has no later open to sell at
    if not passed[:last].any():
        return result
    return PortfolioResult(Walk(sharing, legs, calendar).run(int(passed.argmax())))
