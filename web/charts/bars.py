"""A run's bars with what its account did on them, a window at a time: what the chart of a run is drawn from."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from flask import Blueprint, Response, jsonify
from sqlalchemy.engine import RowMapping

from adapters.metrics.curves import shares_held, trade_row
from adapters.metrics.period_returns import rolling_sharpe
from adapters.prices.bar_times import PERIODS_PER_YEAR
from adapters.prices.bars import Bars, Column, bar_dates
from adapters.prices.candles import candle_columns, held, joined
from adapters.runs.queries import run_row
from adapters.runs.series import RunSeries, run_series
from adapters.runs.stored_series import significant
from contracts.errors import Conflict
from contracts.run_request import RunRequest
from contracts.status import RunStatus
from contracts.timeframes import Timeframe
from contracts.values import Json, frozen
from web.charts.windows import WINDOW, Window, asked_window
from web.operation import UNFINISHED, operation
from web.platform import ask_database, platform

blueprint = Blueprint("bars_api", __name__)

# by a timeframe's unit: one week, two months, …
ROLLING_YEARS = {"m": 5 / 252, "h": 1 / 6, "d": 1 / 2, "w": 2}
# in one answer; where there are more, no marker can be told from its neighbours
MOST_TRADES = 1000
CACHED_RUNS = 4  # decoded; a million bars are 48 MB beside their prices, 3,270 bars 160 KB


@frozen
class RunBars:
    """A completed run with the bars that it traded; each column has one value per bar, NaN where there is none.

    holding: equity of buying and holding. position: shares after the bar's fills, negative when short. rolling_sharpe:
    of the last `rolling_bars`, above the risk-free rate. benchmark_equity: None for a run without one. trailing_stop:
    the level during the bar, NaN without a position; None for a run that asked for none.
    """

    run: RunSeries
    bars: Bars
    holding: Column
    position: Column
    rolling_sharpe: Column
    benchmark_equity: Column | None
    trailing_stop: Column | None


@blueprint.get("/api/runs/<uuid:run_id>/bars")
@operation(
    "200 RunBars: the bars", "404 no such run, or its prices are gone", UNFINISHED, asks=WINDOW
)
def bars(run_id: str) -> Response:
    """Bars of a completed run as columns: ?from=0&to=3270&max=4000, bar numbers and the most points."""
    found = run_bars(run_id)
    shown = asked_window(len(found.bars))
    trades = _open_on(found.run, shown)
    body = {
        "total": len(found.bars),
        "first": shown.first,
        "bars_per_point": shown.group,
        "price_decimals": found.bars.decimals,
        **columns(found, shown),
        "benchmark": found.run.request.get("benchmark"),
        "trade_count": len(trades),
        "trades": _trade_rows(found.run, trades) if len(trades) <= MOST_TRADES else [],
    }
    return lasting(jsonify(body))


def lasting(response: Response) -> Response:
    """The response for an hour in the browser's cache: what a completed run holds never changes."""
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


@lru_cache(maxsize=CACHED_RUNS)
def run_bars(run_id: str) -> RunBars:
    """A completed run, decoded; UnknownRun, Conflict while it has no result, UnknownTicker without its prices."""
    row = completed_row(run_id)
    return _decoded(row, platform().prices.bars(row["data_hash"]))


def completed_row(run_id: str) -> RowMapping:
    """A completed run as it is stored; UnknownRun, or Conflict while it has no result."""
    row = ask_database(run_row, run_id)
    if row["status"] != RunStatus.SUCCEEDED:
        raise Conflict(f"run {run_id} is {RunStatus(row['status']).public}, so it has no result")
    return row


