"""Pages of runs by filter and order; each page begins where the one before ended (keyset pagination)."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, time, timedelta
from operator import ge, gt, le, lt
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    false,
    or_,
    select,
    union_all,
)

from adapters.database import has_rows
from adapters.declarations import MYSQL, read_from
from adapters.plan_tables import PLAN
from adapters.rows import rows_by
from adapters.runs.queries import STATUS_COLUMNS, with_plan
from adapters.tables import (
    HEADLINE_COLUMNS,
    IS_CANCELLED,
    IS_FAILED,
    LISTED_INDEX,
    METRIC_INDEXES,
    RUN,
    Criterion,
    notes,
    run_tags,
    runs,
)
from contracts.status import RunStatus
from contracts.values import frozen, frozen_by_name

_OTHER = runs.alias("other").c


@frozen
class Word:
    """Search term: part of a text, in any case, with the tickers and rules whose names contain it."""

    text: str
    tickers: Sequence[str]
    rules: Sequence[str]


def has_word(word: Word) -> Criterion:
    """Select runs with a word in label, title, note, tags, ticker, rule, or name, title or note of their plan.

    Texts are searched in indexes of their own, since few runs match. Many runs have a ticker or rule, so a walk through
    all runs soon fills a page of them.
    """
    tagged = select(_OTHER.id).join(run_tags, run_tags.c.run_id == _OTHER.run_id)
    noted = select(notes.c.run_id).where(notes.c.text.icontains(word.text, autoescape=True))
    texts = (
        ids_with("label", word.text),
        ids_with("title", word.text),
        tagged.where(run_tags.c.tag.icontains(word.text, autoescape=True)),
        select(_OTHER.id).where(_OTHER.plan_id.in_(_plans_with(word.text))),
        select(_OTHER.id).where(_OTHER.run_id.in_(noted)),
        select(_OTHER.id).where(_OTHER.plan_id.in_(noted)),
    )
    matches = [RUN.id.in_(select(union_all(*texts).subquery().c.id))]
    matches += [RUN.ticker.in_(word.tickers)] if word.tickers else []
    matches += [RUN.rule_type.in_(word.rules)] if word.rules else []
    return or_(*matches)


def ids_with(column: str, text: str) -> Select[Any]:
    """Select the ids of runs whose label or title contains a text, from the index of that column alone."""
    content = _OTHER[column]
    return select(_OTHER.id).where(content.is_not(None), content.icontains(text, autoescape=True))


def _plans_with(text: str) -> Select[Any]:
    """Select the batches whose name or title contains a text."""
    contains = (PLAN[name].icontains(text, autoescape=True) for name in ("name", "title"))
    return select(PLAN.plan_id).where(or_(*contains), PLAN.name.is_not(None))


def unmatched_words(connection: Connection, words: Sequence[Word]) -> list[str]:
    """List the words that no run matches."""
    queries = {word.text: select(RUN.id).where(has_word(word)) for word in words}
    return [text for text, query in queries.items() if not has_rows(connection, query)]


# Ids are given in the order of submission, but two submissions at once may swap; nothing is swapped by more than this.
DISORDER = timedelta(minutes=5)
# no run is older; a day later the calendar ends
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(9999, 12, 30)
FEW = {*RUN["data_hash", "rule_id", "plan_id"]}  # filters whose value few runs share
# at most this many are sorted, in 40 ms; a scan in the requested order may take 400 ms
FEW_RUNS = 120_000
# public states of a run with their conditions; cancelled runs are FAILED in the database
STATES = {
    **{status.public: [RUN.status == status] for status in RunStatus},
    "failed": [IS_FAILED, or_(RUN.error_type.is_(None), ~IS_CANCELLED)],
    "cancelled": [IS_FAILED, IS_CANCELLED],
}
_LISTED = (
    *STATUS_COLUMNS,
    *RUN["id", "title", "timeframe", "rule_type", "params_json", "sparkline"],
)
Conditions = list[Criterion]
Bounds = dict[str, Criterion]  # by metric


@frozen
class Cursor:
    """Position of a run in the order, where a page begins: its id, and its value in the order unless that is the id."""

    id: int
    value: float | None = None


@frozen_by_name
class RunFilter:
    """Filter and order of a list of runs.

    having: conditions by the column that they are on, of the runs or of a table one of whose rows of a run meets it.
    label: part of it, in any case. words: each is found in the run.
    In an order by a metric, runs without a value of it are left out. `after` goes on, `before` goes back.
    """

    having: Mapping[Column[Any], Criterion] = field(default_factory=dict)
    label: str | None = None
    words: Sequence[Word] = ()
    state: str | None = None  # one of STATES
    created_from: date | None = None
    created_to: date | None = None  # inclusive
    sort: str = "created"
    descending: bool = True
    after: Cursor | None = None
    before: Cursor | None = None
    limit: int = 50


@frozen
class RunPage:
    """Some runs in order, and the cursors of the pages around them; None where there is no such page."""

    rows: Sequence[RowMapping]
    next: Cursor | None
    previous: Cursor | None


def list_runs(connection: Connection, filters: RunFilter, *extra_columns: str) -> RunPage:
    """Return one page of runs; `extra_columns` names further columns to read."""
    bounds = {
        column.name: within
        for column, within in filters.having.items()
        if column.name in METRIC_INDEXES
    }
    conditions = _conditions(connection, filters, by_metrics=bool(bounds))
    # two steps: the ids come from an index alone, and only the page's rows are read
    page = _page_ids(filters, conditions, _index(connection, filters, bounds))
    met = connection.scalars(page).all()
    ids = met[: filters.limit]
    rows_by_id = rows_by(
        connection, with_plan(select(*_LISTED, *map(RUN.get, extra_columns))), RUN.id, ids
    )
    rows = [rows_by_id[each] for each in (reversed(ids) if filters.before else ids)]
    return _page(rows, filters, more=len(met) > len(ids))


def _page(rows: Sequence[RowMapping], filters: RunFilter, more: bool) -> RunPage:
    if not rows:
        return RunPage(rows, None, None)
    first, last = (_cursor(row, filters) for row in (rows[0], rows[-1]))
    has_next = more or filters.before
    has_previous = more if filters.before else filters.after
    return RunPage(rows, last if has_next else None, first if has_previous else None)


def _cursor(row: RowMapping, filters: RunFilter) -> Cursor:
    return Cursor(row["id"], None if filters.sort == "created" else float(row[filters.sort]))


def _index(connection: Connection, filters: RunFilter, bounds: Bounds) -> str | None:
    """The index to read bounded metrics from; None leaves the choice to the database.

    MySQL takes bounds for independent of each other and of the order. Where high returns go with few trades, or no run
    keeps all bounds, it searches the whole table for a page that it expects at the start. So what is bounded to few
    runs is sorted, and all else is searched for in an index that holds all metrics.
    """
    of_few = any(column in FEW or column.table is not runs for column in filters.having)
    if connection.dialect.name not in MYSQL or of_few:
        return None
    if not bounds:
        return _index_of_order(filters) if filters.words else None
    fewest, narrowest = min(
        (_estimated_runs(connection, within), name) for name, within in bounds.items()
    )
    return METRIC_INDEXES[narrowest] if fewest < FEW_RUNS else _index_of_order(filters)


def _index_of_order(filters: RunFilter) -> str | None:
    if filters.sort == "created":
        return LISTED_INDEX
    by_others = RUN.ticker in filters.having or filters.created_from or filters.created_to
    return None if by_others else METRIC_INDEXES[filters.sort]


def _estimated_runs(connection: Connection, within: Criterion) -> int:
    """Estimate the runs within the bounds of one metric, as the database does from a few pages of the index.

    Without FORCE INDEX, under which MySQL looks into no page and estimates one run. Among 1,000,000 runs the slowest
    bounds took 12.4 s on MariaDB and 7.7 s on MySQL by an index of their own choice, and 0.03 s and 0.2 s by this one.
    """
    query = select(RUN.id).where(within)
    text = query.compile(connection, compile_kwargs={"literal_binds": True})
    plan = connection.exec_driver_sql(f"EXPLAIN FORMAT=TRADITIONAL {text}").mappings().one()
    return int(plan["rows"])


def _page_ids(filters: RunFilter, conditions: Conditions, index: str | None) -> Select[Any]:
    """Select the ids of the page and of one more run, in the order of the walk."""
    descending = filters.descending != (filters.before is not None)
    cursor = filters.before or filters.after
    column = HEADLINE_COLUMNS.get(filters.sort)
    order = [RUN.id] if column is None else [column, RUN.id]
    page = select(RUN.id).where(*conditions).limit(filters.limit + 1)
    page = page.order_by(*(each.desc() if descending else each.asc() for each in order))
    if column is not None:
        page = page.where(column.is_not(None))
    if cursor is not None:
        page = page.where(_beyond(cursor, column, descending))
    return read_from(index, runs, page) if index else page


def _beyond(cursor: Cursor, column: ColumnElement[Any] | None, descending: bool) -> Criterion:
    past, up_to = (lt, le) if descending else (gt, ge)
    past_id: Criterion = past(RUN.id, cursor.id)
    if column is None:
        return past_id
    value: Any = cursor.value
    # the first half is a range for which an index has a start
    return and_(up_to(column, value), or_(past(column, value), past_id))


def _conditions(connection: Connection, filters: RunFilter, by_metrics: bool) -> Conditions:
    conditions = [_is_met(*each) for each in filters.having.items()]
    if filters.label:
        # DISTINCT: else MariaDB reads the label of each run on its way from the table
        labelled = ids_with("label", filters.label).distinct().subquery()
        conditions.append(RUN.id.in_(select(labelled.c.id)))
    conditions += map(has_word, filters.words)
    conditions += _state(filters, by_metrics or filters.sort != "created")
    return conditions + _dates(connection, filters)


def _is_met(column: Column[Any], condition: Criterion) -> Criterion:
    """Of a run: it meets the condition, or a row of the column's table does that belongs to it."""
    if column.table is runs:
        return condition
    return RUN.run_id.in_(select(column.table.c.run_id).where(condition))


