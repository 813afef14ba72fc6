"""The account of one run: every fill and every rejected order, in columns while the run goes on."""

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


class Ledger:
    """Entries and exits in turn, and the account right after each; filled while the run goes on.

    accounts: (bar, price, signed shares after, cash after) of each fill, plain since there can be many thousands.
    moment: when within a bar the fills of signals happen, "open" or "close". hits: the stop or target behind a fill,
    by number of the fill; the other fills are of signals. rejected: (bars, side, reason) of orders rejected in a row.
    """

    __slots__ = ("_record", "accounts", "cash", "fee_rate", "hits", "initial_capital", "moment", "rejected", "shares")

    def __init__(self, initial_capital: float, fee_rate: float, moment: str) -> None:
        self.initial_capital = self.cash = initial_capital
        self.fee_rate = fee_rate
        self.moment = moment
        self.shares = 0.0
        self.accounts: list[tuple[int, float, float, float]] = []
        self.hits: dict[int, StopHit] = {}
        self.rejected: list[tuple[np.ndarray, int, str]] = []
        self._record = self.accounts.append

    def enter(self, bar: int, price: float, shares: float) -> None:
        """Open a position of signed `shares`: cash pays for them, and fee_rate of their value."""
        value = price * shares
        self.shares = shares
        self.cash = cash = self.cash - value - self.fee_rate * abs(value)
        self._record((bar, price, shares, cash))

    def leave(self, bar: int, price: float) -> None:
        """Close the open position: cash receives its value, less fee_rate of it."""
        value = price * self.shares
        self.shares = 0.0
        self.cash = cash = self.cash + value - self.fee_rate * abs(value)
        self._record((bar, price, 0.0, cash))

    def num_trades(self) -> int:
        """Trades opened, the one still open included."""
        return (len(self.accounts) + 1) // 2

    def equity_path(self, close: np.ndarray) -> np.ndarray:
        """Initial capital, then cash + shares * close after each bar's fills: (bars + 1,) float64."""
        path = np.empty(len(close) + 1)
        path[0] = self.initial_capital
        equity = path[1:]
        cash, shares = self.curves(len(close))
        np.multiply(shares, close, out=equity)
        equity += cash
        return path

    def curves(self, bars: int) -> tuple[np.ndarray, np.ndarray]:
        """Cash and signed shares after each bar's fills, each (bars,) float64."""
        fill_bars, _, shares, cash = zip(*self.accounts, strict=True) if self.accounts else ((), (), (), ())
        edges = np.array((0, *fill_bars, bars))
        spans = edges[1:] - edges[:-1]  # how many bars each account lasts, the one before the first fill included
        return np.array((self.initial_capital, *cash)).repeat(spans), np.array((0.0, *shares)).repeat(spans)

    def fills(self) -> tuple[Fill, ...]:
        """Every execution in order: entries and exits in turn."""
        fills = [Fill(bar, self.moment, "signal", price, shares, cash) for bar, price, shares, cash in self.accounts]
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
