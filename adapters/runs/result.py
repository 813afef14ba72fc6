"""The result of a run in the contract's form: the stored fields, and the curves derived from them."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from adapters.metrics.curves import (
    points,
    portfolio_points,
    signal_points,
    trade_rows,
)
from adapters.prices.bars import bar_dates
from adapters.runs.explanations import condition_summaries
from adapters.runs.series import PRUNED, RunSeries, decode_signals, series_of, unpacked_json
from adapters.runs.times import times_of
from contracts.run_request import RunRequest
from contracts.run_result import Candle, RunResult
from contracts.status import Kind, RunStatus
from contracts.values import Json, Row, picked

CandleSource = Callable[[str, date, date], list[Candle] | None]  # of a data_hash, from day to day


def run_result(row: Row, series: RunSeries | None) -> RunResult:
    """Return the result of a run without charts and curves; series: `series_of` its row."""
    fields: Json = {
        **picked({**row}, RunResult.__annotations__),
        "status": RunStatus(row["status"]).public,
        "request": json.loads(row["request_json"]),
        **times_of(row),
    }
    return RunResult(**fields, **_outcome(row, series))


def _outcome(row: Row, series: RunSeries | None) -> Json:
    """Return the outcome of a run: nothing before it has completed, only metrics once its series are deleted."""
    if row["status"] != RunStatus.SUCCEEDED:
        return {}
    if row["kind"] != Kind.RUN:
        return {"notes": [f"This is a {row['kind']}, which has a result of its own kind"]}
    stored = json.loads(row["metrics_json"])
    kept = {
        "metrics": stored["values"],
        "metrics_notes": stored["notes"],
        "python": row["python_json"] and json.loads(row["python_json"]),
    }
    if series is None:
        return kept | {"notes": [PRUNED]}
    head, bars = row["lines_head"], bar_dates(series.times, series.timeframe)
    return kept | {
        "notes": list(series.notes),
        "trades": trade_rows(
            series.trades, series.times, series.timeframe, series.money_decimals
        ),
        "rejected_orders": [{**order, "date": bars[order["bar"]]} for order in series.rejected],
        "explanation_summary": head and condition_summaries(unpacked_json(head), series.dates),
    }


def whole_result(row: Row, charts: dict[str, str], prices: CandleSource) -> RunResult:
    """Return the result with charts, and with the curves derived from its series."""
    series = series_of(row)
    result = run_result(row, series)
    if result.metrics is not None:
        result = replace(result, charts=charts)
    if series is None:
        return result
    request, dates = RunRequest.from_json(series.request), series.dates
    # the bars that the run read; none of long ago, whose prices were never stored
    candles = prices(row["data_hash"], request.start_date, request.end_date)
    is_reserved = candles == []  # of an opened study
    signals = [] if is_reserved else decode_signals(row["signals_json"])
    curves: Json = {
        "equity_curve": points(dates, "equity", series.equity),
        "drawdown_curve": points(dates, "drawdown_pct", series.drawdown_pct),
        "portfolio_curve": portfolio_points(
            dates, series.equity, series.cash, series.money_decimals
        ),
        "signals": signal_points(dates, signals, candles or []),
        "price_candles": candles,
    }
    return replace(result, **curves)
