"""Retention: delete series and whole runs that ended long ago, and old rows of the audit, as the KEEP_ settings say.

The walk visits all runs in the order of submission, in short transactions of their own, so that it may stop anywhere
and start again. Runs that somebody marked keep their series and their row: see `_is_kept`. The runs of a plan are
compared with each other, so they are deleted together: see `_Walk`. The tables declare what belongs to a run or plan.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Delete,
    Engine,
    Row,
    Table,
    Update,
    and_,
    delete,
    exists,
    false,
    func,
    or_,
    select,
)

from adapters.access import delete_old_entries
from adapters.database import committed, database_now, reading
from adapters.declarations import rows_of, tables_of, update_by
from adapters.plan_tables import PLAN, plans
from adapters.plans.study import living_studies
from adapters.settings import Settings
from adapters.tables import RUN, Criterion, notes, runs
from contracts.status import Kind, PlanKind, RunStatus
from contracts.values import frozen

LOOKED_AT = 10_000  # runs per transaction
DELETED = 500  # of them at most, so that nobody waits long for the locks
DAY_S = 86_400
# the settings (KEEP_SERIES_DAYS, KEEP_RUNS_…) by which rows are deleted that are kept as long as the key
GOES_BY = {"series": ("series", "runs"), "runs": ("runs",)}
Removed = Counter[str]  # rows by part


@frozen
class Part:
    """Data of a run that is deleted together: its rows in a table, or columns there, which are cleared."""

    name: str
    kept: str
    table: Table
    cleared: Sequence[Column[Any]] = ()

    @property
    def run_id(self) -> Column[Any]:
        """Return the column with the id of a run; a plan's id is also that of its only or first Job, or of no run."""
        column: Column[Any] = self.table.c.plan_id if self.table is plans else self.table.c.run_id
        return column

    def is_left(self, run_ids: Sequence[str]) -> Criterion:
        """Select the rows of these runs; of columns, those rows where they are not cleared yet."""
        is_of_run = self.run_id.in_(run_ids)
        return and_(is_of_run, _has_any(self.cleared)) if self.cleared else is_of_run

    def removal(self) -> Delete | Update:
        """Build the statement that removes this part of all runs."""
        if self.cleared:
            return update_by(self.run_id).values(dict.fromkeys(self.cleared))
        return delete(self.table)


def parts() -> list[Part]:
    """List the parts of a run: its own row, then the columns that are cleared earlier, then rows of other tables."""
    tables = [runs, plans, *(each for each in tables_of("run") if each is not runs)]
    run, *others = (Part(rows_of(each).kind, str(rows_of(each).kept), each) for each in tables)
    return [run, *chain.from_iterable(map(_series, tables)), *others]


def _series(declared: Table) -> Iterator[Part]:
    """Yield the columns of a table that are cleared before its rows are deleted, if any, as one part."""
    if cleared := [each for each in declared.c if each.info.get("kept") == "series"]:
        of = "" if declared is runs else f" of {rows_of(declared).kind}"
        yield Part(f"series{of}", "series", declared, cleared)


def _has_any(columns: Sequence[Column[Any]]) -> Criterion:
    return or_(*(column.is_not(None) for column in columns))


def remove(
    connection: Connection, due: Mapping[str, Sequence[str]], *, dry_run: bool = False
) -> Removed:
    """Delete parts of runs and return the counts; due: the ids of the runs, or of plans, by the lifetime of a part.

    dry_run: nothing is deleted, only counted.
    """
    removed: Removed = Counter()
    for part in reversed(parts()):
        # columns of a row that is deleted itself are not cleared before
        run_ids = [*({*due[part.kept]} - {*due["runs"]})] if part.cleared else due[part.kept]
        if not run_ids:
            continue
        is_left = part.is_left(run_ids)
        count = select(func.count()).select_from(part.table).where(is_left)
        removed += Counter({part.name: connection.execute(count).scalar_one()})
        if not dry_run:
            connection.execute(part.removal().where(is_left))
    return removed


def is_configured(settings: Settings) -> bool:
    """Tell whether any KEEP_ setting is set."""
    return any(value for name, value in vars(settings).items() if name.startswith("keep_"))


def prune_runs(engine: Engine, settings: Settings, *, dry_run: bool = False) -> Iterator[Removed]:
    """Walk over all runs and delete what is due; each portion is committed before its counts are yielded.

    dry_run: nothing is deleted, only counted.
    """
    walk = _Walk(engine, settings, dry_run)
    after_id: int | None = 0
    while after_id is not None:
        after_id, removed = committed(engine, partial(walk.portion, after_id))
        yield removed
    if (days := settings.keep_runs_days) and not dry_run:
        committed(engine, lambda connection: _delete_empty(connection, days))
    if not settings.keep_audit_days:
        return
    prune_audit = partial(delete_old_entries, days=settings.keep_audit_days, dry_run=dry_run)
    while deleted := committed(engine, prune_audit):
        yield Counter({"audit": deleted})
        if dry_run:
            return


