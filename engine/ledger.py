"""The account of one run: every fill and every rejected order, in columns while the run goes on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from engine.stops import StopHit


class Fill(NamedTuple):
    """One execution, and the account right after it.

    bar: numbered from the first traded bar. at: "open", "intrabar" or "close" of it. reason: signal, stop_loss,
    take_profit or trailing_stop. price: slippage included. shares_after: signed. cash_after: fee paid.
    """

    bar: int
    at: str
    reason: str
    price: float
    shares_after: float
    cash_after: float


class RejectedOrder(NamedTuple):
    """An opening order that bought nothing: the bar it would have filled on, its side (BUY, SELL) and the reason.

    reason: no_cash (nothing left), budget_below_one_share (position_size is too small for the price),
    cash_below_one_share (cash does not cover one share and its fee).
    """

    bar: int
    side: str
    reason: str


@dataclass(slots=True, eq=False)
class Ledger:
    """Entries and exits in turn, and the account right after each; filled while the run goes on.

    moment: when within a bar the fills of signals happen, "open" or "close". hits: the stop or target behind a fill,
    by number of the fill; the other fills are of signals. rejected: (bars, side, reason) of orders rejected in a row.
    """

    initial_capital: float
    fee_rate: float
    moment: str
    cash: float
    fill_bars: list[int] = field(default_factory=list)
    fill_prices: list[float] = field(default_factory=list)
    shares_after: list[float] = field(default_factory=list)
    cash_after: list[float] = field(default_factory=list)
    hits: dict[int, StopHit] = field(default_factory=dict)
    rejected: list[tuple[np.ndarray, int, str]] = field(default_factory=list)

    def enter(self, bar: int, price: float, shares: float) -> None:
        """Open a position of signed `shares`: cash pays for them, and fee_rate of their value."""
        value = price * shares
        self.cash -= value + self.fee_rate * abs(value)
        self._record(bar, price, shares)

    def leave(self, bar: int, price: float) -> None:
        """Close the open position: cash receives its value, less fee_rate of it."""
        value = price * self.shares_after[-1]
        self.cash += value - self.fee_rate * abs(value)
        self._record(bar, price, 0.0)

    def _record(self, bar: int, price: float, shares_after: float) -> None:
        self.fill_bars.append(bar)
        self.fill_prices.append(price)
        self.shares_after.append(shares_after)
        self.cash_after.append(self.cash)

    def num_trades(self) -> int:
        """Trades opened, the one still open included."""
        return (len(self.fill_bars) + 1) // 2

    def equity_path(self, close: np.ndarray) -> np.ndarray:
        """Initial capital, then cash + shares * close after each bar's fills: (bars + 1,) float64."""
        path = np.empty(len(close) + 1)
        path[0] = self.initial_capital
        equity = path[1:]
        np.multiply(self.shares_curve(len(close)), close, out=equity)
        equity += self.cash_curve(len(close))
        return path

    def cash_curve(self, bars: int) -> np.ndarray:
        """Cash after each bar's fills, (bars,) float64."""
        return _hold([self.initial_capital, *self.cash_after], self.fill_bars, bars)

    def shares_curve(self, bars: int) -> np.ndarray:
        """Shares held after each bar's fills, (bars,) float64, negative when short."""
        return _hold([0.0, *self.shares_after], self.fill_bars, bars)

    def fills(self) -> tuple[Fill, ...]:
        """Every execution in order: entries and exits in turn."""
        columns = zip(self.fill_bars, self.fill_prices, self.shares_after, self.cash_after, strict=True)
        fills = [Fill(bar, self.moment, "signal", price, shares, cash) for bar, price, shares, cash in columns]
        for number, hit in self.hits.items():
            fills[number] = fills[number]._replace(at=hit.at, reason=hit.reason)
        return tuple(fills)

    def rejected_orders(self) -> tuple[RejectedOrder, ...]:
        """Every opening order that bought nothing, in order."""
        return tuple(
            RejectedOrder(bar, "BUY" if side > 0 else "SELL", reason)
            for bars, side, reason in self.rejected
            for bar in bars.tolist()
        )


def _hold(levels: Sequence[float], fill_bars: Sequence[int], bars: int) -> np.ndarray:
    """Each level from its fill's bar on until the next fill's; levels[0] before the first fill."""
    return np.array(levels).repeat(np.diff(np.array([0, *fill_bars, bars])))
