"""A run's bars with what its account did on them, a window at a time: what the chart of a run is drawn from."""

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.engine import RowMapping

from adapters.prices.bar_times import PERIODS_PER_YEAR
from adapters.prices.bars import Bars, bar_date
from adapters.prices.candles import bars_between, candle_columns
from adapters.results.curves import drawdowns_pct, trade_row
from adapters.results.period_returns import rolling_sharpe
from adapters.results.stored_series import decode_equity_times, decode_trades, significant
from adapters.store.database import reading
from adapters.store.run_queries import run_row
from contracts.errors import Conflict
from contracts.run_request import RunRequest, Timeframe
from contracts.status import RunStatus
from web.platform import platform
from web.runs.benchmark import benchmark_equity
from web.runs.windows import Window, window

blueprint = Blueprint("bars_api", __name__)

ROLLING_BARS: Mapping[Timeframe, int] = {"1d": 126, "1h": 273, "5m": 390}  # six months, two months, one week
MOST_TRADES = 1000  # in one answer; where there are more, no marker can be told from its neighbours
CACHED_RUNS = 4  # decoded; a million bars are 32 MB beside their prices, 3,270 bars 100 KB


@dataclass(frozen=True, slots=True)
class RunBars:
    """A completed run, one value per traded bar; `first` is the number of the first of them in the whole series."""

    timeframe: Timeframe
    series: Bars
    first: int
    equity: Sequence[float]
    drawdown_pct: Sequence[float]  # below the highest equity so far, ≥ 0
    position: Sequence[float]  # shares after the bar's fills, negative when short
    sharpe: Sequence[float | None]  # of the last ROLLING_BARS, above the risk-free rate
    holding_per_price: float  # equity of buying and holding, as a multiple of the close
    benchmark: str | None
    benchmark_equity: Sequence[float | None] | None
    trades: Sequence[Mapping[str, Any]]
    trailing_stop: Sequence[float | None] | None  # the level during the bar, None without a position; None if not asked


@blueprint.get("/api/runs/<uuid:run_id>/bars")
def bars(run_id: UUID) -> Response:
    """Bars of a completed run as columns: ?from=0&to=3270&max=4000, bar numbers and the most points."""
    run = run_bars(str(run_id))
    shown = window(request.args, len(run.equity))
    trades = trades_in(run, shown)
    body = {
        "total": len(run.equity),
        "first": shown.first,
        "bars_per_point": shown.group,
        "price_decimals": run.series.decimals,
        **columns(run, shown),
        "benchmark": run.benchmark,
        "trade_count": len(trades),
        "trades": trades if len(trades) <= MOST_TRADES else [],
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
    with reading(platform().engine) as connection:
        row = run_row(connection, run_id)
    if row["status"] != RunStatus.SUCCEEDED:
        raise Conflict(f"run {run_id} is {RunStatus(row['status']).public}, so it has no result")
    return row


def _decoded(row: RowMapping, series: Bars) -> RunBars:
    request = json.loads(row["request_json"])
    asked, metrics = RunRequest.from_json(request), json.loads(row["metrics_json"])["values"]
    times, equity = decode_equity_times(row["equity_curve_json"])
    trades, _, _ = decode_trades(row["trades_json"])
    first = bars_between(series, asked.start_date, asked.end_date).start
    last_close = series.prices[3][first + len(equity) - 1] / 10**series.price_decimals
    held = asked.initial_capital * (1 + (metrics.get("buy_hold_return_pct") or 0.0) / 100)
    per_year = metrics.get("bars_per_year") or PERIODS_PER_YEAR[asked.timeframe]
    return RunBars(
        timeframe=asked.timeframe,
        series=series,
        first=first,
        equity=array("d", equity),
        drawdown_pct=array("d", drawdowns_pct(equity, asked.initial_capital)),
        position=_position(trades, len(equity)),
        sharpe=rolling_sharpe(
            equity, asked.initial_capital, ROLLING_BARS[asked.timeframe], per_year, asked.risk_free_rate
        ),
        holding_per_price=held / last_close,
        benchmark=asked.benchmark,
        benchmark_equity=benchmark_equity(request, times),
        trades=trades,
        trailing_stop=_trailing_stop(trades, series, first, len(equity), asked.trailing_stop_pct),
    )


def _trailing_stop(
    trades: Sequence[Mapping[str, Any]], series: Bars, first: int, total: int, percent: float | None
) -> Sequence[float | None] | None:
    """The engine's level of each bar: `percent` behind the best of the entry price and the closes before the bar."""
    if percent is None:
        return None
    levels: list[float | None] = [None] * total
    scale = 10**series.price_decimals
    for trade in trades:
        best, nearer, factor = trade["entry_price"], max, 1 - percent / 100
        if trade["side"] != "BUY":
            nearer, factor = min, 1 + percent / 100
        for bar in range(trade["entry_bar"], total if trade["is_open"] else trade["exit_bar"] + 1):
            if levels[bar] is None:  # else one position was left and the next one entered on this bar
                levels[bar] = significant(best * factor)
            best = nearer(best, series.prices[3][first + bar] / scale)
    return levels


def _position(trades: Sequence[Mapping[str, Any]], total: int) -> Sequence[float]:
    position = array("d", bytes(8 * total))
    for trade in trades:
        first, stop = trade["entry_bar"], total if trade["is_open"] else trade["exit_bar"]
        shares = trade["size"] if trade["side"] == "BUY" else -trade["size"]
        position[first:stop] = array("d", [shares]) * max(stop - first, 0)
    return position


def columns(run: RunBars, shown: Window) -> dict[str, Sequence[Any] | None]:
    """One value per point: candles joined truly, the deepest drawdown, of everything else the last value."""
    candles = candle_columns(run.series, range(run.first + shown.first, run.first + shown.stop, shown.group))
    parts = zip(shown.starts, shown.lasts, strict=True)
    beside = run.benchmark_equity
    return {
        **candles,
        "equity": [run.equity[last] for last in shown.lasts],
        "holding": [round(close * run.holding_per_price, 2) for close in candles["close"]],
        "benchmark_equity": beside and [beside[last] for last in shown.lasts],
        "drawdown_pct": [max(run.drawdown_pct[start : last + 1]) for start, last in parts],
        "position": [run.position[last] for last in shown.lasts],
        "rolling_sharpe": [_rounded(run.sharpe[last]) for last in shown.lasts],
        **({"trailing_stop": [run.trailing_stop[last] for last in shown.lasts]} if run.trailing_stop else {}),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def trades_in(run: RunBars, shown: Window) -> list[dict[str, Any]]:
    """The trades that were open on one of the shown bars, with the numbers of the bars that they filled on."""

    def date_of(bar: int) -> str:
        return bar_date(run.series.times[run.first + bar], run.timeframe)

    return [
        {
            **trade_row(number, trade, date_of, run.timeframe),
            "entry_bar": trade["entry_bar"],
            "exit_bar": trade["exit_bar"],
        }
        for number, trade in enumerate(run.trades)
        if trade["entry_bar"] < shown.stop and trade["exit_bar"] >= shown.first
    ]
