"""One run as a page: what it waits for, what failed, or its result: a chart, and tables in tabs."""

import json
import threading
import time

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, RowMapping

from adapters.batches.titles import titles_of
from adapters.runs.queries import events_of, run_row, run_status
from adapters.runs.series import RunSeries, run_series
from adapters.studies.store import study_id_of
from contracts.run_result import RunResult
from contracts.status import Kind, RunStatus
from contracts.values import Json
from web.charts.breakdown import breakdown
from web.charts.texts import chart_texts
from web.platform import ask_database, platform, reading_database
from web.queue.troubles import troubles
from web.runs import operations, reproductions
from web.runs import view as run_view
from web.runs.again import asked_before, changed_params
from web.runs.trade_table import COLUMNS, PAGE_SIZE, POSITION_WORDS, trade_page

blueprint = Blueprint("run", __name__)

# a single run with warm processes ends within it, and needs no page that says that it waits
ENDING_S = 0.5
LOOK_S = 0.015
# threads of this process that wait so; everybody else is answered at once
_held = threading.BoundedSemaphore(2)
# of addresses that people have kept
FORMER_TABS = frozenset({"equity", "drawdown", "portfolio", "candles"})


@blueprint.get("/result/<uuid:run_id>")
def page(run_id: str) -> ResponseReturnValue:
    """One run, a permalink from the first second."""
    tab = request.args.get("tab", "stats")
    if tab in FORMER_TABS:
        return redirect(url_for("run.page", run_id=run_id), 301)
    if tab not in run_view.TABS:
        abort(404, f"a run has no tab {tab[:40]!r}; there are {', '.join(run_view.TABS)}")
    if request.headers.get("Prefer") == "wait":
        await_end(run_id)
    with reading_database() as connection:
        row = run_row(connection, run_id)
        if row["kind"] == Kind.SCREEN:
            return redirect(url_for("screens.page", screen_id=run_id))
        if row["kind"] == Kind.PORTFOLIO:
            return redirect(url_for("portfolios.page", portfolio_id=run_id))
        if row["kind"] != Kind.RUN:  # a part of a study
            return redirect(url_for("studies.page", study_id=study_id_of(row["batch_id"])))
        events = events_of(connection, run_id)
        reproduced = _reproductions(connection, row)
        hindered = troubles(connection) if row["status"] == RunStatus.PENDING else []
        before = asked_before(connection)
        batch_names = titles_of(connection, [row["batch_id"]]) if row["batch_id"] else {}
    position = operations.queue_position(row) if row["status"] == RunStatus.PENDING else None
    series = None if row["equity_curve_json"] is None else run_series(row)
    view = run_view.page_result(row, series, platform().prices.candles)
    return render_template(
        "runs/run.html",
        run=row,
        view=view,
        tab=tab,
        tabs=run_view.TABS,
        events=events,
        batch_name=batch_names.get(row["batch_id"], row["batch_id"]),
        position=position,
        queue_answers=platform().glance.answers,
        troubles=hindered,
        **run_view.shown_request(view),
        **reproduced,
        **_completed(view, series, tab, before),
    )


def await_end(run_id: str) -> None:
    """Give a run that was just submitted the time to end (RFC 7240's preference)."""
    if not _held.acquire(blocking=False):
        return
    try:
        until = time.monotonic() + ENDING_S
        while time.monotonic() < until:
            if RunStatus(ask_database(run_status, run_id)["status"]).is_terminal:
                return
            time.sleep(LOOK_S)
    finally:
        _held.release()


def _reproductions(connection: Connection, row: RowMapping) -> Json:
    repetitions = reproductions.repetitions_of(connection, row)
    return {
        "origin": reproductions.origin_of(connection, row),
        "repetitions": repetitions,
        "repetition_summary": reproductions.summary(repetitions),
    }


def _completed(
    view: RunResult, run: RunSeries | None, tab: str, before: RowMapping | None
) -> Json:
    """What only a completed run has; before: the run that it is shown beside."""
    if view.status != "completed":
        return {"failure": run_view.failure(view.error_type)}
    kpis = run_view.kpis(view, json.loads(before["metrics_json"])["values"] if before else None)
    shared: Json = {
        "headline": kpis.pop("Headline"),
        "kpis": kpis,
        "page_size": PAGE_SIZE,
    }
    if before:
        asked = json.loads(before["request_json"])
        same_rule = asked["rule_type"] == view.request["rule_type"]
        changed = (
            changed_params(asked["rule_type"], view.request["params"], asked["params"])
            if same_rule
            else ""
        )
        shared |= {"before": before, "changed": changed}
    shared["market"] = run_view.market(
        view.metrics or {}, f"buying and holding {view.request['ticker']}"
    )
    if run is None:  # pruned
        return shared
    shared |= {
        "no_trades": run_view.why_no_trades(view, run),
        "timing": run_view.timing(view, run),
    }
    if tab == "trades":
        return shared | _trades(view)
    if tab == "numbers":
        return shared | {"charts": chart_texts(view, run)}
    return shared | {"months": run_view.months(run), "parts": breakdown(run, view.trades or [])}


def _trades(view: RunResult) -> Json:
    names = ("side", "outcome", "reason", "sort", "order")
    return {
        "trade_page": trade_page(view.trades or [], request.args),
        "price_decimals": platform().prices.decimals(view.data_hash),
        "trade_columns": COLUMNS,
        "position_words": POSITION_WORDS,
        "reasons": sorted({trade["exit_reason"] for trade in view.trades or []}),
        "asked": {name: request.args[name] for name in names if request.args.get(name)},
    }
