"""The engine with all terms of a run: more exits, interest, borrow fees, and liquidation.

The engine asks its stops for the first bar on which a position ends before its signal ends it. The stops here know more
reasons, while signals, sizes, rejected orders and the other stops work as in the engine; and the account earns interest
and pays fees. This relies on inner names of the engine, which is frozen.
"""

import math
import sys
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from adapters.metrics.curves import AccountRates
from contracts.run_request import minute_of_day
from engine.bars import Bars, check_bars, check_first_bar, check_signals
from engine.engine import BacktestEngine, _check_optional
from engine.ledger import Booked, Ledger
from engine.simulation import Simulation
from engine.stops import StopHit, Stops
from rules.prices import LOCAL, TIME, Prices

Array = np.ndarray[Any, np.dtype[Any]]

DAY_S = 86_400
ACCEPTED: dict[str, tuple[str, Callable[[float], bool]]] = {
    "exit_after_bars": ("of whole bars from 1, or None", lambda x: x >= 1 and x % 1 == 0),
    "atr_stop_multiple": ("above 0 and at most 50, or None", lambda x: 0 < x <= 50),
    "borrow_rate": ("from 0 to below 1", lambda x: 0 <= x < 1),
    "cash_rate": ("from 0 to below 1", lambda x: 0 <= x < 1),
    "liquidate_below_pct": ("from 0 to below 100, or None", lambda x: 0 <= x < 100),
}


@dataclass(frozen=True)
class RunEngine(BacktestEngine):
    """The engine with more terms; docs/engine.md has their rules. Without any it equals the engine.

    exit_after_bars: whole bars, >= 1, or None. atr_stop_multiple: of the ATR over atr_stop_period bars at the entry,
    0 < x <= 50, or None. flat_at: HH:MM by the exchange's clock, or None: positions are closed on the first bar at or
    after it, and bars from then on have no orders until the next session. short_only: sells open and buys only close;
    needs direction "longshort". borrow_rate: of the value of shorts, cash_rate: on idle cash; fractions per year,
    0 <= x < 1. With one of them, or flat_at, the data needs the bars' times, as its column Time (datetime64) or as the
    index of a DataFrame. liquidate_below_pct: of the initial capital, 0 <= x < 100, or None: after the first close at
    or below it all is sold, and trading ends.
    """

    exit_after_bars: int | None = None
    atr_stop_multiple: float | None = None
    atr_stop_period: int = 14
    flat_at: str | None = None
    short_only: bool = False
    borrow_rate: float = 0.0
    cash_rate: float = 0.0
    liquidate_below_pct: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, (accepted, inside) in ACCEPTED.items():
            _check_optional(name, getattr(self, name), accepted, inside)
        if self.flat_at is not None and minute_of_day(self.flat_at) is None:
            raise ValueError(f"flat_at: must be HH:MM or None, got {self.flat_at!r}")
        if self.short_only and self.direction != "longshort":
            raise ValueError(f"short_only: needs direction 'longshort', got {self.direction!r}")

    @property
    def rates(self) -> AccountRates:
        """Rates of idle cash and of borrowed shares."""
        return AccountRates(float(self.borrow_rate), float(self.cash_rate))

    @property
    def _has_exits(self) -> bool:
        """True if a position may end before its signal in a way that the engine does not have."""
        return bool(
            self.exit_after_bars or self.atr_stop_multiple or self.flat_at or self.short_only
        )

    def orders(self, bars: Bars, signals: Array) -> Array:
        """Return the signals that may become orders: before `flat_at`, and only sells with short_only."""
        if self.flat_at:
            is_late = FlatAt(self.flat_at, bars).is_late
            late_fills = np.append(is_late[1:], False) if self._terms.next_open else False
            signals = np.where(is_late | late_fills, np.int8(0), signals)
        return np.minimum(signals, np.int8(0)) if self.short_only else signals

    def stops_on(self, bars: Bars, signals: Array) -> Stops | None:
        """Return the stops that end positions before their signals do; None where there are none."""
        return Exits(self, bars, signals) if self._has_exits else self._stops(bars)

    def _trade(
        self,
        data: Mapping[str, Any] | Bars,
        strategy_func: Callable[[Any], Array],
        first_bar: int,
    ) -> tuple[Ledger, Bars, Array]:
        """Trade as the engine does; if the account falls too low, trade again with a liquidation after that bar."""
        whole = check_bars(data)
        first_bar = check_first_bar(first_bar, len(whole))
        signals = check_signals(strategy_func(whole.source), len(whole))[first_bar:]
        bars = whole.since(first_bar)
        ledger = self._simulate(bars, signals)
        if self.liquidate_below_pct is not None:
            level = self.initial_capital * self.liquidate_below_pct / 100.0
            passed = ledger.equity_path(bars.close)[1:] <= level
            # with next_open the last bar has no open left to sell at
            if passed[: len(bars) - self._terms.next_open].any():
                ledger = self._simulate(bars, signals, int(passed.argmax()))
        return ledger, bars, signals

    def _simulate(self, bars: Bars, signals: Array, last_bar: int | None = None) -> Ledger:
        """Simulate all bars. last_bar: the bar after whose fills all is sold; None: no liquidation."""
        if self._has_exits or self.rates or last_bar is not None:
            simulation: Simulation = RunSimulation(self, bars, signals, last_bar)
        else:
            simulation = Simulation(bars, signals, self._terms, self._stops(bars))
        simulation.walk()
        return simulation.ledger


