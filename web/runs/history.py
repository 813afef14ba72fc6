"""The history of all runs as a page and as JSON, and the search box."""

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from operator import eq, ge, le
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Column, select, true

from adapters.metrics.table import HEADLINE_NAMES, HEADLINES, METRICS
from adapters.plan_tables import PLAN
from adapters.plans.store import plan_named
from adapters.runs.lists import STATES, Cursor, RunFilter, Word, list_runs, unmatched_words
from adapters.runs.queries import run_with_prefix
from adapters.runs.times import times_of
from adapters.tables import RUN, Criterion, run_tags
from contracts.run_request import TAG_LENGTH
from contracts.status import RunStatus
from contracts.tickers import normalize_ticker
from contracts.values import Json, frozen_by_name, picked, without
from rules.catalog import RULES
from web.api import Argument, arguments, limit, operation
from web.app import ask_database, platform
from web.formats import (
    MAX_DIGITS,
    TEXT,
    Parser,
    day,
    finite_number,
    is_digits,
    one_of,
    sha256,
    ticker_symbol,
    words,
)
from web.titles import run_title

SORTS = {"created": "created", **{short: metric.name for short, metric in HEADLINES.items()}}


@frozen_by_name
class Filter(Argument):
    """An argument that narrows the list.

    column: of runs, or of a table with rows of a run, compared with the value by `compare`; None: it needs more than
    that. title: of its field in the form; "": only links use it. folded: in the collapsed part of the form.
    """

    column: Column[Any] | None = None
    compare: Callable[[Any, Any], Any] = eq
    title: str = ""
    folded: bool = False


def _is_named(plan_id: Column[Any], name: str) -> Criterion:
    """Match runs whose plan has this name."""
    named = select(PLAN.plan_id).where(PLAN.name == name)
    return plan_id == named.scalar_subquery()


FROM = Filter("from", day, "submitted, both days included", title="Submitted from", folded=True)
FILTERS = (
    Filter(
        "q",
        words(64),
        "words that label, title, ticker, rule, a tag or a batch's name or title contain, in any case",
        title="Words",
    ),
    Filter("ticker", ticker_symbol, "in any case", column=RUN.ticker, title="Ticker"),
    Filter("rule", one_of(*RULES), "rule_type", column=RUN.rule_type, title="Rule"),
    Filter("name", words(64), "rule_id, such as RSI_14_30_70", column=RUN.rule_id, title="Name"),
    Filter("status", one_of(*STATES), "failed without the cancelled ones", title="State"),
    Filter("label", words(64), "part of it, in any case", title="Label"),
    Filter("tag", words(TAG_LENGTH), "one of the run's tags", column=run_tags.c.tag, title="Tag"),
    Filter(
        "batch",
        words(64),
        "the whole batch_id",
        column=RUN.plan_id,
        compare=_is_named,
        title="Batch",
        folded=True,
    ),
    Filter(
        "prices",
        sha256,
        "data_hash, the version of the prices that was read",
        column=RUN.data_hash,
        folded=True,
    ),
    FROM,
    replace(FROM, name="to", title="Submitted to"),
    *(
        Filter(
            f"{short}_{side}",
            finite_number,
            "bound on a metric",
            column=RUN[metric.name],
            compare=compare,
            title=f"{short.capitalize()} {word}{', %' if metric.unit == 'percent' else ''}",
            folded=True,
        )
        for short, metric in HEADLINES.items()
        for side, word, compare in (("min", "from", ge), ("max", "to", le))
    ),
)
SORT = Argument(
    "sort",
    one_of(*SORTS),
    "created by default; by a metric, runs without it are left out",
    default="created",
)
ORDER = Argument("order", one_of("desc", "asc"), "desc by default", default="desc")
# with ~ in an order by a metric
_CURSOR = TEXT | {"pattern": rf"^[0-9]{{1,{MAX_DIGITS}}}(~-?[0-9][0-9.e+-]*)?$"}


def _cursor(by_metric: bool | None = None) -> Parser[Cursor]:
    def parse(text: str) -> Cursor:
        start, _, value = text.partition("~")
        fits = by_metric in (None, bool(value)) and isfinite(float(value or 0))
        if not is_digits(start) or not fits:
            raise ValueError
        return Cursor(int(start), float(value) if value else None)

    return Parser(parse, _CURSOR, "the value of `next` or `previous` of another page")


AFTER = Argument("after", _cursor(), "next of the page before, in the same order")
BEFORE = Argument("before", _cursor(), "previous of the page after, in the same order")
ASKED = (*FILTERS, SORT, ORDER, AFTER, BEFORE, limit(most=200, default=50))


def read_filter() -> RunFilter:
    """Read the filter from the query; InvalidRequest names every value that is not accepted."""
    values = arguments()
    by_metric = values["sort"] != "created"
    values |= arguments(*(replace(each, parse=_cursor(by_metric)) for each in (AFTER, BEFORE)))
    having: dict[Column[Any], Criterion] = {}
    for each in FILTERS:
        if each.column is not None and values[each.name] is not None:
            condition = each.compare(each.column, values[each.name])
            having[each.column] = having.get(each.column, true()) & condition
    return RunFilter(
        having=having,
        label=values["label"],
        words=[_word(text) for text in (values["q"] or "").split()],
        state=values["status"],
        created_from=values["from"],
        created_to=values["to"],
        sort=SORTS[values["sort"]],
        descending=values["order"] == "desc",
        **picked(values, ("after", "before", "limit")),
    )


def _word(text: str) -> Word:
    """Return a word of a search with the tickers and rules whose name or title contains it."""
    folded, tickers = text.lower(), platform().prices.all()
    rules = [
        name
        for name, rule in RULES.items()
        if folded in f"{name} {rule.title} {rule.short_title}".lower()
    ]
    return Word(text, [ticker for ticker in tickers if folded in ticker.lower()], rules)


def cursor_text(cursor: Cursor | None) -> str | None:
    """Format a cursor for an address: 812, or 812~1.25 in an order by a metric."""
    if cursor is None:
        return None
    return str(cursor.id) if cursor.value is None else f"{cursor.id}~{cursor.value!r}"


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
