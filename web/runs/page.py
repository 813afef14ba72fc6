"""One run as a page: what it waits for, what failed, or its result in tabs."""

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, render_template, request
from sqlalchemy.engine import Connection, RowMapping

from adapters.results.curves import FillBars
from adapters.store.database import reading
from adapters.store.run_queries import chart_names, events_of, run_row
from contracts.run_result import RunResult
from contracts.status import RunStatus
from rules.catalog import complete_params
from rules.language import filled_texts
from web.arguments import one_of, read_argument
from web.platform import platform
from web.queue.troubles import troubles
from web.request_fields import FIELDS, asked_again
from web.runs import operations, reproductions
from web.runs import view as run_view
from web.runs.candle_range import candle_range, ranged_candles
from web.runs.trade_table import COLUMNS, POSITION_WORDS, trade_page

blueprint = Blueprint("run", __name__)


@blueprint.get("/result/<uuid:run_id>")
def page(run_id: UUID) -> str:
    """One run, a permalink from the first second."""
    tab = request.args.get("tab", "stats")
    if tab not in run_view.TABS:
        abort(404, f"a run has no tab {tab[:40]!r}; there are {', '.join(run_view.TABS)}")
    with reading(platform().engine) as connection:
        row = run_row(connection, str(run_id))
        events = events_of(connection, str(run_id))
        rendered = chart_names(connection, str(run_id))
        reproduced = _reproductions(connection, row)
        hindered = troubles(connection) if row["status"] == RunStatus.PENDING else []
    position = operations.queue_position(row) if row["status"] == RunStatus.PENDING else None
    view = run_view.page_result(row, tab, platform().prices.candles)
    full_params = complete_params(row["rule_type"], view.request["params"])
    return render_template(
        "runs/run.html",
        run=row,
        view=view,
        tab=tab,
        tabs=run_view.TABS,
        fields=FIELDS,
        events=events,
        position=position,
        troubles=hindered,
        has_pictures=bool(rendered),
        with_charts=asked_again(view.request) | {"charts": True},
        full_params=full_params,
        texts=filled_texts(full_params) if row["rule_type"] == "FORMULA" else {},
        **reproduced,
        **_completed(row, view, tab, rendered),
    )


def _reproductions(connection: Connection, row: RowMapping) -> dict[str, Any]:
    repetitions = reproductions.repetitions_of(connection, row)
    return {
        "origin": reproductions.origin_of(connection, row),
        "repetitions": repetitions,
        "repetition_summary": reproductions.summary(repetitions),
    }


def _completed(row: RowMapping, view: RunResult, tab: str, rendered: frozenset[str]) -> dict[str, Any]:
    """What only a completed run has."""
    if view.status != "completed":
        return {"failure": run_view.failure(view.error_type)}
    fills = run_view.page_fills(row)
    shared = {
        "no_trades": run_view.why_no_trades(view),
        "charts": run_view.charts(view, fills, run_view.TABS[tab].charts, rendered),
    }
    if tab == "candles":
        return shared | _candles(view, fills)
    return shared | TAB_VALUES[tab](view) if tab in TAB_VALUES else shared


def _stats(view: RunResult) -> dict[str, Any]:
    return {
        "kpis": run_view.kpis(view),
        "stats": run_view.stats(view),
    }


def _trades(view: RunResult) -> dict[str, Any]:
    names = ("side", "outcome", "reason", "sort", "order")
    return {
        "trade_page": trade_page(view.trades or [], request.args),
        "trade_columns": COLUMNS,
        "position_words": POSITION_WORDS,
        "reasons": sorted({trade["exit_reason"] for trade in view.trades or []}),
        "asked": {name: request.args[name] for name in names if request.args.get(name)},
    }


def _candles(view: RunResult, fills: list[FillBars]) -> dict[str, Any]:
    shown = candle_range(view, request.args)
    ranged = {"charts": [ranged_candles(view, fills, shown)]} if shown.first or shown.last else {}
    return {"ranges": shown, **ranged}


def _equity(view: RunResult) -> dict[str, Any]:
    beside = read_argument("beside", one_of("holding", "nothing"), "holding")
    alone = {"charts": [run_view.equity_alone(view)]} if beside == "nothing" else {}
    return {"beside": beside, **alone}


TAB_VALUES = {"stats": _stats, "equity": _equity, "trades": _trades}
