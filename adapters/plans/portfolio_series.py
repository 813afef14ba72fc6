"""A completed portfolio's series, decoded: what its curves, tables and pages are made from."""

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
    """account: times, equity and trades as of a run. found: what else its Job kept, see consumer.kinds.portfolio.

    tickers: by leg.
    """

    def __init__(self, job: Mapping[Any, Any], packed: bytes, tickers: Sequence[str]) -> None:
        self.account, self.found, self.tickers = run_series(job), unpacked_json(packed), tickers

    @cached_property
    def names(self) -> list[str]:
        """What each leg is called: its ticker, with its number where a ticker has several."""
        counts = Counter(self.tickers)
        named = enumerate(self.tickers, start=1)
        return [
            ticker if counts[ticker] == 1 else f"{ticker} #{number}" for number, ticker in named
        ]

    def dates_of(self, bars: Sequence[int]) -> list[str]:
        """The dates of the prices of these bars."""
        return bar_dates(
            self.account.times[np.asarray(bars, dtype=np.int64)], self.account.timeframe
        )

    @cached_property
    def trades(self) -> list[TradeRow]:
        """As the contract shows those of a run, with leg, ticker, resizes and the bar whose signal opened each."""
        account = self.account
        rows = trade_rows(
            account.trades, account.times, account.timeframe, account.money_decimals
        )
        late = int(account.request["fill"] == "next_open")
        signalled = self.dates_of([trade["entry_bar"] - late for trade in account.trades])
        for row, (leg, resized), date in zip(
            rows, self.found["of_trades"], signalled, strict=True
        ):
            ticker = self.tickers[leg]
            beside: Any = {"leg": leg, "ticker": ticker, "resized": resized, "signal_date": date}
            row.update(beside)
        return rows

    def left_out(self) -> Json:
        """Orders that opened nothing: how many by reason, and the first of them with their dates."""
        found = self.found["left_out"]
        dates = self.dates_of([bar for bar, *_ in found["first"]])
        orders = [
            {
                "date": date,
                "leg": leg,
                "ticker": self.tickers[leg],
                "side": side,
                "reason": reason,
            }
            for date, (_, leg, side, reason) in zip(dates, found["first"], strict=True)
        ]
        return {"counts": found["counts"], "orders": orders}

    def legs(self) -> list[Json]:
        """Of each leg when it could be traded, and what it contributed."""
        spans, contributions = self.found["legs"], self.found["contributions"]
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
