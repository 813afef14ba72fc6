"""The page of one run: its place in the queue, its failure, or its result with a chart and tables in tabs.

Also its report, a file to share that needs no script and no other file.
"""

import base64
import hashlib
import json
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, RowMapping

from adapters.metrics.timing import run_timing
from adapters.runs.queries import events_of, run_row, run_status
from adapters.runs.series import RunSeries, run_series, series_of
from contracts.errors import UnknownRun
from contracts.run_result import RunResult
from contracts.status import Kind, RunStatus
from contracts.values import Json
from web.app import ask_database, platform, reading_database
from web.charts.bars import completed_row
from web.charts.breakdown import breakdown
from web.charts.drawing import pictures
from web.charts.texts import chart_texts
from web.queue.troubles import troubles
from web.runs import comparison, operations
from web.runs.tables import COLUMNS, PAGE_SIZE, POSITION_WORDS, trade_page
from web.runs.view import TABS, changed_params, market, months, run_context, sections

blueprint = Blueprint("run", __name__)

# a single run on warm processes ends within it, so its first page shows the result
ENDING_S = 0.5
LOOK_S = 0.015
# threads of this process that may wait; all other requests are answered at once
_waiting_requests = threading.BoundedSemaphore(2)
# in addresses of earlier releases
FORMER_TABS = {"equity", "drawdown", "portfolio", "candles"}


@blueprint.get("/result/<uuid:run_id>")
def page(run_id: str) -> ResponseReturnValue:
    """One run; a permalink as soon as it is submitted."""
    tab = request.args.get("tab", "stats")
    if tab in FORMER_TABS:
        return redirect(url_for("run.page", run_id=run_id), 301)
    if tab not in TABS:
        abort(404, f"a run has no tab {tab[:40]!r}; there are {', '.join(TABS)}")
    await_end(run_id)
    with reading_database() as connection:
        row = run_row(connection, run_id)
        if row["kind"] != Kind.RUN:
            return redirect(_page_of(row))
        stored = {
            "events": events_of(connection, run_id),
            "before": comparison_run(connection),
            **comparison.compare_reproductions(connection, row),
        }
    series = series_of(row)
    context = run_context(row, series)
    of_state = (
        _completed(context["view"], series, tab, stored["before"])
        if row["status"] == RunStatus.SUCCEEDED
        else _waiting(row)
    )
    return render_template("runs/run.html", tab=tab, tabs=TABS, **stored, **context, **of_state)


def comparison_run(connection: Connection) -> RowMapping | None:
    """Return the completed run to compare with, named by ?beside=<run_id>; None without one."""
    try:
        row = run_row(connection, str(UUID(request.args.get("beside", ""))))
    except (ValueError, UnknownRun):
        return None
    return row if row["kind"] == Kind.RUN and row["equity_curve_json"] else None


def _page_of(row: RowMapping) -> str:
    """Return the address of the page that shows a Job of another kind."""
    if row["kind"] == Kind.SCREEN:
        return url_for("screens.page", screen_id=row["run_id"])
    if row["kind"] == Kind.PORTFOLIO:
        return url_for("portfolios.page", portfolio_id=row["run_id"])
    return url_for("studies.page", study_id=row["plan_id"])  # a part of it


def _waiting(row: RowMapping) -> Json:
    """Return the place of a run in the queue and the causes of its delay."""
    held_up = ask_database(troubles) if row["status"] == RunStatus.PENDING else []
    return operations.place_of(row) | {"troubles": held_up}


def await_end(run_id: str) -> None:
    """Wait a moment for a run to end if the client asks for it by `Prefer: wait` (RFC 7240)."""
    if request.headers.get("Prefer") != "wait" or not _waiting_requests.acquire(blocking=False):
        return
    try:
        until = time.monotonic() + ENDING_S
        while time.monotonic() < until:
            if RunStatus(ask_database(run_status, run_id)["status"]).is_terminal:
                return
            time.sleep(LOOK_S)
    finally:
        _waiting_requests.release()


def _completed(
    view: RunResult, run: RunSeries | None, tab: str, comparison_run: RowMapping | None
) -> Json:
    """Return the variables that only a completed run has."""
    metrics = view.metrics or {}
    holding = f"buying and holding {view.request['ticker']}"
    shared: Json = {
        "sections": sections(metrics),
        "metrics_before": json.loads(comparison_run["metrics_json"])["values"]
        if comparison_run
        else {},
        "page_size": PAGE_SIZE,
        "changed": comparison_run
        and changed_params(json.loads(comparison_run["request_json"]), view.request),
        "market": market(metrics, holding),
    }
    if run is None:  # pruned
        return shared
    shared["timing"] = run_timing(metrics, len(run.times), view.request["ticker"])
    if tab == "trades":
        return shared | _trades(view)
    if tab == "numbers":
        return shared | {"charts": chart_texts(view, run)}
    return shared | {"months": months(run), "parts": breakdown(run)}


def _trades(view: RunResult) -> Json:
    names = ("side", "outcome", "reason", "sort", "order")
    return {
        "trade_page": trade_page(view.trades or []),
        "price_decimals": platform().prices.decimals(view.data_hash),
        "trade_columns": COLUMNS,
        "position_words": POSITION_WORDS,
        "query": {name: request.args[name] for name in names if request.args.get(name)},
    }


@blueprint.get("/result/<uuid:run_id>/report.html")
def report(run_id: str) -> ResponseReturnValue:
    """A completed run as one file; missing charts are drawn first."""
    row = completed_row(run_id)
    if row["kind"] != Kind.RUN:
        return redirect(_page_of(row))
    run = run_series(row)
    context = run_context(row, run)
    drawn = pictures(row)
    return report_page(
        "runs/report.html",
        events=ask_database(events_of, run_id),
        sections=sections(context["view"].metrics or {}),
        charts=[
            (sentence, base64.b64encode(drawn[name]).decode())
            for name, (_, sentence) in chart_texts(context["view"], run).items()
            if name in drawn
        ],
        position_words=POSITION_WORDS,
        price_decimals=platform().prices.decimals(row["data_hash"]),
        **context,
    )


def report_page(template: str, **context: Any) -> Response:
    """Render a page that contains all its styles and pictures."""
    return Response(
        render_template(template, css=_css(), **context),
        headers={"Content-Security-Policy": _policy()},
    )


@cache
def _css() -> str:
    return (Path(__file__).parents[1] / "static/css/report.css").read_text("utf-8")


def _policy() -> str:
    """Allow only the report's stylesheet, by its hash, and embedded pictures."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
