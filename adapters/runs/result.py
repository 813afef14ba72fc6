"""One run as the contract shows it, from its row: what is stored, and the curves that follow from it."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy.engine import RowMapping

from adapters.metrics.curves import (
    drawdown_points,
    equity_points,
    portfolio_points,
    signal_points,
    trade_rows,
)
from adapters.prices.bars import bar_dates
from adapters.runs.condition_summary import condition_summaries
from adapters.runs.lines import decode_head
from adapters.runs.series import RunSeries, run_series
from adapters.runs.stored_series import PRUNED, decode_signals
from adapters.runs.times import seconds_between, utc_text
from contracts.run_result import Candle, ConditionSummary, RunResult
from contracts.status import Kind, RunStatus

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
    request = json.loads(row["request_json"])
    started, completed = row["started_at"], row["completed_at"]
    known: dict[str, Any] = {
        **{name: row[name] for name in AS_STORED},
        "status": RunStatus(row["status"]).public,
        "request": request,
        "created_at": utc_text(row["created_at"]),
        "started_at": utc_text(started),
        "completed_at": utc_text(completed),
        "queue_wait_s": seconds_between(row["waiting_since"], started),
        "run_s": seconds_between(started, completed),
    }
    if row["status"] != RunStatus.SUCCEEDED:
        return RunResult(**known)
    if row["kind"] != Kind.RUN:
        return RunResult(
            **known, notes=[f"This is a {row['kind']}, which has a result of its own kind"]
        )
    kept = _kept(row)
    if row["equity_curve_json"] is None:
        return RunResult(
            **known,
            **kept,
            notes=[PRUNED],
            charts=dict(charts),
            chart_base64=charts.get("equity_curve"),
        )
    derived = _derived(row, series or run_series(row), prices, curves)
    return RunResult(
        **known, **kept, **derived, charts=dict(charts), chart_base64=charts.get("equity_curve")
    )


def _kept(row: RowMapping) -> dict[str, Any]:
    """What stays of a result when its series are deleted."""
    stored = json.loads(row["metrics_json"])
    return {"metrics": stored["values"], "metrics_notes": stored["notes"]}


def _derived(
    row: RowMapping, series: RunSeries, prices: CandleSource, curves: frozenset[str]
) -> dict[str, Any]:
    dates, equity, candles = (
        series.dates,
        series.equity,
        partial(_candles, row, series.request, prices),
    )
    derive: dict[str, Callable[[], Any]] = {
        "equity_curve": lambda: equity_points(dates, equity),
        "drawdown_curve": lambda: drawdown_points(dates, series.drawdown_pct),
        "portfolio_curve": lambda: portfolio_points(dates, equity, series.cash),
        "signals": lambda: signal_points(dates, decode_signals(row["signals_json"]), candles),
        "price_candles": candles,
    }
    return {
        "notes": list(series.notes),
        "trades": trade_rows(series.trades, series.times, series.timeframe),
        "rejected_orders": _rejected(series),
        "explanation_summary": _explanation_summary(row, dates),
        **{name: curve() for name, curve in derive.items() if name in curves},
    }


def _rejected(series: RunSeries) -> list[dict[str, Any]]:
    bars = bar_dates(series.times, series.timeframe)
    return [{**order, "date": bars[order["bar"]]} for order in series.rejected]


def _explanation_summary(row: RowMapping, dates: Sequence[str]) -> list[ConditionSummary] | None:
    head = row["lines_head"]
    return None if head is None else condition_summaries(decode_head(head), dates)


def _candles(
    row: RowMapping, request: Mapping[str, Any], prices: CandleSource
) -> list[Candle] | None:
    """The bars that the run read; None for a run of long ago whose prices were never stored."""
    start, end = (date.fromisoformat(request[name]) for name in ("start_date", "end_date"))
    return prices(row["data_hash"], start, end)
