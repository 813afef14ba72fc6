"""One run as the contract shows it, from its row: what is stored, and the curves that follow from it."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy.engine import RowMapping

from adapters.results.condition_summary import condition_summaries
from adapters.results.curves import (
    cash_curve,
    close_dates,
    drawdown_points,
    equity_points,
    portfolio_points,
    signal_points,
    trade_rows,
)
from adapters.results.rates import Rates
from adapters.results.run_lines import decode_head
from adapters.results.stored_series import PRUNED, decode_equity, decode_signals, decode_trades
from adapters.results.times import seconds_between, utc_text
from contracts.run_result import Candle, ConditionSummary, RunResult
from contracts.status import RunStatus

CandleSource = Callable[[str, date, date], list[Candle] | None]  # of a data_hash, from day to day
CURVES = frozenset({"equity_curve", "drawdown_curve", "portfolio_curve", "signals", "price_candles"})


def run_result(
    row: RowMapping, charts: Mapping[str, str], prices: CandleSource, curves: frozenset[str] = CURVES
) -> RunResult:
    """One run as the contract shows it; those `curves` that are asked for are derived here from the stored series."""
    request = json.loads(row["request_json"])
    started, completed = row["started_at"], row["completed_at"]
    known: dict[str, Any] = {
        "run_id": row["run_id"],
        "status": RunStatus(row["status"]).public,
        "request": request,
        "error_type": row["error_type"],
        "error_message": row["error_message"],
        "data_hash": row["data_hash"],
        "engine_version": row["engine_version"],
        "analysis_version": row["analysis_version"],
        "image_tag": row["image_tag"],
        "result_hash": row["result_hash"],
        "attempt": row["attempt"],
        "created_at": utc_text(row["created_at"]),
        "started_at": utc_text(started),
        "completed_at": utc_text(completed),
        "queue_wait_s": seconds_between(row["waiting_since"], started),
        "run_s": seconds_between(started, completed),
    }
    if row["status"] != RunStatus.SUCCEEDED:
        return RunResult(**known)
    return RunResult(
        **known, **_derived(row, request, prices, curves), charts=dict(charts), chart_base64=charts.get("equity_curve")
    )


def _derived(
    row: RowMapping, request: Mapping[str, Any], prices: CandleSource, curves: frozenset[str]
) -> dict[str, Any]:
    stored = json.loads(row["metrics_json"])
    kept = {"metrics": stored["values"], "metrics_notes": stored["notes"]}
    if row["equity_curve_json"] is None:
        return {**kept, "notes": [PRUNED]}
    bars, equity = decode_equity(row["equity_curve_json"])
    trades, rejected, notes = decode_trades(row["trades_json"])
    capital, timeframe = request["initial_capital"], request["timeframe"]
    rates = Rates(request.get("borrow_rate", 0.0), request.get("cash_rate", 0.0))  # older requests have none
    closes, candles = close_dates(bars, timeframe), partial(_candles, row, request, prices)
    derive: dict[str, Callable[[], Any]] = {
        "equity_curve": lambda: equity_points(closes, equity),
        "drawdown_curve": lambda: drawdown_points(closes, equity, capital),
        "portfolio_curve": lambda: portfolio_points(closes, equity, cash_curve(bars, equity, trades, capital, rates)),
        "signals": lambda: signal_points(closes, decode_signals(row["signals_json"]), candles),
        "price_candles": candles,
    }
    return {
        **kept,
        "notes": notes,
        "trades": trade_rows(trades, bars, timeframe),
        "rejected_orders": [order | {"date": bars[order["bar"]]} for order in rejected],
        "explanation_summary": _explanation_summary(row, closes),
        **{name: curve() for name, curve in derive.items() if name in curves},
    }


def _explanation_summary(row: RowMapping, dates: Sequence[str]) -> list[ConditionSummary] | None:
    head = row["lines_head"]
    return None if head is None else condition_summaries(decode_head(head), dates)


def _candles(row: RowMapping, request: Mapping[str, Any], prices: CandleSource) -> list[Candle] | None:
    """The bars that the run read; None for a run of long ago whose prices were never stored."""
    start, end = (date.fromisoformat(request[name]) for name in ("start_date", "end_date"))
    return prices(row["data_hash"], start, end)
