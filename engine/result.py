"""What a run hands back: plain frozen records in bar numbers; timestamps are the caller's business."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.ledger import Fill, Ledger, RejectedOrder
from engine.metrics import PerformanceMetrics


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


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """The outcome of one run; bars are numbered from the run's first_bar, and all arrays begin there.

    equity_curve: (bars,) float64, equity after each bar. signals: (bars,) int8. The properties below are worked out
    from the ledger when first read, so that a run of which only the equity is wanted does not pay for them.
    """

    ticker: str
    equity_curve: np.ndarray
    signals: np.ndarray
    metrics: PerformanceMetrics
    last_close: float
    ledger: Ledger
    engine_version: str

    @cached_property
    def fills(self) -> tuple[Fill, ...]:
        """Every execution in order: entries and exits in turn."""
        return self.ledger.fills()

    @cached_property
    def rejected_orders(self) -> tuple[RejectedOrder, ...]:
        """Every opening order that bought nothing, in order."""
        return self.ledger.rejected_orders()

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """All trades in order of entry, the open one included."""
        entries, exits = self.fills[0::2], self.fills[1::2]
        pairs = enumerate(zip(entries, exits, strict=False))
        trades = [_trade(number, entry, exit_, self.ledger.fee_rate, False) for number, (entry, exit_) in pairs]
        if len(entries) > len(exits):
            end = Fill(len(self.equity_curve) - 1, "close", "end_of_data", self.last_close, 0.0, self.ledger.cash)
            trades.append(_trade(len(exits), entries[-1], end, self.ledger.fee_rate, True))
        return tuple(trades)

    @property
    def cash_curve(self) -> np.ndarray:
        """Cash after each bar's fills, (bars,) float64; equity = cash + shares * close."""
        return self.ledger.curves(len(self.equity_curve))[0]

    @property
    def shares_curve(self) -> np.ndarray:
        """Shares held after each bar's fills, (bars,) float64, negative when short."""
        return self.ledger.curves(len(self.equity_curve))[1]


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
