"""The data of a run's chart: its bars and what the account did on them, a window at a time."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from flask import Blueprint, Response, jsonify
from sqlalchemy import RowMapping

from adapters.metrics.curves import FILLED_BARS, trade_rows
from adapters.prices.bars import Column, Whole, candle_columns, joined
from adapters.runs.queries import run_row
from adapters.runs.run_bars import RunBars, run_bars
from adapters.runs.series import RunSeries
from adapters.runs.stored_series import significant
from contracts.errors import Conflict, InvalidRequest
from contracts.status import RunStatus
from contracts.values import Json, Values, frozen, picked
from web.api import UNFINISHED, Argument, arguments, operation
from web.app import ask_database, platform
from web.formats import whole_number

blueprint = Blueprint("bars_api", __name__)

# in one answer; with more, markers overlap
MOST_TRADES = 1000
CACHED_RUNS = 4  # decoded; a million bars are 48 MB beside their prices, 3,270 bars 160 KB
SHARPE_DECIMALS = 4
BENCHMARK_DECIMALS = 2  # more than other money has
DEFAULT_POINTS, MOST_POINTS = 4_000, 20_000
FROM = Argument("from", whole_number(0), "number of the first bar, from 0", 0)
TO = Argument(
    "to", whole_number(1), "number of the bar after the last; the number of bars by default"
)
POINTS = Argument(
    "max", whole_number(1, MOST_POINTS), f"points; {DEFAULT_POINTS} by default", DEFAULT_POINTS
)
WINDOW = (FROM, TO, POINTS)


@frozen
class Window:
    """Bars `first` to `stop`, exclusive, in at most `most` groups: a point begins at each bar of `starts`."""

    first: int
    stop: int
    most: int

    @property
    def group(self) -> int:
        """Number of bars per point."""
        return max(1, -(-(self.stop - self.first) // self.most))

    @property
    def starts(self) -> Whole:
        """The first bar of each group."""
        return np.arange(self.first, self.stop, self.group)

    @property
    def lasts(self) -> Whole:
        """The last bar of each group."""
        return np.minimum(self.starts + self.group, self.stop) - 1


def read_window(bars: int) -> Window:
    """Read the WINDOW of the query among so many bars; InvalidRequest when it is empty."""
    query = arguments(
        replace(FROM, parse=whole_number(0, bars - 1)),
        replace(TO, parse=whole_number(1, bars), default=bars),
    )
    first, stop = query["from"], query["to"]
    if stop <= first:
        raise InvalidRequest({"to": f"{stop} is not after from, which is {first}"})
    return Window(first, stop, query.get("max", MOST_POINTS))


@blueprint.get("/api/runs/<uuid:run_id>/bars")
@operation(
    "200 RunBars: the bars", "404 no such run, or its prices are gone", UNFINISHED, asks=WINDOW
)
def bars(run_id: str) -> Response:
    """Bars of a completed run as columns: ?from=0&to=3270&max=4000, bar numbers and the most points."""
    run_bars = bars_of(run_id)
    window = read_window(len(run_bars.bars))
    trades = _open_on(run_bars.run, window)
    body = {
        "total": len(run_bars.bars),
        "first": window.first,
        "bars_per_point": window.group,
        "price_decimals": run_bars.bars.decimals,
        "money_decimals": run_bars.run.money_decimals,
        **columns(run_bars, window),
        "benchmark": run_bars.run.request.get("benchmark"),
        "trade_count": len(trades),
        "trades": _trade_rows(run_bars.run, trades) if len(trades) <= MOST_TRADES else [],
    }
    return cache_for_hour(jsonify(body))


def cache_for_hour(response: Response) -> Response:
    """Let the browser cache a response for an hour; the data of a completed run never changes."""
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


@lru_cache(maxsize=CACHED_RUNS)
def bars_of(run_id: str) -> RunBars:
    """Decode a completed run; UnknownRun, Conflict while it has no result, UnknownTicker without its prices."""
    return run_bars(completed_row(run_id), platform().prices.bars)


def completed_row(run_id: str) -> RowMapping:
    """Return the row of a completed run; UnknownRun, or Conflict while it has no result."""
    row = ask_database(run_row, run_id)
    if row["status"] != RunStatus.SUCCEEDED:
        raise Conflict(f"run {run_id} is {RunStatus(row['status']).public}, so it has no result")
    return row


def columns(run_bars: RunBars, window: Window) -> Json:
    """Return one value per point: candles joined, the deepest drawdown, of everything else the last value."""
    bars_of_window = slice(window.first, window.stop)
    starts = window.starts - window.first
    money = run_bars.run.money_decimals
    # equity and position are rounded or whole as they are
    decimals = {
        "holding": money,
        "rolling_sharpe": SHARPE_DECIMALS,
        "benchmark_equity": money + BENCHMARK_DECIMALS,
    }
    last = {
        name: json_numbers(column[window.lasts], decimals.get(name))
        for name, column in run_bars.columns.items()
    }
    if "trailing_stop" in last:
        last["trailing_stop"] = [level and significant(level) for level in last["trailing_stop"]]
    return {
        **candle_columns(joined(run_bars.bars[bars_of_window], starts)),
        "benchmark_equity": None,
        **last,
        "drawdown_pct": np.maximum.reduceat(
            run_bars.run.drawdown_pct[bars_of_window], starts
        ).tolist(),
    }


def json_numbers(values: Column, decimals: int | None = None) -> list[float | None]:
    """Round values to so many decimals, or none, for JSON: no negative zero, None for NaN."""
    rounded = (values if decimals is None else np.round(values, decimals)) + 0.0
    return [value if value == value else None for value in rounded.tolist()]


def _open_on(run: RunSeries, window: Window) -> list[Values]:
    """Return the trades that were open on a bar of the window."""
    return [
        trade
        for trade in run.trades
        if trade["entry_bar"] < window.stop and trade["exit_bar"] >= window.first
    ]


def _trade_rows(run: RunSeries, trades: Sequence[Values]) -> list[Json]:
    """Return trades with the numbers of the bars that they filled on."""
    rows = trade_rows(trades, run.times, run.timeframe, run.money_decimals)
    return [
        {**row, **picked(trade, FILLED_BARS)} for row, trade in zip(rows, trades, strict=True)
    ]
