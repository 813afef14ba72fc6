"""Signals to fills: the walk over orders, and the account that each fill is booked in.

Signals of one side that follow each other, with zeros between them, form a streak; only its first order can matter
unless that one is rejected or a stop closes the position. So the walk goes from streak to streak, not from bar to bar.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.bars import Bars
from engine.result import Fill, RejectedOrder, spans
from engine.stops import StopHit, Stops

SHARE_ROUNDING = 1e-9  # shares; 99.9999999999 is 100 shares seen through floating point
SKIP_MARGIN = 1.0 + 1e-6  # prices this far above the price of one affordable share are rejected unseen


@dataclass(frozen=True, slots=True)
class Terms:
    """The conditions that every order of a run is filled under."""

    fee_rate: float
    slippage: float
    position_size: float
    percent: bool
    longshort: bool
    next_open: bool
    fractional_shares: bool


class Simulation:
    """One run over checked bars and signals; after `walk` it holds the fills and the rejected orders.

    orders are numbered as their signals stand in time. `signal_bars[i]` is the bar of order i's signal, its fill is
    `delay` bars later at `base_prices[i]` before slippage, and order numbers `starts[k]` to `starts[k + 1] - 1` are
    streak k, all of one side.
    """

    def __init__(self, bars: Bars, signals: np.ndarray, cash: float, terms: Terms, stops: Stops | None) -> None:
        self.bars = bars
        self.cash = self.initial_capital = cash
        self.shares = 0.0
        self.fills: list[Fill] = []
        self._rejected: list[tuple[int, int, str]] = []
        self._terms = terms
        self._stops = stops
        self._delay = 1 if terms.next_open else 0
        self._factors = (1.0, 1.0 + terms.slippage, 1.0 - terms.slippage)  # by side: 1 buys, -1 sells
        # With next_open the last bar's signal has no bar left to fill on.
        self._signal_bars = (signals[:-1] if terms.next_open else signals).nonzero()[0]
        self._sides = signals[self._signal_bars]
        column = bars.open if terms.next_open else bars.close
        self._base_prices = column[self._signal_bars + self._delay]
        turns = (self._sides[1:] != self._sides[:-1]).nonzero()[0]
        self._starts = [0, *(turns + 1).tolist(), len(self._sides)] if len(self._sides) else [0]

    def walk(self) -> None:
        """Open and close positions from the first order to the last."""
        starts, streak, order = self._starts, 0, 0
        last = len(starts) - 1
        while streak < last:
            if not self._enter(order, starts[streak + 1]):
                streak += 1
                order = starts[streak]
                continue
            hit = self._stop_hit(starts[streak + 1]) if self._stops else None
            if hit is not None:
                self._close(hit.bar, hit.at, hit.reason, self._stop_price(hit))
                order = min(int(self._signal_bars.searchsorted(hit.bar)), starts[streak + 1])
                streak += order == starts[streak + 1]
                continue
            streak += 1
            order = starts[streak]
            if streak < last:
                self._close(self._fill_bar(order), self._moment, "signal", self._fill_price(order))

    def equity_path(self) -> np.ndarray:
        """Initial capital, then cash + shares * close after each bar's fills: (bars + 1,) float64."""
        bars = len(self.bars)
        path = np.empty(bars + 1)
        path[0] = self.initial_capital
        lengths = spans([fill.bar for fill in self.fills], bars)
        shares = np.repeat([0.0] + [fill.shares_after for fill in self.fills], lengths)
        np.multiply(shares, self.bars.close, out=path[1:])
        path[1:] += np.repeat([self.initial_capital] + [fill.cash_after for fill in self.fills], lengths)
        return path

    def rejected_orders(self) -> tuple[RejectedOrder, ...]:
        """Every opening order that bought nothing, in order."""
        return tuple(
            RejectedOrder(bar + self._delay, "BUY" if self._sides[first] > 0 else "SELL", reason)
            for first, stop, reason in self._rejected
            for bar in self._signal_bars[first:stop].tolist()
        )

    # -- orders ------------------------------------------------------------------------------------------------------

    def _enter(self, order: int, stop: int) -> bool:
        """Open a position with the first order of `order` to `stop - 1` that buys anything; whether one did."""
        side = self._sides.item(order)
        if side < 0 and not self._terms.longshort:
            return False
        shares = self._affordable_shares(self._fill_price(order))
        if shares <= 0.0:
            first, order = order, self._next_affordable(order, stop)
            self._rejected.append((first, order, self._rejection_reason()))
            if order == stop:
                return False
            shares = self._affordable_shares(self._fill_price(order))
        self._book(self._fill_bar(order), self._moment, "signal", self._fill_price(order), side * shares)
        return True

    def _affordable_shares(self, price: float) -> float:
        """min(budget / price, cash / (price * (1 + fee_rate))), whole unless fractional; long or short alike."""
        shares = min(self._budget() / price, self.cash / (price * (1.0 + self._terms.fee_rate)))
        return shares if self._terms.fractional_shares else float(math.floor(shares + SHARE_ROUNDING))

    def _budget(self) -> float:
        """Money for one trade. Orders are sized when flat, so cash is equity."""
        return self.cash * self._terms.position_size / 100.0 if self._terms.percent else self._terms.position_size

    def _next_affordable(self, order: int, stop: int) -> int:
        """The first order after the rejected `order` and before `stop` that buys anything, or `stop`.

        Cash stays as it is while flat, so only the price decides: numpy skips the prices that cannot be affordable.
        """
        if self._terms.fractional_shares or self.cash <= 0.0:
            return stop
        limit = min(self._budget(), self.cash / (1.0 + self._terms.fee_rate)) * SKIP_MARGIN
        later = self._base_prices[order + 1 : stop] * self._factors[self._sides.item(order)]
        for candidate in (later <= limit).nonzero()[0].tolist():
            if self._affordable_shares(later.item(candidate)) > 0.0:
                return int(order + 1 + candidate)
        return stop

    def _rejection_reason(self) -> str:
        if self.cash <= 0.0:
            return "no_cash"
        budget_binds = self._budget() < self.cash / (1.0 + self._terms.fee_rate)
        return "budget_below_one_share" if budget_binds else "cash_below_one_share"

    # -- fills -------------------------------------------------------------------------------------------------------

    @property
    def _moment(self) -> str:
        return "open" if self._delay else "close"

    def _fill_bar(self, order: int) -> int:
        return int(self._signal_bars.item(order)) + self._delay

    def _fill_price(self, order: int) -> float:
        """Close of the signal's bar or open of the next, times 1 + slippage for buys and 1 - slippage for sells."""
        return float(self._base_prices.item(order)) * self._factors[self._sides.item(order)]

    def _close(self, bar: int, at: str, reason: str, price: float) -> None:
        self._book(bar, at, reason, price, -self.shares)

    def _book(self, bar: int, at: str, reason: str, price: float, shares: float) -> None:
        """Trade signed `shares` at `price`: cash pays for them, and fee_rate of their value on either side."""
        value = price * shares
        self.cash -= value + self._terms.fee_rate * abs(value)
        self.shares += shares
        self.fills.append(Fill(bar, at, reason, price, self.shares, self.cash))

    # -- stops -------------------------------------------------------------------------------------------------------

    def _stop_hit(self, exit_order: int) -> StopHit | None:
        """The stop or target that ends the open position before order `exit_order` does."""
        assert self._stops is not None
        entry = self.fills[-1]
        side = 1 if self.shares > 0 else -1
        exit_bar = self._fill_bar(exit_order) if exit_order < len(self._sides) else None
        if exit_bar is None:
            watched, open_only = len(self.bars), None
        else:
            watched, open_only = (exit_bar, exit_bar) if self._terms.next_open else (exit_bar + 1, None)
        # A position opened at a close is first at risk on the next bar, one opened at an open on the same bar.
        start = entry.bar if self._terms.next_open else entry.bar + 1
        return self._stops.first_hit(side, entry.price, entry.bar, start, watched, open_only)

    def _stop_price(self, hit: StopHit) -> float:
        """Slippage applies to stops, not to targets."""
        return hit.price if hit.reason == "take_profit" else hit.price * self._factors[-1 if self.shares > 0 else 1]
