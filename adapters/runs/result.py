"""One run as the contract shows it, from its row: what is stored, and the curves that follow from it."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import RowMapping

from adapters.metrics.curves import (
    points,
    portfolio_points,
    signal_points,
    trade_rows,
)
from adapters.prices.bars import bar_dates
from adapters.runs.condition_summary import condition_summaries
from adapters.runs.lines import decode_head
from adapters.runs.series import RunSeries, run_series
from adapters.runs.stored_series import PRUNED, decode_signals
from adapters.runs.times import times_of
from contracts.run_result import Candle, RunResult
from contracts.status import Kind, RunStatus
from contracts.values import Json

CandleSource = Callable[[str, date, date], list[Candle] | None]  # of a data_hash, from day to day
AS_STORED = (
    "run_id",
    "error_type",
    "error_message",
    "data_hash",
    "engine_version",
    "analysis_version",
    "image_tag",
    "result_hash",
    "attempt",
)
CURVES = frozenset(
    {"equity_curve", "drawdown_curve", "portfolio_curve", "signals", "price_candles"}
)


def run_result(
    row: RowMapping,
    charts: Mapping[str, str],
    prices: CandleSource,
    curves: frozenset[str] = CURVES,
    series: RunSeries | None = None,
) -> RunResult:
    """One run as the contract shows it; those `curves` that are asked for are derived here.

    series: of a completed run, where they are decoded already.
    """
    known: Json = {
        **{name: row[name] for name in AS_STORED},
        "status": RunStatus(row["status"]).public,
        "request": json.loads(row["request_json"]),
        **times_of(row),
    }
    return RunResult(**known, **_found(row, charts, prices, curves, series))


def _found(
    row: RowMapping,
    charts: Mapping[str, str],
    prices: CandleSource,
    curves: frozenset[str],
    series: RunSeries | None,
) -> Json:
    """What a run came to: nothing before it has completed, metrics and charts once its series are deleted."""
    if row["status"] != RunStatus.SUCCEEDED:
        return {}
    if row["kind"] != Kind.RUN:
        return {"notes": [f"This is a {row['kind']}, which has a result of its own kind"]}
    stored = json.loads(row["metrics_json"])
    kept = {
        "metrics": stored["values"],
        "metrics_notes": stored["notes"],
        "charts": dict(charts),
        "chart_base64": charts.get("equity_curve"),
    }
    if row["equity_curve_json"] is None:
        return kept | {"notes": [PRUNED]}
    return kept | _derived(row, series or run_series(row), prices, curves)


def _derived(
    row: RowMapping, series: RunSeries, prices: CandleSource, curves: frozenset[str]
) -> Json:
    dates, equity = series.dates, series.equity
    start, end = (date.fromisoformat(series.request[name]) for name in ("start_date", "end_date"))
    # the bars that the run read; none of long ago, whose prices were never stored
    candles = partial(prices, row["data_hash"], start, end)
    head = row["lines_head"]
    derive: dict[str, Callable[[], Any]] = {
        "equity_curve": lambda: points(dates, "equity", equity),
        "drawdown_curve": lambda: points(dates, "drawdown_pct", series.drawdown_pct),
        "portfolio_curve": lambda: portfolio_points(dates, equity, series.cash),
        "signals": lambda: signal_points(dates, decode_signals(row["signals_json"]), candles),
        "price_candles": candles,
    }
    return {
        "notes": list(series.notes),
        "trades": trade_rows(series.trades, series.times, series.timeframe),
        "rejected_orders": _rejected(series),
        "explanation_summary": head and condition_summaries(decode_head(head), dates),
        **{name: curve() for name, curve in derive.items() if name in curves},
    }


def _rejected(series: RunSeries) -> list[Json]:
    bars = bar_dates(series.times, series.timeframe)
    return [{**order, "date": bars[order["bar"]]} for order in series.rejected]
