"""Exits that the engine does not have: after a number of bars, at a multiple of the ATR, and buys that only close.

The engine asks its stops for the first bar on which a position ends before its signal does. Here they answer with more
reasons, so that signals, sizes, rejected orders and the other stops count as they do in the engine. The engine is
frozen, so its inner names, on which this relies, stay.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.bars import Bars, check_bars, check_first_bar, check_signals
from engine.engine import BacktestEngine, _check_optional
from engine.ledger import Ledger
from engine.simulation import Simulation
from engine.stops import StopHit, Stops
from rules.prices import Prices

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class EngineWithExits(BacktestEngine):
    """The engine with exits of its own kind; docs/engine.md states their rules. Without any it is the engine.

    exit_after_bars: whole bars, >= 1, or None. atr_stop_multiple: of the ATR over atr_stop_period bars at the entry,
    0 < x <= 50, or None. short_only: sells open and buys only close; needs direction "longshort".
    """

    exit_after_bars: int | None = None
    atr_stop_multiple: float | None = None
    atr_stop_period: int = 14
    short_only: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_optional(
            "exit_after_bars",
            self.exit_after_bars,
            "of whole bars from 1, or None",
            lambda x: x >= 1 and x % 1 == 0,
        )
        _check_optional(
            "atr_stop_multiple",
            self.atr_stop_multiple,
            "above 0 and at most 50, or None",
            lambda x: 0 < x <= 50,
        )
        if self.short_only and self.direction != "longshort":
            raise ValueError(f"short_only: needs direction 'longshort', got {self.direction!r}")

    def _trade(
        self,
        data: Mapping[str, Any] | Bars,
        strategy_func: Callable[[Any], Array],
        first_bar: int,
    ) -> tuple[Ledger, Bars, Array]:
        """The engine's steps, with other stops, and without the buys of a short-only run."""
        if self._is_plain:
            return super()._trade(data, strategy_func, first_bar)
        whole = check_bars(data)
        first_bar = check_first_bar(first_bar, len(whole))
        signals = check_signals(strategy_func(whole.source), len(whole))[first_bar:]
        bars = whole.since(first_bar)
        orders = np.minimum(signals, 0) if self.short_only else signals
        simulation = self._simulation(bars, orders, Exits(self, bars, signals))
        simulation.walk()
        return simulation.ledger, bars, signals

    @property
    def _is_plain(self) -> bool:
        return not (self.exit_after_bars or self.atr_stop_multiple or self.short_only)

    def _simulation(self, bars: Bars, orders: Array, stops: "Exits") -> Simulation:
        return SimulationWithExits(bars, orders, self._terms, stops)


class SimulationWithExits(Simulation):
    """A position that ended at a close is not opened again at that very close, which would only cost fees."""

    def _first_order_since(self, bar: int) -> int:
        left_at = self.ledger.hits[len(self.ledger.accounts) - 1].at
        return super()._first_order_since(bar + (left_at == "close"))


class Exits(Stops):
    """Watches positions as the engine's stops do, each with an ATR stop and a bar at which it ends at the latest."""

    def __init__(self, engine: EngineWithExits, bars: Bars, signals: Array) -> None:
        super().__init__(
            bars, engine.stop_loss_pct, engine.take_profit_pct, engine.trailing_stop_pct
        )
        self._delay = int(engine.fill == "next_open")
        self._fills = bars.open if self._delay else bars.close
        self._fixed_stop_pct = engine.stop_loss_pct or math.inf
        self._exit_after_bars = int(engine.exit_after_bars or len(bars))
        buys = signals[: len(bars) - self._delay] > 0 if engine.short_only else ()
        self._closing_bars = np.flatnonzero(buys) + self._delay
        self._distance = np.full(len(bars), math.inf)
        if engine.atr_stop_multiple:
            prices = Prices(bars.source)  # the whole history
            atr = prices.indicator("atr", ("High", "Low", "Close"), engine.atr_stop_period)[
                -len(bars) :
            ]
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
        """As the engine's; an ATR stop is a stop-loss whose percent is that of the entry's ATR, if it is the nearer."""
        atr_pct = self._distance.item(entry_bar - self._delay) / entry_price * 100.0
        self._stop_loss_pct = min(atr_pct, self._fixed_stop_pct)
        latest = self._latest_exit(entry_bar)
        due = latest.bar <= (stop - 1 if open_only is None else open_only)
        if due:
            stop, open_only = (latest.bar, latest.bar) if self._delay else (latest.bar + 1, None)
        hit = super().first_hit(side, entry_price, entry_bar, start, stop, open_only)
        if hit is None:
            return latest._replace(price=self._fills.item(latest.bar)) if due else None
        by_atr = hit.reason == "stop_loss" and atr_pct < self._fixed_stop_pct
        return hit._replace(reason="atr_stop") if by_atr else hit

    def _latest_exit(self, entry_bar: int) -> StopHit:
        """Where a position ends if nothing ends it before, perhaps beyond the last bar; the price is not known yet."""
        at, bar = "open" if self._delay else "close", entry_bar + self._exit_after_bars
        later = int(self._closing_bars.searchsorted(entry_bar))
        if later < len(self._closing_bars) and (buy := self._closing_bars.item(later)) < bar:
            return StopHit(buy, math.nan, "signal", at)
        return StopHit(bar, math.nan, "time_exit", at)
