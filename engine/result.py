"""What a run hands back: plain frozen records in bar numbers; timestamps are the caller's business."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from engine.metrics import PerformanceMetrics

Side = Literal["BUY", "SELL"]
Moment = Literal["open", "intrabar", "close"]


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from entry to exit; a position open at the end is marked to the last close.

    side: of the entry. size: shares, > 0. entry_bar, exit_bar: numbered from the first traded bar. entry_at, exit_at:
    when within that bar ("open", "intrabar", "close"). Prices are fill prices, slippage included. entry_fees =
    fee_rate * entry_price * size. pnl_abs = (exit - entry) * size, negated for shorts, less both fees. pnl_pct =
    pnl_abs / (entry_price * size) * 100. exit_reason: signal, stop_loss, take_profit, trailing_stop, end_of_data.
    """

    trade_no: int
    side: str
    size: float
    entry_bar: int
    entry_at: str
    entry_price: float
    entry_fees: float
    exit_bar: int
    exit_at: str
    exit_price: float
    exit_fees: float
    pnl_abs: float
    pnl_pct: float
    exit_reason: str
    is_open: bool


class RejectedOrder(NamedTuple):
    """An opening order that bought nothing: the bar of its fill, its side (BUY, SELL) and the reason.

    reason: no_cash (nothing left), budget_below_one_share (position_size is too small for the price),
    cash_below_one_share (cash does not cover one share and its fee).
    """

    bar: int
    side: str
    reason: str


class Fill(NamedTuple):
    """One execution, and the account right after it."""

    bar: int
    at: str
    reason: str
    price: float
    shares_after: float
    cash_after: float


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """The outcome of one run.

    equity_curve: (bars,) float64, equity after each traded bar. signals: (bars,) int8. Both begin at the run's
    first_bar. fills: entries and exits in turn. The properties are computed when first read.
    """

    ticker: str
    equity_curve: np.ndarray
    signals: np.ndarray
    metrics: PerformanceMetrics
    rejected_orders: tuple[RejectedOrder, ...]
    fills: tuple[Fill, ...]
    initial_capital: float
    fee_rate: float
    last_close: float
    engine_version: str

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """All trades in order of entry, the open one included."""
        last = Fill(len(self.equity_curve) - 1, "close", "end_of_data", self.last_close, 0.0, 0.0)
        entries, exits = self.fills[0::2], self.fills[1::2]
        closed = [
            _trade(no, entry, exit_, self.fee_rate, False)
            for no, (entry, exit_) in enumerate(zip(entries, exits, strict=False))
        ]
        if len(entries) > len(exits):
            closed.append(_trade(len(exits), entries[-1], last, self.fee_rate, True))
        return tuple(closed)

    @cached_property
    def cash_curve(self) -> np.ndarray:
        """Cash after each traded bar, (bars,) float64; equity = cash + shares * close."""
        return self._levels([self.initial_capital] + [fill.cash_after for fill in self.fills])

    @cached_property
    def shares_curve(self) -> np.ndarray:
        """Shares held after each traded bar, (bars,) float64, negative when short."""
        return self._levels([0.0] + [fill.shares_after for fill in self.fills])

    def _levels(self, levels: list[float]) -> np.ndarray:
        bars = len(self.equity_curve)
        return np.repeat(levels, spans([fill.bar for fill in self.fills], bars))


def spans(fill_bars: list[int], bars: int) -> np.ndarray:
    """How many bars each account level lasts: (fills + 1,) integers that sum to `bars`."""
    return np.diff(np.array([0, *fill_bars, bars]))


def _trade(number: int, entry: Fill, exit_: Fill, fee_rate: float, is_open: bool) -> Trade:
    side = 1.0 if entry.shares_after > 0 else -1.0
    size = abs(entry.shares_after)
    value = entry.price * size
    entry_fees = fee_rate * value
    exit_fees = 0.0 if is_open else fee_rate * (exit_.price * size)
    pnl_abs = side * (exit_.price - entry.price) * size - entry_fees - exit_fees
    return Trade(
        trade_no=number,
        side="BUY" if side > 0 else "SELL",
        size=size,
        entry_bar=entry.bar,
        entry_at=entry.at,
        entry_price=entry.price,
        entry_fees=entry_fees,
        exit_bar=exit_.bar,
        exit_at=exit_.at,
        exit_price=exit_.price,
        exit_fees=exit_fees,
        pnl_abs=pnl_abs,
        pnl_pct=pnl_abs / value * 100.0,
        exit_reason=exit_.reason,
        is_open=is_open,
    )