class _Walk:
    """One walk over all runs.

    Each plan is judged once, before its first run is deleted, because all of its runs have to be examined for that. A
    run that is pinned or reproduced later, while its plan is being deleted, is still kept.
    """

    def __init__(self, engine: Engine, settings: Settings, dry_run: bool) -> None:
        self._days = settings.keep_runs_days
        with reading(engine) as connection:
            self._is_single_due = _is_single_due(connection, settings)
        is_series_due = (_ended(settings.keep_series_days), _has_series(), ~_is_kept())
        self._is_series_due = and_(*is_series_due)
        self._dry_run = dry_run
        self._judged: set[str] = set()
        self._old: set[str] = set()

    def portion(self, after_id: int, connection: Connection) -> tuple[int | None, Removed]:
        """Delete what is due of the next runs; return the id to continue after (None at the end) and the counts."""
        next_ids = (
            select(RUN.id).where(RUN.id > after_id).order_by(RUN.id).limit(LOOKED_AT).subquery()
        )
        last_id = connection.scalar(select(func.max(next_ids.c.id)))
        if last_id is None:
            return None, Counter()
        is_next = and_(RUN.id > after_id, RUN.id <= last_id)
        is_run_due = or_(self._is_single_due, self._is_in_old_plan(connection, is_next))
        due = {"series": self._is_series_due, "runs": is_run_due}
        columns = select(*RUN["id", "run_id"], *(each.label(name) for name, each in due.items()))
        query = columns.where(is_next, or_(*due.values())).order_by(RUN.id).limit(DELETED)
        # a run that is being retried right now is left for the next walk; SQLite, with one writer, ignores the clause
        rows = connection.execute(
            query if self._dry_run else query.with_for_update(skip_locked=True)
        ).all()
        return rows[-1].id if len(rows) == DELETED else last_id, self._remove(connection, rows)

    def _is_in_old_plan(self, connection: Connection, is_next: Criterion) -> Criterion:
        """Select those of the next runs whose plan is old (`_old_plans`), except runs that were marked since."""
        if self._days is None:
            return false()
        query = select(RUN.plan_id).where(is_next, _is_of_plan()).distinct()
        plan_ids = set(connection.scalars(query))
        if unjudged := plan_ids - self._judged:
            self._old |= _old_plans(connection, self._days, unjudged)
            self._judged |= unjudged
        in_old_plan = RUN.plan_id.in_(plan_ids & self._old)
        return and_(_ended(self._days), in_old_plan, _is_of_plan(), ~_is_marked())

    def _remove(self, connection: Connection, rows: Sequence[Row[Any]]) -> Removed:
        due = {
            kept: [row.run_id for row in rows if any(row._mapping[each] for each in settings)]
            for kept, settings in GOES_BY.items()
        }
        return remove(connection, due, dry_run=self._dry_run)


def _is_single_due(connection: Connection, settings: Settings) -> Criterion:
    """Select runs outside plans that are too old, or too many, and that nobody marked."""
    is_due = _ended(settings.keep_runs_days)
    if settings.keep_runs_count:
        is_due = or_(is_due, RUN.id <= _last_too_many(connection, settings.keep_runs_count))
    return and_(_ended(0), is_due, ~_is_kept())


def _ended(days: int | None) -> Criterion:
    """Select runs that ended so many days ago; None: no run."""
    if days is None:
        return false()
    ended = RUN.status.in_([RunStatus.SUCCEEDED, RunStatus.FAILED])
    return and_(ended, RUN.completed_at < _days_ago(days))


def _days_ago(days: int) -> database_now:
    return database_now(-days * DAY_S)


def _has_series() -> Criterion:
    """Select runs of which something is left that is kept as long as series."""
    series = [part for part in parts() if part.kept == "series"]
    columns = (_has_any(part.cleared) for part in series if part.cleared and part.table is runs)
    rows = (exists().where(part.run_id == RUN.run_id) for part in series if not part.cleared)
    return or_(*columns, *rows)


def _is_kept() -> Criterion:
    """Select runs that are part of a plan, labelled, titled, or marked."""
    named = (RUN[name].is_not(None) for name in ("label", "title"))
    return or_(_is_of_plan(), *named, _is_marked())


def _is_of_plan() -> Criterion:
    """Select runs of plans whose runs are deleted together; Jobs of a screen are deleted one by one."""
    return and_(RUN.plan_id.is_not(None), RUN.kind != Kind.SCREEN)


def _is_marked() -> Criterion:
    """Select runs that are pinned or reproduced by another run."""
    reproduction = runs.alias("reproduction")
    return or_(RUN.pinned.is_not(None), exists().where(reproduction.c.reproduces == RUN.run_id))


def _old_plans(connection: Connection, days: int, plan_ids: set[str]) -> set[str]:
    """Return those plans that are over and all of whose runs ended so many days ago, none of them marked."""
    is_kept = or_(~_ended(days), _is_marked())
    query = select(RUN.plan_id).where(RUN.plan_id.in_(plan_ids), is_kept).distinct()
    return plan_ids - {*living_studies(connection)} - {*connection.scalars(query)}


def _delete_empty(connection: Connection, days: int) -> None:
    """Delete batches, and other plans that ended so many days ago, of which no run is left, and notes on them."""
    has_run = exists().where(or_(RUN.plan_id == PLAN.plan_id, RUN.run_id == PLAN.plan_id))
    is_batch = PLAN.kind == PlanKind.BATCH
    is_old = PLAN.completed_at < _days_ago(days)
    connection.execute(delete(plans).where(or_(is_batch, is_old), ~has_run))
    is_noted = (exists().where(each == notes.c.run_id) for each in (RUN.run_id, PLAN.plan_id))
    connection.execute(delete(notes).where(~or_(*is_noted)))


def _last_too_many(connection: Connection, count: int) -> int:
    """Return the id of the latest run beyond the `count` latest that may be deleted; 0 when there are not so many."""
    may_go = select(RUN.id).where(_ended(0), ~_is_kept()).order_by(RUN.id.desc())
    return connection.scalar(may_go.offset(count).limit(1)) or 0
