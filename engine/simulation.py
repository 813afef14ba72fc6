"""Signals to fills: the walk from order to order.

Signals of one side that follow each other, with zeros between them, form a streak; only its first order can matter
unless that one is rejected or a stop closes the position. So the walk goes from streak to streak, not from bar to bar.
"""

from math import floor
from typing import NamedTuple

import numpy as np

from engine.bars import Bars
from engine.ledger import Ledger
from engine.stops import StopHit, Stops

SHARE_ROUNDING = 1e-9  # shares; 99.9999999999 is 100 shares seen through floating point
FEW_STREAKS = 16  # up to here a loop over trades is quicker than arrays of trades
SKIP_MARGIN = 1.0 + 1e-6  # prices this far above the price of one affordable share are rejected unseen


class Terms(NamedTuple):
    """The conditions that every order of a run is filled under."""

    initial_capital: float
    fee_rate: float
    slippage: float
    position_size: float
    percent: bool
    longshort: bool
    next_open: bool
    fractional_shares: bool


class Simulation:
    """One run over checked bars and signals; after `walk` its `ledger` holds the fills and the rejected orders.

    Orders are numbered as their signals stand in time; `starts[k]` to `starts[k + 1] - 1` are the orders of streak k,
    all of one side.
    """

    def __init__(self, bars: Bars, signals: np.ndarray, terms: Terms, stops: Stops | None) -> None:
        self.ledger = Ledger(terms.initial_capital, terms.fee_rate, "open" if terms.next_open else "close")
        self._stops = stops
        self._value = None if terms.percent else terms.position_size
        self._percent = terms.position_size
        self._longshort, self._next_open, self._fractional = terms.longshort, terms.next_open, terms.fractional_shares
        self._slippage, self._cost_factor = terms.slippage, 1.0 + terms.fee_rate
        self._bars = len(bars)
        self._place_orders(bars, signals, terms)

    def _place_orders(self, bars: Bars, signals: np.ndarray, terms: Terms) -> None:
        """Number the orders; note the bar, side and price that each would fill at."""
        delay = 1 if terms.next_open else 0
        # With next_open the last bar's signal has no bar left to fill on.
        fill_bars = (signals[: len(signals) - delay] != 0).nonzero()[0]
        sides = signals[fill_bars]
        fill_bars += delay
        prices = (bars.open if terms.next_open else bars.close)[fill_bars]
        if terms.slippage:
            prices *= np.where(sides > 0, 1.0 + terms.slippage, 1.0 - terms.slippage)
        turned = np.ones(len(sides) + 1, dtype=np.bool_)
        np.not_equal(sides[1:], sides[:-1], out=turned[1:-1])
        self._starts = turned.nonzero()[0]
        self._fill_bars, self._prices, self._sides = fill_bars, prices, sides
        # One number costs half as much from a memoryview as from an array.
        self._bar, self._price, self._side = fill_bars.data, prices.data, sides.data

    def walk(self) -> None:
        """Open and close positions from the first order to the last."""
        many = len(self._starts) > FEW_STREAKS
        if not (many and self._stops is None and self._value is not None and self._trade_at_once(self._value)):
            self._trade_in_turn()

    def _trade_at_once(self, value: float) -> bool:
        """Book all trades by array where the first order of each streak is filled for `value`; whether that was so.

        The same operations in the same order as in turn, so the bits are the same. Once cash binds or an order buys
        nothing, what follows depends on that: then nothing is booked, and all of it is left to `_trade_in_turn`.
        """
        orders = self._orders_filled()
        prices = self._prices[orders]
        with np.errstate(over="ignore", invalid="ignore"):  # sizes beyond all cash are refused below
            wanted = value / prices[::2]
            shares = wanted if self._fractional else np.floor(wanted + SHARE_ROUNDING)
            signed = shares * self._sides[orders[::2]]
            cash = self.ledger.cash_after(prices, signed)
            caps = cash[: len(prices) : 2] / (prices[::2] * self._cost_factor)
        if not shares.all() or (caps < wanted).any():
            return False
        self.ledger.book(self._fill_bars[orders], prices, signed, cash)
        return True

    def _orders_filled(self) -> np.ndarray:
        """The order behind each fill, entries and exits in turn, if every streak's first order is filled."""
        firsts = self._starts[:-1]
        if self._longshort:
            return firsts.repeat(2)[1:]
        return firsts[1:] if self._sides[0] < 0 else firsts

    def _trade_in_turn(self) -> None:
        """Open and close one position after the other, each with the cash that the one before left."""
        starts, leave, bars, prices = self._starts.tolist(), self.ledger.leave, self._bar, self._price
        stops, last = self._stops, len(starts) - 1
        streak = order = 0
        while streak < last:
            entered = self._enter(order, starts[streak + 1])
            if stops is not None and entered and (hit := self._stop_hit(stops, starts[streak + 1])):
                self._leave_at(hit)
                order = min(self._first_order_since(hit.bar), starts[streak + 1])
                streak += order == starts[streak + 1]
                continue
            streak += 1
            order = starts[streak]
            if entered and streak < last:
                leave(bars[order], prices[order])

    def _enter(self, order: int, stop: int) -> bool:
        """Open a position with the first order of `order` to `stop - 1` that buys anything; whether one did."""
        side = self._side[order]
        if side < 0 and not self._longshort:
            return False
        price = self._price[order]
        shares = self._affordable_shares(price)
        if shares <= 0.0:
            first, order = order, self._next_affordable(order, stop)
            self.ledger.rejected.append((self._fill_bars[first:order], side, self._rejection_reason()))
            if order == stop:
                return False
            price = self._price[order]
            shares = self._affordable_shares(price)
        self.ledger.enter(self._bar[order], price, side * shares)
        return True

    def _affordable_shares(self, price: float) -> float:
        """min(budget / price, cash / (price * (1 + fee_rate))), whole unless fractional; long or short alike."""
        shares = self._budget() / price
        cap = self.ledger.cash / (price * self._cost_factor)
        if cap < shares:
            shares = cap
        return shares if self._fractional else float(floor(shares + SHARE_ROUNDING))

    def _budget(self) -> float:
        """Money for one trade. Orders are sized when flat, so cash is equity."""
        return self._value or self.ledger.cash * self._percent / 100.0

    def _next_affordable(self, order: int, stop: int) -> int:
        """The first order after the rejected `order` and before `stop` that buys anything, or `stop`.

        Cash stays as it is while flat, so only the price decides: numpy skips the prices that cannot be affordable.
        """
        if self._fractional or self.ledger.cash <= 0.0:
            return stop
        limit = min(self._budget(), self.ledger.cash / self._cost_factor) * SKIP_MARGIN
        for later in (self._prices[order + 1 : stop] <= limit).nonzero()[0].tolist():
            if self._affordable_shares(self._price[order + 1 + later]) > 0.0:
                return int(order + 1 + later)
        return stop

    def _rejection_reason(self) -> str:
        if self.ledger.cash <= 0.0:
            return "no_cash"
        budget_binds = self._budget() < self.ledger.cash / self._cost_factor
        return "budget_below_one_share" if budget_binds else "cash_below_one_share"

    def _stop_hit(self, stops: Stops, exit_order: int) -> StopHit | None:
        """The stop or target that ends the open position before order `exit_order` does."""
        entry_bar, entry_price, shares, _ = self.ledger.accounts[-1]
        # A position opened at a close is first at risk on the next bar, one opened at an open on the same bar.
        start = entry_bar if self._next_open else entry_bar + 1
        stop, open_only = self._bars, None
        if exit_order < len(self._bar):
            exit_bar = self._bar[exit_order]
            stop, open_only = (exit_bar, exit_bar) if self._next_open else (exit_bar + 1, None)
        return stops.first_hit(1 if shares > 0 else -1, entry_price, entry_bar, start, stop, open_only)

    def _leave_at(self, hit: StopHit) -> None:
        """Leave the position at a stop or target. Slippage, against the trade, applies to stops, not to targets."""
        ledger = self.ledger
        slippage = 0.0 if hit.reason == "take_profit" else self._slippage
        factor = 1.0 - slippage if ledger.shares > 0 else 1.0 + slippage
        ledger.hits[len(ledger.accounts)] = hit
        ledger.leave(hit.bar, hit.price * factor)

    def _first_order_since(self, bar: int) -> int:
        """The first order whose signal stands on `bar` or later: after a stop that bar's signal may open again."""
        return int(self._fill_bars.searchsorted(bar + 1 if self._next_open else bar))