def _state(filters: RunFilter, by_metrics: bool) -> Conditions:
    """Select the state; with bounds on metrics it is implied, since only succeeded runs have metrics."""
    if filters.state is None or (by_metrics and filters.state == RunStatus.SUCCEEDED.public):
        return []
    return [false()] if by_metrics else STATES[filters.state]


def _dates(connection: Connection, filters: RunFilter) -> Conditions:
    """Return days as a range of ids, which every index ends with, in addition to the exact times."""
    conditions: Conditions = []
    created, by_time = RUN.created_at, (RUN.created_at, RUN.id)
    if filters.created_from:
        start = datetime.combine(max(filters.created_from, FIRST_DAY), time.min)
        first = _first_id(connection, created >= start - DISORDER, *by_time)
        conditions += [created >= start, RUN.id >= (first or 2**62)]
    if filters.created_to:
        end = datetime.combine(min(filters.created_to, LAST_DAY), time.min) + timedelta(days=1)
        latest_first = (each.desc() for each in by_time)
        last = _first_id(connection, created < end + DISORDER, *latest_first)
        conditions += [created < end, RUN.id <= (last or 0)]
    return conditions


def _first_id(connection: Connection, when: Criterion, *order: ColumnElement[Any]) -> int | None:
    return connection.scalar(select(RUN.id).where(when).order_by(*order).limit(1))