def _decoded(row: RowMapping, series: Bars) -> RunBars:
    run, metrics = run_series(row), json.loads(row["metrics_json"])["values"]
    asked = RunRequest.from_json(run.request)
    chosen = series.between(asked.start_date, asked.end_date)
    traded = series[chosen.start : chosen.stop]
    closes = traded.columns["Close"]
    kept = asked.initial_capital * (1 + (metrics.get("buy_hold_return_pct") or 0.0) / 100)
    per_year = metrics.get("bars_per_year") or PERIODS_PER_YEAR[asked.timeframe]
    return RunBars(
        run=run,
        bars=traded,
        holding=kept * closes / closes[-1],
        position=shares_held(run.trades, len(traded)),
        rolling_sharpe=rolling_sharpe(
            run.path, rolling_bars(asked.timeframe), per_year, asked.risk_free_rate
        ),
        benchmark_equity=benchmark_equity(run, asked.initial_capital)
        if asked.benchmark
        else None,
        trailing_stop=_trailing_stop(run, closes, asked.trailing_stop_pct)
        if asked.trailing_stop_pct
        else None,
    )


def rolling_bars(timeframe: Timeframe) -> int:
    """How many bars the rolling Sharpe ratio looks back on: 126 daily ones of New York, 390 of five minutes."""
    return round(PERIODS_PER_YEAR[timeframe] * ROLLING_YEARS[timeframe[-1]])


def benchmark_equity(run: RunSeries, capital: float) -> Column:
    """Money at each bar of holding the benchmark that a run asked for."""
    return held(platform().prices.bars(run.request["benchmark_hash"]), run.times, capital)


def _trailing_stop(run: RunSeries, closes: Column, percent: float) -> Column:
    """The engine's level of each bar: `percent` behind the best of the entry price and the closes before the bar."""
    levels = np.full(len(closes), np.nan)
    for trade in run.trades:
        best, factor = (
            (np.maximum, 1 - percent / 100)
            if trade["side"] == "BUY"
            else (np.minimum, 1 + percent / 100)
        )
        during = slice(
            trade["entry_bar"], len(closes) if trade["is_open"] else trade["exit_bar"] + 1
        )
        known = np.concatenate(([trade["entry_price"]], closes[during][:-1]))
        # where one position was left and the next one entered on the same bar, it is the first one's
        levels[during] = np.where(
            np.isnan(levels[during]), best.accumulate(known) * factor, levels[during]
        )
    return levels


def columns(found: RunBars, shown: Window) -> Json:
    """One value per point: candles joined truly, the deepest drawdown, of everything else the last value."""
    starts, lasts = shown.starts - shown.first, shown.lasts
    candles = joined(found.bars[shown.first : shown.stop], starts)
    beside, stop = found.benchmark_equity, found.trailing_stop
    return {
        **candle_columns(candles),
        "equity": found.run.equity[lasts].tolist(),
        "holding": known(found.holding[lasts], 2),
        "benchmark_equity": None if beside is None else known(beside[lasts], 4),
        "drawdown_pct": np.maximum.reduceat(
            found.run.drawdown_pct[shown.first : shown.stop], starts
        ).tolist(),
        "position": found.position[lasts].tolist(),
        "rolling_sharpe": known(found.rolling_sharpe[lasts], 4),
        **(
            {}
            if stop is None
            else {"trailing_stop": [value and significant(value) for value in known(stop[lasts])]}
        ),
    }


def known(values: Column, decimals: int | None = None) -> list[float | None]:
    """Values with so many decimals, or all; None for NaN."""
    rounded = values if decimals is None else np.round(values, decimals)
    return [value if value == value else None for value in rounded.tolist()]


def _trade_rows(run: RunSeries, trades: Mapping[int, Mapping[str, Any]]) -> list[Json]:
    """These trades, by their numbers, with the numbers of the bars that they filled on."""
    filled = [
        {"entry_bar": trade["entry_bar"], "exit_bar": trade["exit_bar"]}
        for trade in trades.values()
    ]
    bars = sorted({bar for each in filled for bar in each.values()})
    dates = dict(zip(bars, bar_dates(run.times[bars], run.timeframe), strict=True))
    rows = (trade_row(number, trade, dates, run.timeframe) for number, trade in trades.items())
    return [{**row, **on} for row, on in zip(rows, filled, strict=True)]


def _open_on(run: RunSeries, shown: Window) -> dict[int, Mapping[str, Any]]:
    """The trades that were open on one of the shown bars, by their numbers."""
    return {
        number: trade
        for number, trade in enumerate(run.trades)
        if trade["entry_bar"] < shown.stop and trade["exit_bar"] >= shown.first
    }
