"""The pages for people: a new run, one run, and the way in."""

import hmac
import json
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.engine import Connection, RowMapping
from werkzeug.exceptions import Unauthorized

from adapters.results.curves import FillBars
from adapters.store.database import reading
from adapters.store.run_queries import STATUS_COLUMNS, chart_names, events_of, run_row
from adapters.store.tables import runs
from contracts.errors import InvalidRequest
from contracts.run_result import RunResult
from contracts.status import RunStatus
from rules.catalog import RULES, ParamSpec, complete_params
from web import operations, reproductions, run_view
from web.access import is_allowed
from web.candle_range import candle_range, ranged_candles
from web.platform import platform
from web.trade_table import COLUMNS, trade_page

blueprint = Blueprint("pages", __name__)

LATEST = 8  # runs beside the form
# The way to each section, its name, and the pages that belong to it.
NAVIGATION = (
    ("pages.dashboard", "New run", ()),
    ("runs.history", "Runs", ("pages.result", "comparison.compare")),
    ("batches.listed", "Batches", ("batches.page",)),
    ("queue.page", "Queue", ()),
)


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What every template may use."""
    return {"navigation": NAVIGATION, "default_members": default_members, "may_change": is_allowed()}


def default_members(param: ParamSpec) -> list[dict[str, Any]]:
    """The members that a composite rule begins with, as plain JSON values."""
    return [dict(member) for member in param.default]


@blueprint.get("/")
def dashboard() -> str:
    """The form for a new run, filled from another run with ?clone=<run_id>."""
    origin = request.args.get("clone")
    with reading(platform().engine) as connection:
        values = _request_of(connection, origin) if origin else {}
        latest = _latest(connection)
    return render_template(
        "dashboard.html",
        rules=list(RULES.values()),
        tickers=_ticker_ranges(),
        values=values,
        origin=origin,
        latest=latest,
    )


def _request_of(connection: Connection, run_id: str) -> dict[str, Any]:
    """A run's request without what belongs to that run alone; 404 for what is no run_id."""
    try:
        UUID(run_id)
    except ValueError:
        abort(404, f"{run_id[:40]!r} is not the id of a run, so it cannot be cloned")
    return _own_request(json.loads(run_row(connection, run_id)["request_json"]))


def _own_request(values: dict[str, Any]) -> dict[str, Any]:
    """A request without what belongs to one run, or to its batch, alone."""
    return {name: value for name, value in values.items() if name not in ("run_id", "batch_id", "rule_id")}


def _latest(connection: Connection) -> list[Any]:
    query = select(*STATUS_COLUMNS, runs.c.rule_type).order_by(runs.c.id.desc()).limit(LATEST)
    return list(connection.execute(query).mappings())


def _ticker_ranges() -> dict[str, dict[str, dict[str, Any]]]:
    """First day, last day and bars of each ticker and timeframe."""
    return {
        ticker: {
            timeframe: {
                "first_date": held.first_date.isoformat(),
                "last_date": held.last_date.isoformat(),
                "bars": held.bars,
            }
            for timeframe, held in ranges.items()
        }
        for ticker, ranges in platform().tickers.all().items()
    }


@blueprint.get("/result/<uuid:run_id>")
def result(run_id: UUID) -> str:
    """One run, a permalink from the first second."""
    tab = request.args.get("tab", "stats")
    if tab not in run_view.TABS:
        abort(404, f"a run has no tab {tab[:40]!r}; there are {', '.join(run_view.TABS)}")
    with reading(platform().engine) as connection:
        row = run_row(connection, str(run_id))
        events = events_of(connection, str(run_id))
        rendered = chart_names(connection, str(run_id))
        origin = reproductions.origin_of(connection, row)
        repetitions = reproductions.repetitions_of(connection, row)
    position = operations.queue_position(row) if row["status"] == RunStatus.PENDING else None
    view = run_view.page_result(row, tab, platform().tickers)
    return render_template(
        "result.html",
        run=row,
        view=view,
        tab=tab,
        tabs=run_view.TABS,
        events=events,
        position=position,
        has_pictures=bool(rendered),
        with_charts=_own_request(view.request) | {"charts": True},
        full_params=complete_params(row["rule_type"], view.request["params"]),
        origin=origin,
        repetitions=repetitions,
        repetition_summary=reproductions.summary(repetitions),
        **_completed(row, view, tab, rendered),
    )


def _completed(row: RowMapping, view: RunResult, tab: str, rendered: frozenset[str]) -> dict[str, Any]:
    """What only a completed run has."""
    if view.status != "completed":
        return {"failure": run_view.failure(view.error_type)}
    fills = run_view.page_fills(row)
    shared = {
        "no_trades": run_view.why_no_trades(view),
        "charts": run_view.charts(view, fills, run_view.TAB_CHARTS[tab], rendered),
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
        "reasons": sorted({trade["exit_reason"] for trade in view.trades or []}),
        "asked": {name: request.args[name] for name in names if request.args.get(name)},
    }


def _candles(view: RunResult, fills: list[FillBars]) -> dict[str, Any]:
    shown = candle_range(view, request.args)
    ranged = {"charts": [ranged_candles(view, fills, shown)]} if shown.first or shown.last else {}
    return {"ranges": shown, **ranged}


def _equity(view: RunResult) -> dict[str, Any]:
    beside = request.args.get("beside", "holding")
    if beside not in ("holding", "nothing"):
        raise InvalidRequest({"beside": f"{beside[:40]!r} is not one of holding, nothing"})
    alone = {"charts": [run_view.equity_alone(view)]} if beside == "nothing" else {}
    return {"beside": beside, **alone}


TAB_VALUES = {"stats": _stats, "equity": _equity, "trades": _trades}


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Let a browser show its token once."""
    if request.method == "GET":
        return render_template("login.html")
    given = request.form.get("token", "").encode()
    if not any(hmac.compare_digest(given, token.encode()) for token in platform().settings.api_tokens):
        raise Unauthorized("this token is not known")
    session["allowed"] = True
    return redirect(url_for("pages.dashboard"))
