"""Signals of many legs to fills in one account: from event to event in time, never from bar to bar.

A leg that is flat waits for its next order. One in a position knows at which of its own bars a stop or an order ends
it, since no other leg changes that. So each leg has at most one event ahead, and a heap holds them in order.
"""

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from math import inf
from typing import NamedTuple

import numpy as np

from engine.stops import StopHit
from portfolio.account import Account, LeftOut, total
from portfolio.legs import Calendar, Leg, Orders
from portfolio.room import Room
from portfolio.sharing import Sharing
from portfolio.sleeves import Sleeves

# what comes first within a bar
ACCRUE, LEAVE_AT_OPEN, REBALANCE_AT_OPEN, ENTER_AT_OPEN, LEAVE_WITHIN = range(5)
LEAVE_AT_CLOSE, REBALANCE_AT_CLOSE, ENTER_AT_CLOSE, PAY_OUT = range(5, 9)
STEPS = 9
LEAVE_AT = {"open": LEAVE_AT_OPEN, "intrabar": LEAVE_WITHIN, "close": LEAVE_AT_CLOSE}
# reasons of exits that are no level of a stop or target
ORDERED = frozenset({"signal", "time_exit"})


class Exit(NamedTuple):
    """How a leg's open position ends: on its own bar, and from which order on the leg waits then."""

    own_bar: int
    at: str
    reason: str
    price: float
    next_order: int


