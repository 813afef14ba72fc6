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

from adapters.metrics.curves import last_days
from adapters.metrics.measured import Metric
from adapters.metrics.returns import monthly_returns
from adapters.metrics.table import METRICS
from adapters.metrics.timing import run_timing
from adapters.plans.robustness import robustness_of
from adapters.prices.vault import vaults_read
from adapters.runs.explanations import OPENING, held_back
from adapters.runs.queries import events_of, run_row, run_status
from adapters.runs.result import run_result
from adapters.runs.series import (
    RunSeries,
    decode_signals,
    run_series,
    series_of,
)
from adapters.studies.ledger import tried_on
from contracts.errors import UnknownRun
from contracts.run_request import RunRequest
from contracts.run_result import RunResult
from contracts.status import Kind, RunStatus
from contracts.values import Json, Values, frozen
from rules.catalog import RULES, ParamSpec, complete_params
from rules.language import filled_texts
from web.app import ask_database, platform, reading_database
from web.charts.bars import COLUMNS, PAGE_SIZE, POSITION_WORDS, completed_row, trade_page
from web.charts.pictures import breakdown, chart_texts, pictures
from web.queue import troubles
from web.runs import comparison, operations
from web.runs.answer import answer, benchmark_return, small_size
from web.titles import PART, differing_values, format_fields, full_params, reusable_values

TABS = {"stats": "Stats", "trades": "Trades", "numbers": "Downloads"}


def run_context(row: RowMapping, run: RunSeries | None) -> Json:
    """Return the variables of page and report: the run and its request, with all params and texts of a FORMULA."""
    result = run_result(row, run)
    rule_type = result.request["rule_type"]
    params = complete_params(rule_type, result.request["params"])
    return {
        "run": row,
        "view": result,
        "no_trades": run and why_no_trades(result, row, len(run.times)),
        "terms": format_fields(result.request, "orders", "stops", "label"),
        "full_params": params,
        "texts": rule_texts(rule_type, params),
        "python_note": result.python and python_note(result.python),
        "reusable_values": reusable_values(result.request),
        "tunables": tunables(rule_type, params),
    }


def rule_texts(rule_type: str, params: Values) -> dict[str, str]:
    """Return the texts of a rule by name: FORMULA's conditions with the values of their inputs, or PYTHON's code."""
    if rule_type == "PYTHON":
        return {"code": params["code"]}
    return filled_texts(params) if rule_type == "FORMULA" else {}


def python_note(python: Values) -> str:
    """Say how the code of a run was executed, and for how many signals later bars were withheld."""
    seal = "Sealed" if python["sealed"] else "Not sealed: it ran with the rights of the platform"
    checked = python["checked"]
    if checked is None:
        return f"{seal}; each bar was sent after the answer for the bar before"
    count, all_signals = checked["signals"], checked["of_signals"]
    words = f"{seal}; {count:,} of {all_signals:,} signals were given without later bars"
    if count == all_signals or "changes" not in checked:  # as runs before it was counted
        return words
    return f"{words}, among them {checked['changes']:,} of {checked['of_changes']:,} where the signal changes"


@frozen
class Tunable:
    """A number or choice among a run's params; path: its names in them, with points between."""

    path: str
    value: Any
    # None: an input of a custom rule, whose bounds are in its request
    spec: ParamSpec | None = None


def tunables(rule_type: str, params: Values) -> list[Tunable]:
    """Return the params that one form field can change; none inside the members of a composite rule."""
    from_rule = [
        Tunable(spec.name, params[spec.name], spec)
        for spec in RULES[rule_type].params
        if spec.kind in ("int", "float", "choice")
    ]
    return from_rule + [
        Tunable(f"{PART}{name}", value) for name, value in params.get("inputs", {}).items()
    ]


def sections(metrics: Values) -> dict[str, list[Metric]]:
    """Group the metrics of a result by section; those in plain words first."""
    by_section: dict[str, list[Metric]] = {"Headline": []}
    for metric in METRICS:
        if metric.name in metrics:
            by_section.setdefault("Headline" if metric.plain else metric.section, []).append(
                metric
            )
    return by_section


def months(run: RunSeries) -> Json:
    """Return the monthly and yearly returns of a completed run, and the largest absolute return of a month."""
    years = monthly_returns(last_days(run.times, run.timeframe), run.path)
    returns = [abs(value) for year in years for value in year.months if value is not None]
    return {"years": years, "largest": max(returns, default=0.0)}


def why_no_trades(result: RunResult, row: RowMapping, bars: int) -> str | None:
    """Explain why a completed run made no trades; None when it made some."""
    if result.trades:
        return None
    if result.rejected_orders:
        count, first = len(result.rejected_orders), result.rejected_orders[0]
        return f"{count:,} orders were rejected; the first on {first['date']}: {first['reason']}."
    signals = [signal for _, signal, _ in decode_signals(row["signals_json"])]
    if not signals:
        return f"The rule gave no signal on any of the {bars:,} bars. {_unmet_conditions(result)}"
    if {*signals} == {-1} and result.request["direction"] == "longonly":
        sides = f"{len(signals):,} sell signals and no buy signal"
        why = f"The rule gave {sides}, and a long-only run opens with a buy."
        return f"{why} {_unmet_conditions(result)}"
    return f"The rule gave {len(signals):,} signals, and none of them could open a position."


def _unmet_conditions(result: RunResult) -> str:
    """Name the conditions that kept the rule from opening a position, or suggest what to try."""
    sides = OPENING.get(result.request["direction"], ("buy", "sell"))
    sentences = [held_back(result.explanation_summary or [], side) for side in sides]
    return " ".join(filter(None, sentences)) or "Loosen its parameters or use more bars."


def changed_params(before: Values, now: Values) -> dict[str, list[Any]]:
    """Return the params of the same rule that differ between two requests, each with both values."""
    if now["rule_type"] != before["rule_type"]:
        return {}
    return differing_values(
        [full_params(each["rule_type"], each["params"]) for each in (before, now)]
    )


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
            "robustness": robustness_of(connection, run_id),
            "reserved": [
                each["ticker"]
                for each in vaults_read(
                    connection, RunRequest.from_json(json.loads(row["request_json"]))
                )
            ],
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
    if row["kind"] == Kind.ROBUSTNESS:
        return url_for("robustness.page", robustness_id=row["run_id"])
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
    }
    if run is None:  # pruned
        return shared | {"market": answer(metrics, holding)}
    benchmark = benchmark_return(run)
    is_measured = benchmark or not run.request.get("benchmark")
    shared["market"] = answer(metrics, holding, len(run.times) if is_measured else 0, benchmark)
    shared["sized"] = small_size(RunRequest.from_json(view.request))
    shared["timing"] = run_timing(metrics, len(run.times))
    shared["tried"] = ask_database(tried_on, view.request["ticker"], view.request["timeframe"])
    if tab == "trades":
        return shared | _trades(view, run)
    if tab == "numbers":
        return shared | {"charts": chart_texts(view, run)}
    return shared | {"months": months(run), "parts": breakdown(run)}


def _trades(view: RunResult, run: RunSeries) -> Json:
    names = ("side", "outcome", "reason", "sort", "order")
    return {
        "trade_page": trade_page(view.trades or [], run),
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
        robustness=ask_database(robustness_of, run_id),
        tried=ask_database(tried_on, row["ticker"], row["timeframe"]),
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
