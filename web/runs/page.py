"""One run as a page: what it waits for, what failed, or its result: a chart, and tables in tabs."""

import json
import threading
import time

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import RowMapping

from adapters.batches.titles import titles_of
from adapters.metrics.timing import run_timing
from adapters.runs.queries import events_of, run_row, run_status
from adapters.runs.series import RunSeries, series_of
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
        if row["kind"] != Kind.RUN:
            return redirect(_page_of(row))
        found = {
            "events": events_of(connection, run_id),
            "before": asked_before(connection),
            "batch_names": titles_of(connection, [row["batch_id"]]) if row["batch_id"] else {},
            **reproductions.compared(connection, row),
        }
    series = series_of(row)
    told = run_view.told(row, series)
    of_state = (
        _completed(told["view"], series, tab, found["before"])
        if row["status"] == RunStatus.SUCCEEDED
        else {"failure": run_view.failure(row["error_type"]), **_waiting(row)}
    )
    return render_template(
        "runs/run.html", tab=tab, tabs=run_view.TABS, **found, **told, **of_state
    )


def _page_of(row: RowMapping) -> str:
    """Where a Job of another kind is shown."""
    if row["kind"] == Kind.SCREEN:
        return url_for("screens.page", screen_id=row["run_id"])
    if row["kind"] == Kind.PORTFOLIO:
        return url_for("portfolios.page", portfolio_id=row["run_id"])
    return url_for("studies.page", study_id=study_id_of(row["batch_id"]))  # a part of it


def _waiting(row: RowMapping) -> Json:
    """What holds up a run that waits."""
    if row["status"] != RunStatus.PENDING:
        return {}
    return {
        "troubles": ask_database(troubles),
        "position": operations.queue_position(row),
        "queue_answers": platform().glance.answers,
    }


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


def _completed(
    view: RunResult, run: RunSeries | None, tab: str, before: RowMapping | None
) -> Json:
    """What only a completed run has; before: the run that it is shown beside."""
    kpis = run_view.kpis(view, json.loads(before["metrics_json"])["values"] if before else {})
    held = f"buying and holding {view.request['ticker']}"
    shared: Json = {
        "headline": kpis.pop("Headline"),
        "kpis": kpis,
        "page_size": PAGE_SIZE,
        "changed": before and changed_params(view.request, json.loads(before["request_json"])),
        "market": run_view.market(view.metrics or {}, held),
    }
    if run is None:  # pruned
        return shared
    shared["timing"] = run_timing(view.metrics or {}, len(run.times), view.request["ticker"])
    if tab == "trades":
        return shared | _trades(view)
    if tab == "numbers":
        return shared | {"charts": chart_texts(view, run)}
    return shared | {"months": run_view.months(run), "parts": breakdown(run, view.trades or [])}


def _trades(view: RunResult) -> Json:
    names = ("side", "outcome", "reason", "sort", "order")
    return {
        "trade_page": trade_page(view.trades or []),
        "price_decimals": platform().prices.decimals(view.data_hash),
        "trade_columns": COLUMNS,
        "position_words": POSITION_WORDS,
        "reasons": sorted({trade["exit_reason"] for trade in view.trades or []}),
        "asked": {name: request.args[name] for name in names if request.args.get(name)},
    }