class Walk:
    """One portfolio; after `go` its `account` holds what happened.

    liquidated: the bar after whose fills everything is to be sold, if any.
    """

    def __init__(
        self, sharing: Sharing, legs: Sequence[Leg], calendar: Calendar, liquidated: int | None
    ) -> None:
        self.sharing, self.legs, self.calendar = sharing, legs, calendar
        self._next_open, self._slippage = sharing.next_open, sharing.slippage
        self._moment = "open" if self._next_open else "close"
        self._entering = ENTER_AT_OPEN if self._next_open else ENTER_AT_CLOSE
        self._orders = [
            Orders(leg, self._next_open, self._slippage, sharing.longshort) for leg in legs
        ]
        self._bar_of = calendar.bar_of
        self._next = [0] * len(legs)
        self._exits: list[Exit | None] = [None] * len(legs)
        self._sleeves = Sleeves(sharing, legs, calendar) if sharing.mode == "sleeves" else None
        parts = self._sleeves.weights.tolist() if self._sleeves else [1.0]
        self.account = Account(
            sharing,
            legs,
            calendar,
            [float(sharing.terms.initial_capital) * part for part in parts],
        )
        self._of_ticker = {
            leg.ticker: [n for n, other in enumerate(legs) if other.ticker == leg.ticker]
            for leg in legs
        }
        self._liquidated, self._is_over = liquidated, False
        self._events = self._planned()
        for leg in range(len(legs)):
            self._await_entry(leg, 0)

    def _planned(self) -> list[int]:
        """The events that are known from the start, as a heap."""
        events = [
            self._event(self._bar_of[leg].item(-1), PAY_OUT, leg)
            for leg, each in enumerate(self.legs)
            if each.ends
        ]
        if self._sleeves:
            step = REBALANCE_AT_OPEN if self._next_open else REBALANCE_AT_CLOSE
            events += [self._event(bar, step, 0) for bar in self._sleeves.looks]
        if self.sharing.accrual:
            dates = self.calendar.times.astype("datetime64[D]").astype(int)
            self._nights = np.diff(dates, prepend=dates[:1])
            events += [
                self._event(bar, ACCRUE, 0) for bar in np.flatnonzero(self._nights).tolist()
            ]
        heapify(events)
        return events

    def _event(self, bar: int, step: int, leg: int) -> int:
        return (bar * STEPS + step) * len(self.legs) + leg

    def go(self) -> None:
        """Every event in order; those that fall together are of legs in their order."""
        events, count = self._events, len(self.legs)
        while events or self._liquidates_before(len(self.calendar)):
            if self._liquidates_before(
                events[0] // count // STEPS if events else len(self.calendar)
            ):
                self._liquidate()
                continue
            when, leg = divmod(heappop(events), count)
            bar, step = divmod(when, STEPS)
            if step == self._entering:
                self._enter_all(bar, [leg, *self._together(when)])
            elif step == ACCRUE:
                self.account.accrue(bar, self._nights.item(bar))
            elif step == PAY_OUT:
                self._pay_out(leg, bar)
            elif step in (REBALANCE_AT_OPEN, REBALANCE_AT_CLOSE) and self._sleeves:
                self._sleeves.rebalance(bar, self.account)
            else:
                self._leave(leg, bar)

    def _together(self, when: int) -> list[int]:
        """The legs of the other events of the same moment, which are taken off the heap."""
        events, end, found = self._events, (when + 1) * len(self.legs), list[int]()
        while events and events[0] < end:
            found.append(heappop(events) % len(self.legs))
        return found

    def _await_entry(self, leg: int, order: int) -> None:
        """Let a flat leg wait for its first order from `order` on that may open a position."""
        orders = self._orders[leg]
        entry = orders.entries[order]
        if entry < len(orders.bars) and not self._is_over:
            self._next[leg] = entry
            heappush(
                self._events,
                self._event(self._bar_of[leg].item(orders.bars[entry]), self._entering, leg),
            )

    def _await_exit(self, leg: int, planned: Exit | None) -> None:
        self._exits[leg] = planned
        if planned:
            bar = self._bar_of[leg].item(planned.own_bar)
            heappush(self._events, self._event(bar, LEAVE_AT[planned.at], leg))

    def _enter_all(self, bar: int, legs: list[int]) -> None:
        """Open positions of legs whose orders fall together, the first in priority first."""
        if self._sleeves:
            for leg in legs:
                self._enter(leg, bar, Room(self.sharing, self.account.cash[leg], 0.0, 0.0))
            return
        if len(legs) > 1 and self.legs[0].priority is not None:
            legs.sort(key=self._rank)
        values = self.account.held(bar)
        room = Room(self.sharing, self.account.cash[0], total(values), total(np.abs(values)))
        for leg in legs:
            self._enter(leg, bar, room)

    def _rank(self, leg: int) -> float:
        """Sorts the highest priority first and what has none last; equals stay in the order of legs."""
        priority = self.legs[leg].priority
        assert priority is not None
        value: float = priority.item(self._orders[leg].bars[self._next[leg]] - self._next_open)
        return -value if value == value else inf

    def _enter(self, leg: int, bar: int, room: Room) -> None:
        orders, order, account = self._orders[leg], self._next[leg], self.account
        price, side = orders.prices[order], orders.sides[order]
        shares, reason = self._affordable(leg, bar, price, room)
        if not shares:
            account.left_out.append(LeftOut(bar, leg, "BUY" if side > 0 else "SELL", reason))
            self._await_entry(leg, order + 1)
            return
        account.trade(leg, bar, self._moment, "signal", price, side * shares)
        room.take(price * shares, account.cash[account.pools[leg]])
        self._await_exit(leg, self._exit_of(leg, order))

    def _affordable(self, leg: int, bar: int, price: float, room: Room) -> tuple[float, str]:
        most, limit_pct = self.sharing.max_positions, self.sharing.max_weight_pct
        if most is not None and self.account.positions >= most:
            return 0.0, "no_place"
        if limit_pct is None:
            return room.affordable(price)
        alike = self._of_ticker[self.legs[leg].ticker]
        return room.affordable(
            price, limit_pct / 100.0, total(np.abs(self.account.held(bar)[alike]))
        )

    def _exit_of(self, leg: int, order: int) -> Exit | None:
        """How the position that `order` opened ends: by a stop or target before its signal does, or by that."""
        orders = self._orders[leg]
        following = orders.exits[order]
        if hit := self._hit(leg, order, following):
            slippage = 0.0 if hit.reason == "take_profit" else self._slippage
            factor = 1.0 - slippage if orders.sides[order] > 0 else 1.0 + slippage
            # a position that ended at a close is not opened again at that very close
            later = bisect_left(orders.bars, hit.bar + self._next_open + (hit.at == "close"))
            return Exit(hit.bar, hit.at, hit.reason, hit.price * factor, min(later, following))
        if following < len(orders.bars):
            return Exit(
                orders.bars[following],
                self._moment,
                "signal",
                orders.prices[following],
                following,
            )
        return None

    def _hit(self, leg: int, order: int, following: int) -> StopHit | None:
        """As the engine asks: opened at a close, a position is at risk from the next bar on; at an open, at once."""
        orders, stops = self._orders[leg], self.legs[leg].stops
        if stops is None:
            return None
        entry_bar = orders.bars[order]
        start, stop, open_only = entry_bar + (not self._next_open), len(self.legs[leg].bars), None
        if following < len(orders.bars):
            exit_bar = orders.bars[following]
            stop, open_only = (exit_bar, exit_bar) if self._next_open else (exit_bar + 1, None)
        return stops.first_hit(
            orders.sides[order], orders.prices[order], entry_bar, start, stop, open_only
        )

    def _leave(self, leg: int, bar: int) -> None:
        """End a position as planned, and let the leg wait for its next order."""
        planned = self._exits[leg]
        assert planned is not None
        self._exits[leg] = None
        self.account.trade(
            leg, bar, planned.at, planned.reason, planned.price, -self.account.shares.item(leg)
        )
        self._await_entry(leg, planned.next_order)

    def _pay_out(self, leg: int, bar: int) -> None:
        self.account.pay_out(leg, bar, self.legs[leg].bars.close.item(-1))
        if self._sleeves:
            self._sleeves.end(leg)

    def _liquidates_before(self, bar: int) -> bool:
        return not self._is_over and self._liquidated is not None and bar > self._liquidated

    def _liquidate(self) -> None:
        """Sell everything as an order of the liquidation's bar would, unless a level ends a position before that."""
        self._is_over = True
        count = len(self.legs)
        self._events[:] = [
            each for each in self._events if each // count % STEPS in (ACCRUE, PAY_OUT)
        ]
        heapify(self._events)
        for leg in np.flatnonzero(self.account.shares).tolist():
            self._await_exit(leg, self._liquidation_of(leg))

    def _liquidation_of(self, leg: int) -> Exit | None:
        assert self._liquidated is not None
        bars, planned = self.legs[leg].bars, self._exits[leg]
        own_bar = bisect_left(self._bar_of[leg], self._liquidated + self._next_open)
        if planned and (planned.own_bar, LEAVE_AT[planned.at], planned.reason in ORDERED) <= (
            own_bar,
            LEAVE_AT[self._moment],
            False,
        ):
            return planned
        if own_bar == len(bars):
            return None
        price = (bars.open if self._next_open else bars.close).item(own_bar)
        factor = 1.0 - self._slippage if self.account.shares[leg] > 0 else 1.0 + self._slippage
        return Exit(own_bar, self._moment, "liquidation", price * factor, 0)
