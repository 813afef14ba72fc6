"""What the charts of a run are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.metrics.curves import FillBars
from adapters.prices.bars import Bars
from contracts.run_result import TradeRow

Times = np.ndarray[Any, np.dtype[np.datetime64]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class ChartData:
    """What the charts show: the traded bars, at least one, each array (bars,), and the trades of the contract.

    subject: a few words beside the title, such as "AAPL RSI_14_30_70".
    equity, buy_hold_equity and benchmark_equity: money after each bar, the last of holding the ticker `benchmark`, NaN
    before its first bar.
    """

    subject: str
    bars: Bars
    equity: Numbers
    buy_hold_equity: Numbers
    initial_capital: float
    trades: Sequence[TradeRow]
    fill_bars: Sequence[FillBars]  # of each trade
    benchmark: str | None = None
    benchmark_equity: Numbers | None = None

    @property
    def close(self) -> Numbers:
        """(bars,) the last price of each."""
        return self.bars.columns["Close"]

    def orders(self) -> tuple[Numbers, Numbers]:
        """Buys and sells, each (2, fills), bars and prices: each trade's entry, and its exit unless still open."""
        trades = list(zip(self.trades, self.fill_bars, strict=True))
        fills = [
            (entry, trade["entry_price"], trade["side"] == "BUY") for trade, (entry, _) in trades
        ]
        closed = [(trade, left) for trade, (_, left) in trades if not trade["is_open"]]
        fills += [(left, trade["exit_price"], trade["side"] == "SELL") for trade, left in closed]
        bars, prices, bought = np.array(fills, dtype=float).reshape(-1, 3).T
        return np.stack((bars, prices))[:, bought == 1], np.stack((bars, prices))[:, bought == 0]
