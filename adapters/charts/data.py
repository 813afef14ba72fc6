"""What the charts of a run are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.charts.scales import Times
from adapters.results.curves import FillBars
from contracts.run_result import TradeRow

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Orders:
    """Fills of one side: their bars and prices."""

    bars: Numbers
    prices: Numbers


@dataclass(frozen=True, kw_only=True)
class ChartData:
    """What the charts show: the traded bars, at least one, each array (bars,), and the trades of the contract.

    timestamps: datetime64[s], the bars' Date. subject: a few words beside the title, such as "AAPL RSI_14_30_70".
    equity and buy_hold_equity: money after each bar.
    """

    subject: str
    timestamps: Times
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    volume: Numbers
    equity: Numbers
    buy_hold_equity: Numbers
    initial_capital: float
    trades: Sequence[TradeRow]
    fill_bars: Sequence[FillBars]  # of each trade

    @property
    def heading(self) -> str:
        """Subject and dates."""
        first, last = self.timestamps[[0, -1]].astype("M8[D]")
        return f"{self.subject} {first} to {last}"

    def orders(self) -> tuple[Orders, Orders]:
        """Buys and sells: each trade's entry, and its exit unless it is still open."""
        trades = list(zip(self.trades, self.fill_bars, strict=True))
        fills = [(entry, trade["entry_price"], trade["side"] == "BUY") for trade, (entry, _) in trades]
        closed = [(trade, left) for trade, (_, left) in trades if not trade["is_open"]]
        fills += [(left, trade["exit_price"], trade["side"] == "SELL") for trade, left in closed]
        bars = np.array([bar for bar, _, _ in fills], dtype=float)
        prices = np.array([price for _, price, _ in fills], dtype=float)
        is_buy = np.array([bought for _, _, bought in fills], dtype=bool)
        return Orders(bars[is_buy], prices[is_buy]), Orders(bars[~is_buy], prices[~is_buy])