class FlatAt:
    """Bars on which a run may trade no more: those of a session from a time of day on, by the exchange's clock.

    next: (bars,) the first later bar at or after that time of its own date, which may be in a later session.
    """

    def __init__(self, clock: str, bars: Bars) -> None:
        local = prices_of(bars)[LOCAL][-len(bars) :]
        deadlines = np.floor(local / DAY_S) * DAY_S + (minute_of_day(clock) or 0) * 60
        self.is_late = local >= deadlines
        # clocks that go back repeat an hour
        latest = np.maximum.accumulate(local)
        self.next = np.maximum(latest.searchsorted(deadlines), np.arange(len(bars)) + 1)


def prices_of(bars: Bars) -> Prices:
    """Return the whole history of some bars with its indicators."""
    return bars.source if isinstance(bars.source, Prices) else Prices(bars.source)


class RunSimulation(Simulation):
    """The engine's simulation with more exits; with rates, cash and so sizes change while nothing is traded."""

    def __init__(
        self, engine: RunEngine, bars: Bars, signals: Array, last_bar: int | None
    ) -> None:
        terms = engine._terms
        if last_bar is not None:
            signals = signals.copy()
            signals[last_bar + 1 - terms.next_open :] = 0
        orders = engine.orders(bars, signals)
        super().__init__(bars, orders, terms, Exits(engine, bars, signals, last_bar))
        if engine.rates:
            self.ledger = LedgerWithRates(self.ledger, engine.rates, bars)

    def _first_order_since(self, bar: int) -> int:
        """Return the next order, but none at the close at which a position just ended: it would only cost fees."""
        left_at = self.ledger.hits[len(self.ledger.accounts) - 1].at
        return super()._first_order_since(bar + (left_at == "close"))

    def _enter(self, order: int, stop: int) -> bool:
        if not isinstance(self.ledger, LedgerWithRates):
            return super()._enter(order, stop)
        for number in range(order, stop):  # an order is sized by the cash of its bar
            self.ledger.settle(self._bar[number])
            if super()._enter(number, number + 1):
                return True
        return False


