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


class Booked(NamedTuple):
    """Fills in columns: bars and prices (fills,); signed shares and cash (fills + 1,), first those before any fill."""

    bars: np.ndarray
    prices: np.ndarray
    shares: np.ndarray
    cash: np.ndarray


class Ledger:
    """Entries and exits in turn, and the account right after each; filled while the run goes on.

    moment: when within a bar the fills of signals happen, "open" or "close". hits: the stop or target behind a fill,
    by number of the fill; the other fills are of signals. rejected: (bars, side, reason) of orders rejected in a row.
    """

    __slots__ = ("_accounts", "_booked", "cash", "fee_rate", "hits", "initial_capital", "moment", "rejected", "shares")

    def __init__(self, initial_capital: float, fee_rate: float, moment: str) -> None:
        self.initial_capital = self.cash = initial_capital
        self.fee_rate = fee_rate
        self.moment = moment
        self.shares = 0.0
        self.hits: dict[int, StopHit] = {}
        self.rejected: list[tuple[np.ndarray, int, str]] = []
        self._accounts: list[tuple[int, float, float, float]] = []
        self._booked: Booked | None = None

    @property
    def accounts(self) -> list[tuple[int, float, float, float]]:
        """(bar, price, signed shares after, cash after) of each fill, plain since there can be many thousands."""
        if self._booked is not None:
            bars, prices, shares, cash = (column.tolist() for column in self._booked)
            self._accounts = list(zip(bars, prices, shares[1:], cash[1:], strict=True))
            self._booked = None
        return self._accounts

    def enter(self, bar: int, price: float, shares: float) -> None:
        """Open a position of signed `shares`: cash pays for them, and fee_rate of their value."""
        value = price * shares
        self.shares = shares
        self.cash = cash = self.cash - value - self.fee_rate * abs(value)
        self.accounts.append((bar, price, shares, cash))

    def leave(self, bar: int, price: float) -> None:
        """Close the open position: cash receives its value, less fee_rate of it."""
        value = price * self.shares
        self.shares = 0.0
        self.cash = cash = self.cash + value - self.fee_rate * abs(value)
        self.accounts.append((bar, price, 0.0, cash))

    def cash_after(self, prices: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Cash at first, then after each fill, if signed `shares` are entered and left at `prices` in turn; not booked.

        prices: (fills,), entries and exits in turn. shares: (entries,). Shape (fills + 1,). The additions are those of
        `enter` and `leave`, one after the other.
        """
        value = prices * shares.repeat(2)[: len(prices)]
        cash = np.empty(2 * len(prices) + 1)
        cash[0], cash[1::2] = self.cash, value
        np.negative(cash[1::4], out=cash[1::4])
        np.multiply(np.abs(value, out=value), -self.fee_rate, out=cash[2::2])
        return np.add.accumulate(cash, out=cash)[::2]

    def book(self, bars: np.ndarray, prices: np.ndarray, shares: np.ndarray, cash: np.ndarray) -> None:
        """Enter and leave positions in turn, all of a run at once; shares and cash as of `cash_after`."""
        after = np.zeros(len(bars) + 1)
        after[1::2] = shares
        self._booked = Booked(bars, prices, after, cash)
        self.shares, self.cash = after.item(-1), cash.item(-1)

    def num_trades(self) -> int:
        """Trades opened, the one still open included."""
        fills = self._accounts if self._booked is None else self._booked.bars
        return (len(fills) + 1) // 2

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
        fill_bars, _, shares, cash = self._booked or self._columns()
        edges = np.empty(len(fill_bars) + 2, dtype=np.intp)
        edges[0], edges[1:-1], edges[-1] = 0, fill_bars, bars
        spans = edges[1:] - edges[:-1]  # how many bars each account lasts, the one before the first fill included
        return cash.repeat(spans), shares.repeat(spans)

    def _columns(self) -> "Booked":
        bars, prices, shares, cash = zip(*self._accounts, strict=True) if self._accounts else ((), (), (), ())
        after = np.array((0.0, *shares)), np.array((self.initial_capital, *cash))
        return Booked(np.array(bars, dtype=np.intp), np.array(prices), *after)

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
