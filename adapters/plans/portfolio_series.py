"""Decoded series of a completed portfolio, for its curves, tables and pages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from adapters.metrics.curves import trade_rows
from adapters.prices.bars import bar_dates
from adapters.runs.series import run_series
from adapters.runs.stored_series import unpacked_json
from contracts.run_result import TradeRow
from contracts.values import Json

PRUNED = (
    "Equity, trades and weights were deleted after the time that they are kept; "
    "submit the portfolio again to see them."
)


class PortfolioSeries:
    """Series of a portfolio. account: times, equity and trades, as of a run.

    result: the other results of its Job, see consumer.kinds.portfolio. tickers: by leg.
    """

    def __init__(self, job: Mapping[Any, Any], packed: bytes, tickers: Sequence[str]) -> None:
        self.account, self.result, self.tickers = run_series(job), unpacked_json(packed), tickers

    @cached_property
    def names(self) -> list[str]:
        """Name of each leg: its ticker, with the leg's number if a ticker has several legs."""
        counts = Counter(self.tickers)
        named = enumerate(self.tickers, start=1)
        return [
            ticker if counts[ticker] == 1 else f"{ticker} #{number}" for number, ticker in named
        ]

    def dates_of(self, bars: Sequence[int]) -> list[str]:
        """Return the dates of these bars."""
        return bar_dates(
            self.account.times[np.asarray(bars, dtype=np.int64)], self.account.timeframe
        )

    @cached_property
    def trades(self) -> list[TradeRow]:
        """Trades as in the contract of a run, with leg, ticker, resizes and the date of the signal that opened each."""
        account = self.account
        rows = trade_rows(
            account.trades, account.times, account.timeframe, account.money_decimals
        )
        late = int(account.request["fill"] == "next_open")
        signalled = self.dates_of([trade["entry_bar"] - late for trade in account.trades])
        for row, (leg, resized), date in zip(
            rows, self.result["of_trades"], signalled, strict=True
        ):
            ticker = self.tickers[leg]
            of_leg: Any = {"leg": leg, "ticker": ticker, "resized": resized, "signal_date": date}
            row.update(of_leg)
        return rows

    def left_out(self) -> Json:
        """Return the orders that opened nothing: counts by reason, and the first of them with their dates."""
        left_out = self.result["left_out"]
        dates = self.dates_of([bar for bar, *_ in left_out["first"]])
        orders = [
            {
                "date": date,
                "leg": leg,
                "ticker": self.tickers[leg],
                "side": side,
                "reason": reason,
            }
            for date, (_, leg, side, reason) in zip(dates, left_out["first"], strict=True)
        ]
        return {"counts": left_out["counts"], "orders": orders}

    def legs(self) -> list[Json]:
        """Return the tradable dates of each leg, and its contribution to the profit."""
        spans, contributions = self.result["legs"], self.result["contributions"]
        firsts, lasts = (
            self.dates_of([span[end] for span in spans]) for end in ("first", "last")
        )
        return [
            {
                "contribution": earned + 0.0,
                "first_date": first,
                "last_date": last,
                "ends": span["ends"],
            }
            for earned, first, last, span in zip(contributions, firsts, lasts, spans, strict=True)
        ]
