"""A completed run's series, decoded for curves, tables and pages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from adapters.metrics.curves import cash_curve, close_times, drawdowns
from adapters.metrics.rates import AccountRates
from adapters.money import money_decimals
from adapters.prices.bars import Column, Whole, bar_dates
from adapters.runs.stored_series import decode_equity, decode_trades
from contracts.run_request import Timeframe
from contracts.status import Kind
from contracts.values import Values, picked

DEPTH_DECIMALS = 6  # of drawdowns, in percent


@dataclass(frozen=True)
class RunSeries:
    """Times, seconds since 1970, and equity of the traded bars; trades and rejected orders with numbers of bars."""

    request: Values
    times: Whole
    equity: Column
    trades: Sequence[Values]
    rejected: Sequence[Values]
    notes: Sequence[str]

    @property
    def timeframe(self) -> Timeframe:
        """Return the timeframe of its bars."""
        timeframe: Timeframe = self.request["timeframe"]
        return timeframe

    @property
    def capital(self) -> float:
        """Return the initial capital."""
        return float(self.request["initial_capital"])

    @property
    def money_decimals(self) -> int:
        """Return the decimals of its profits, fees, cash and position."""
        return money_decimals(self.capital)

    @cached_property
    def path(self) -> Column:
        """(bars + 1,) the initial capital, then the equity of each bar."""
        return np.concatenate(([self.capital], self.equity))

    @cached_property
    def dates(self) -> list[str]:
        """Return the date of each bar's close."""
        return bar_dates(close_times(self.times, self.timeframe), self.timeframe)

    @cached_property
    def cash(self) -> Column:
        """(bars,) cash after each bar's fills."""
        rates = AccountRates(
            **picked(self.request, ("borrow_rate", "cash_rate"))
        )  # not in older ones
        return cash_curve(self.times, self.equity, self.trades, self.capital, rates)

    @cached_property
    def drawdown_pct(self) -> Column:
        """(bars,) percent below the highest equity so far, the initial capital included."""
        return np.round(drawdowns(self.path)[1:] * 100, DEPTH_DECIMALS)


def run_series(row: Mapping[Any, Any]) -> RunSeries:
    """Decode the series of a completed run's row; Conflict where they were deleted."""
    times, equity = decode_equity(row["equity_curve_json"])
    return RunSeries(
        json.loads(row["request_json"]), times, equity, *decode_trades(row["trades_json"])
    )


def series_of(row: Mapping[Any, Any]) -> RunSeries | None:
    """Decode the series of any Job's row; None if it is no run, has not completed, or its series were deleted."""
    is_there = row["kind"] == Kind.RUN and row["equity_curve_json"] is not None
    return run_series(row) if is_there else None
