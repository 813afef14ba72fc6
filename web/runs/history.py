"""The history of all runs as a page and as JSON, and the search box."""

import re
from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from adapters.metrics.table import HEADLINE_NAMES, HEADLINES, METRICS
from adapters.plans.store import plan_named
from adapters.runs.lists import STATES, list_runs
from adapters.runs.queries import run_with_prefix
from adapters.runs.times import times_of
from adapters.runs.words import unmatched_words
from contracts.status import RunStatus
from contracts.tickers import normalize_ticker
from contracts.values import Json, picked, without
from rules.catalog import RULES
from web.api import operation
from web.app import ask_database, platform
from web.runs.filters import ASKED, FILTERS, cursor_text, read_filter
from web.titles import run_title

blueprint = Blueprint("runs", __name__)

_ID_START = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]{0,27})?")
_NAME_STARTS = tuple(f"{rule}_" for rule in RULES)
BENCHMARK_METRICS = [metric for metric in METRICS if metric.section == "Benchmark"]
# columns that a reader may hide, with their headings
COLUMNS = {
    "equity": "Equity",
    **{short: short.capitalize() for short in HEADLINES},
    "dates": "Dates",
    "label": "Label",
    "batch": "Batch",
    "created": "Submitted",
}
# filters that are one click, with the days before today
RECENT = {"Today": 0, "Last 7 days": 6, "Last 30 days": 29}
# columns that a reader may add
MORE_COLUMNS = {
    "benchmark": "Benchmark",
    **{metric.name: metric.title for metric in BENCHMARK_METRICS},
}


@blueprint.get("/runs")
@operation(asks=ASKED, strict=True)
def page() -> str:
    """All runs by filter and order, a page at a time."""
    # see js/runs/columns.js
    columns = request.cookies.get("columns", ".".join(COLUMNS)).split(".")
    benchmark_metrics = [metric for metric in BENCHMARK_METRICS if metric.name in columns]
    run_filter = read_filter()
    page = ask_database(
        list_runs, run_filter, "request_json", *(["metrics_json"] if benchmark_metrics else [])
    )
    query = {name: value for name, value in request.args.items() if value}
    return render_template(
        "runs/history.html",
        runs=page.rows,
        columns=columns,
        offered=COLUMNS | MORE_COLUMNS,
        benchmark_metrics=benchmark_metrics,
        next=cursor_text(page.next),
        previous=cursor_text(page.previous),
        query=without(query, ("after", "before")),
        unmatched=[] if page.rows else ask_database(unmatched_words, run_filter.words),
        filters=FILTERS,
        recent=_recent(datetime.now(UTC).date()),
        headlines=HEADLINES,
        tickers=platform().prices.all(),
        is_live=not all(RunStatus(row["status"]).is_terminal for row in page.rows),
    )


def _recent(today: date) -> dict[str, str]:
    return {text: str(today - timedelta(days)) for text, days in RECENT.items()}


@blueprint.get("/api/runs")
@operation("200 Runs: runs by filter and order, a page at a time", asks=ASKED, strict=True)
def listed() -> ResponseReturnValue:
    """All runs by filter and order, as JSON; `next` and `previous` are values for `after` and `before`."""
    page = ask_database(list_runs, read_filter())
    return {
        "runs": [_listed_run(row) for row in page.rows],
        "next": cursor_text(page.next),
        "previous": cursor_text(page.previous),
    }


def _listed_run(row: Any) -> Json:
    same = ("ticker", "timeframe", "rule_type", "rule_id", "label", "batch_id", "error_type")
    return {
        "run_id": row["run_id"],
        "title": run_title(row),
        **picked(row, same),
        "status": RunStatus(row["status"]).public,
        "metrics": picked(row, HEADLINE_NAMES) if row["status"] == RunStatus.SUCCEEDED else None,
        **times_of(row),
    }


@blueprint.get("/search")
def search() -> ResponseReturnValue:
    """Redirect a search: to the run whose id begins so, to the batch of that name, else to the filtered list."""
    words = request.args.get("q", "").split()
    named = " ".join(words)
    start = named.lower()
    if _ID_START.fullmatch(start) and (run_id := ask_database(run_with_prefix, start)):
        return redirect(url_for("run.page", run_id=run_id))
    if ask_database(plan_named, named):
        return redirect(url_for("batches.page", batch_id=named))
    return redirect(url_for("runs.page", **_filters_of(words)))


def _filters_of(words: list[str]) -> Json:
    """Turn tickers, rules, states and names such as RSI_14_30_70 into filters, other words into a text search."""
    tickers = platform().prices.all()
    filters: Json = {}
    rest = []
    for word in words:
        new = [each for each in _meanings(word, tickers) if each[0] not in filters]
        if new:
            filters |= new[:1]
        else:
            rest.append(word)
    return filters | {"q": " ".join(rest) or None}


def _meanings(word: str, tickers: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield the filters that a word may mean, the likeliest first, each with its value."""
    upper, lower = normalize_ticker(word), word.lower()
    if upper in tickers:
        yield "ticker", upper
    if upper in RULES:
        yield "rule", upper
    if word.startswith(_NAME_STARTS):
        yield "name", word
    if lower in STATES:
        yield "status", lower
