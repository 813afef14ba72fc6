"""Stop-loss, take-profit and trailing stop of one open position.

All prices here are signed: times +1 for a long position, -1 for a short one. A better price is then always the
larger one, a stop is always touched from above, and each rule stands here once for both sides. Negation is exact.
"""

from typing import NamedTuple

import numpy as np

from engine.bars import Bars

FIRST_WINDOW = 64  # bars looked at in one step; each further step looks at four times as many
LARGEST_WINDOW = 16_384


class StopHit(NamedTuple):
    """Where a stop or target fills: bar, price before slippage, the reason, and the moment within the bar."""

    bar: int
    price: float
    reason: str
    at: str


class SignedPrices(NamedTuple):
    """Prices (bars,) of one side, signed: open, worst and best price within the bar, close."""

    open: np.ndarray
    worst: np.ndarray
    best: np.ndarray
    close: np.ndarray


class Levels(NamedTuple):
    """The signed levels of one position: fixed stop and target, and the trailing stop's share of the best price."""

    entry: float
    stop: float
    target: float
    trailing_factor: float | None


class Stops:
    """Watches positions on `bars`; a percent that is None switches its level off."""

    def __init__(
        self,
        bars: Bars,
        stop_loss_pct: float | None,
        take_profit_pct: float | None,
        trailing_stop_pct: float | None,
    ) -> None:
        self._bars = bars
        self._stop_loss_pct = stop_loss_pct
        self._take_profit_pct = take_profit_pct
        self._trailing_stop_pct = trailing_stop_pct
        self._signed: dict[int, SignedPrices] = {}

    def first_hit(
        self, side: int, entry_price: float, entry_bar: int, start: int, stop: int, open_only: int | None
    ) -> StopHit | None:
        """The first fill of a stop or target on bars start to stop - 1, or at the open of bar `open_only`.

        side: 1 long, -1 short. start: the first bar watched, >= 1. open_only: the bar at whose open a waiting
        order would close the position anyway; a bar that opens beyond a level fills the stop first.
        """
        levels = self._levels(side, entry_price)
        prices = self._prices(side)
        best = levels.entry
        size = FIRST_WINDOW
        while start < stop:
            end = min(start + size, stop)
            level, best = _stop_levels(levels, prices.close, best, entry_bar, start, end)
            touched = (prices.worst[start:end] <= level) | (prices.best[start:end] >= levels.target)
            first = int(touched.argmax())
            if touched[first]:
                return _fill(levels, prices, start + first, _at(level, first), side)
            start, size = end, min(size * 4, LARGEST_WINDOW)
        if open_only is None:
            return None
        level, _ = _stop_levels(levels, prices.close, best, entry_bar, open_only, open_only + 1)
        return _fill_at_open(levels, prices, open_only, _at(level, 0), side)

    def _levels(self, side: int, entry_price: float) -> Levels:
        entry = side * entry_price
        stop_pct, target_pct, trailing_pct = self._stop_loss_pct, self._take_profit_pct, self._trailing_stop_pct
        return Levels(
            entry=entry,
            stop=-np.inf if stop_pct is None else entry * (1.0 - side * stop_pct / 100.0),
            target=np.inf if target_pct is None else entry * (1.0 + side * target_pct / 100.0),
            trailing_factor=None if trailing_pct is None else 1.0 - side * trailing_pct / 100.0,
        )

    def _prices(self, side: int) -> SignedPrices:
        if side not in self._signed:
            self._signed[side] = _signed_prices(self._bars, side)
        return self._signed[side]


def _signed_prices(bars: Bars, side: int) -> SignedPrices:
    opens, close = side * bars.open, side * bars.close
    high, low = side * bars.high, side * bars.low
    worst, best = (low, high) if side > 0 else (high, low)
    # A price file may round Open a hair outside Low to High: the open counts as a price of the bar all the same.
    return SignedPrices(opens, np.minimum(worst, opens), np.maximum(best, opens), close)


def _stop_levels(
    levels: Levels, close: np.ndarray, best: float, entry_bar: int, start: int, end: int
) -> tuple[np.ndarray | float, float]:
    """The nearer stop level of bars start to end - 1, and the best price known before bar `end - 1`.

    A trailing level is percent of the best of the entry price and the closes since, up to the previous bar.
    """
    if levels.trailing_factor is None:
        return levels.stop, best
    peak = close[start - 1 : end - 1].copy()
    peak[0] = best if start == entry_bar else max(best, peak.item(0))
    np.maximum.accumulate(peak, out=peak)
    return np.maximum(peak * levels.trailing_factor, levels.stop), peak.item(-1)


def _at(level: np.ndarray | float, offset: int) -> float:
    return float(level[offset]) if isinstance(level, np.ndarray) else level


def _fill_at_open(levels: Levels, prices: SignedPrices, bar: int, level: float, side: int) -> StopHit | None:
    """A bar that opens at or beyond a level fills there, at its open, before anything else."""
    opened = prices.open.item(bar)
    if opened <= level:
        return StopHit(bar, side * opened, _stop_reason(levels, level), "open")
    if opened >= levels.target:
        return StopHit(bar, side * opened, "take_profit", "open")
    return None


def _fill(levels: Levels, prices: SignedPrices, bar: int, level: float, side: int) -> StopHit:
    """Otherwise the fill is at the level; if stop and target are both touched, the stop wins."""
    at_open = _fill_at_open(levels, prices, bar, level, side)
    if at_open is not None:
        return at_open
    if prices.worst.item(bar) <= level:
        return StopHit(bar, side * level, _stop_reason(levels, level), "intrabar")
    return StopHit(bar, side * levels.target, "take_profit", "intrabar")


def _stop_reason(levels: Levels, level: float) -> str:
    return "trailing_stop" if level > levels.stop else "stop_loss"