class Exits(Stops):
    """The engine's stops with an ATR stop and a latest bar for each position."""

    def __init__(
        self, engine: RunEngine, bars: Bars, signals: Array, last_bar: int | None = None
    ) -> None:
        super().__init__(
            bars, engine.stop_loss_pct, engine.take_profit_pct, engine.trailing_stop_pct
        )
        self._delay = int(engine.fill == "next_open")
        self._fills = bars.open if self._delay else bars.close
        self._signals = signals
        self._sold_at = sys.maxsize if last_bar is None else last_bar + self._delay
        self._fixed_stop_pct = engine.stop_loss_pct or math.inf
        self._exit_after_bars = int(engine.exit_after_bars or len(bars))
        self._flat_at = FlatAt(engine.flat_at, bars).next.tolist() if engine.flat_at else None
        buys = signals[: len(bars) - self._delay] > 0 if engine.short_only else ()
        self._closing_bars = np.append(np.flatnonzero(buys) + self._delay, len(bars))
        self._distance = np.full(len(bars), math.inf)
        if engine.atr_stop_multiple:
            columns = ("High", "Low", "Close")
            atr = prices_of(bars).indicator("atr", columns, engine.atr_stop_period)[-len(bars) :]
            self._distance = np.where(np.isnan(atr), math.inf, engine.atr_stop_multiple * atr)

    def first_hit(
        self,
        side: int,
        entry_price: float,
        entry_bar: int,
        start: int,
        stop: int,
        open_only: int | None,
    ) -> StopHit | None:
        """Extend the engine's: the ATR at the entry as a percentage is the stop-loss where it is the nearer one."""
        atr_pct = self._distance.item(entry_bar - self._delay) / entry_price * 100.0
        self._stop_loss_pct = min(atr_pct, self._fixed_stop_pct)
        latest = self._latest_exit(side, entry_bar)
        due = latest.bar <= (stop - 1 if open_only is None else open_only)
        if due:
            stop, open_only = (latest.bar, latest.bar) if self._delay else (latest.bar + 1, None)
        hit = super().first_hit(side, entry_price, entry_bar, start, stop, open_only)
        if hit is None:
            return latest._replace(price=self._fills.item(latest.bar)) if due else None
        by_atr = hit.reason == "stop_loss" and atr_pct < self._fixed_stop_pct
        return hit._replace(reason="atr_stop") if by_atr else hit

    def _latest_exit(self, side: int, entry_bar: int) -> StopHit:
        """Latest exit of a position, which may be beyond the last bar; its price is still NaN."""
        bar, reason, sold_at = entry_bar + self._exit_after_bars, "time_exit", self._sold_at
        if self._flat_at and self._flat_at[entry_bar] <= bar:
            bar, reason = self._flat_at[entry_bar], "flat_at"
        buy = self._closing_bars.item(self._closing_bars.searchsorted(entry_bar))
        if buy < bar:
            bar, reason = buy, "signal"
        # at a close, what was due there comes first, and so does an order against the position
        if sold_at < bar + self._delay and side * self._signals.item(sold_at) >= 0:
            bar, reason = sold_at, "liquidation"
        return StopHit(bar, math.nan, reason, "open" if self._delay else "close")


class LedgerWithRates(Ledger):
    """An account with interest and borrow fees, whose attributes of these names are totals so far.

    Both are booked into cash before the fills of a bar, for the calendar days since the previous bar, so that equity,
    and sizes in percent of it, include them.
    """

    def __init__(self, empty: Ledger, rates: AccountRates, bars: Bars) -> None:
        super().__init__(empty.initial_capital, empty.fee_rate, empty.moment)
        self._rates, self._close, self._settled = rates, bars.close, 0
        dates = prices_of(bars)[TIME][-len(bars) :] // DAY_S
        days = np.diff(dates, prepend=dates[0]).astype(int)
        first = np.flatnonzero(days)
        # first bar of each date, and calendar days since the previous bar
        self._nights = list(zip(first.tolist(), days[first].tolist(), strict=True))
        self._changes = [(0, 0.0, self.cash)]  # bar, signed shares and cash after it
        self.interest = self.borrow_fees = 0.0

    def settle(self, bar: int) -> None:
        """Book interest and fees up to the first fill of `bar`."""
        until = bisect_right(self._nights, bar, key=itemgetter(0))
        for first, days in self._nights[self._settled : until]:
            equity = self.cash + self.shares * self._close.item(first - 1)
            interest, fee = self._rates.accrued(self.cash, equity, days)
            self.interest += interest
            self.borrow_fees += fee
            self.cash += interest - fee
            self._changes.append((first, self.shares, self.cash))
        self._settled = until

    def enter(self, bar: int, price: float, shares: float) -> None:
        """Settle, then enter as the engine does."""
        self.settle(bar)
        super().enter(bar, price, shares)
        self._changes.append((bar, self.shares, self.cash))

    def leave(self, bar: int, price: float) -> None:
        """Settle, then leave as the engine does."""
        self.settle(bar)
        super().leave(bar, price)
        self._changes.append((bar, self.shares, self.cash))

    def curves(self, bars: int) -> tuple[Array, Array]:
        """Settle to the last bar, then return the engine's curves."""
        self.settle(bars - 1)
        return super().curves(bars)

    def _columns(self) -> Booked:
        bars, shares, cash = zip(*self._changes, strict=True)
        return Booked(
            np.array(bars[1:], dtype=np.intp), np.empty(0), np.array(shares), np.array(cash)
        )


def interest_and_fees(ledger: Ledger) -> tuple[float, float]:
    """Return the interest and the borrow fees of a whole run; 0 without rates."""
    if isinstance(ledger, LedgerWithRates):
        return ledger.interest, ledger.borrow_fees
    return 0.0, 0.0
