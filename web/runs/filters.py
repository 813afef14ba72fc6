"""The filters of the runs list: each is declared once, for addresses, the form, the query and the API's description."""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from operator import eq, ge, le
from typing import Any

from sqlalchemy import Column, select, true

from adapters.metrics.table import HEADLINES
from adapters.plan_tables import PLAN
from adapters.runs.lists import STATES, Cursor, RunFilter
from adapters.runs.words import Word
from adapters.tables import RUN, Criterion, run_tags
from contracts.run_request import TAG_LENGTH
from contracts.values import frozen_by_name, picked
from rules.catalog import RULES
from web.api import Argument, arguments, limit
from web.app import platform
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
