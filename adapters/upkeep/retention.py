"""What is deleted of runs that ended long ago, as the settings say: charts, series, events, or all; and of the audit.

All runs are walked in the order of submission, one short transaction after the other, so that the walk may end anywhere
and begin anew. Series and whole runs are kept, however old, where somebody has said that they matter: see `_is_kept`.
The runs of a batch are compared with each other, so they go together, by a setting of their own: see `_Walk`.
What there is of a run or batch is declared by the tables.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
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

from adapters.access.audit import delete_old_entries
from adapters.database import committed, database_now, reading
from adapters.declarations import rows_of, tables_of, update_by
from adapters.plan_tables import PLAN, plans
from adapters.plans.study import living_studies
from adapters.settings import Settings
from adapters.tables import RUN, Criterion, runs
from contracts.status import Kind, PlanKind, RunStatus
from contracts.values import frozen

LOOKED_AT = 10_000  # runs per transaction
DELETED = 500  # of them at most, so that nobody waits long for the locks
DAY_S = 86_400
_WHOLE = ("runs", "batches")
# By which settings, KEEP_CHARTS_DAYS, KEEP_SERIES_DAYS and so on, it goes.
GOES_BY = {
    "charts": ("charts", "series", *_WHOLE),
    "series": ("series", *_WHOLE),
    "events": ("events", *_WHOLE),
    "runs": _WHOLE,
}
Removed = Counter[str]  # rows by part


@frozen
class Part:
    """What is deleted together of a run: its rows in a table, or columns of its own row there, which are cleared."""

    name: str
    kept: str
    table: Table
    cleared: Sequence[Column[Any]] = ()

    @property
    def run_id(self) -> Column[Any]:
        """The column with the id of a run; a plan has that of its only or first Job, or of none."""
        column: Column[Any] = self.table.c.plan_id if self.table is plans else self.table.c.run_id
        return column

    def removal(self) -> Delete | Update:
        """The statement that removes it of all runs."""
        if self.cleared:
            return update_by(self.table.c.run_id).values(dict.fromkeys(self.cleared))
        return delete(self.table)


def parts() -> list[Part]:
    """What there is of a run: its own row, what of it is cleared earlier, and its rows in other tables."""
    tables = [runs, plans, *(each for each in tables_of("run") if each is not runs)]
    own, *others = (Part(rows_of(each).kind, str(rows_of(each).kept), each) for each in tables)
    return [own, *chain.from_iterable(map(_series, tables)), *others]


def _series(declared: Table) -> Iterator[Part]:
    """What of a table's rows is cleared before they are deleted."""
    if cleared := [each for each in declared.c if each.info.get("kept") == "series"]:
        of = "" if declared is runs else f" of {rows_of(declared).kind}"
        yield Part(f"series{of}", "series", declared, cleared)


def is_configured(settings: Settings) -> bool:
    """Whether anything is ever deleted."""
    return any(value for name, value in vars(settings).items() if name.startswith("keep_"))


def prune_runs(engine: Engine, settings: Settings, *, dry_run: bool = False) -> Iterator[Removed]:
    """Walk over all runs and delete what is due; each portion is committed before what it removed is yielded.

    dry_run: nothing is deleted, only counted.
    """
    walk = _Walk(engine, settings, dry_run)
    after_id: int | None = 0
    while after_id is not None:
        after_id, removed = committed(engine, partial(walk.portion, after_id))
        yield removed
    if (days := settings.keep_batches_days) and not dry_run:
        committed(engine, lambda connection: _delete_empty(connection, days))
    if not settings.keep_audit_days:
        return
    prune_audit = partial(delete_old_entries, days=settings.keep_audit_days, dry_run=dry_run)
    while deleted := committed(engine, prune_audit):
        yield Counter({"audit": deleted})
        if dry_run:
            return


class _Walk:
    """One walk over all runs, by what is due when it begins.

    Whether a batch is old is found out once, since all of its runs have to be looked at for it; what happens to a
    single run while its batch is being deleted still counts for that run.
    """

    def __init__(self, engine: Engine, settings: Settings, dry_run: bool) -> None:
        with reading(engine) as connection:
            self._due = _due(connection, settings)
        self._batch_days = settings.keep_batches_days
        self._dry_run = dry_run
        self._judged: set[str] = set()
        self._old: set[str] = set()

    def portion(self, after_id: int, connection: Connection) -> tuple[int | None, Removed]:
        """Delete what is due of the next runs: the id after which to go on, None at the end, and what was removed."""
        next_ids = (
            select(RUN.id).where(RUN.id > after_id).order_by(RUN.id).limit(LOOKED_AT).subquery()
        )
        last_id = connection.scalar(select(func.max(next_ids.c.id)))
        if last_id is None:
            return None, Counter()
        here = and_(RUN.id > after_id, RUN.id <= last_id)
        due = self._due | {"batches": self._in_old_batch(connection, here)}
        columns = select(
            *RUN["id", "run_id"], *(each.label(setting) for setting, each in due.items())
        )
        found = columns.where(here, or_(*due.values())).order_by(RUN.id).limit(DELETED)
        # a run that is being retried right now is left for the next walk; SQLite ignores that: there a writer is alone
        rows = connection.execute(
            found if self._dry_run else found.with_for_update(skip_locked=True)
        ).all()
        return rows[-1].id if len(rows) == DELETED else last_id, self._remove(connection, rows)

    def _in_old_batch(self, connection: Connection, here: Criterion) -> Criterion:
        """Of these runs: in a batch all of whose runs ended long ago, whose study is over, with no marked run."""
        if self._batch_days is None:
            return false()
        query = select(RUN.plan_id).where(here, _is_of_batch()).distinct()
        plan_ids = set(connection.scalars(query))
        if unknown := plan_ids - self._judged:
            self._old |= _old_plans(connection, self._batch_days, unknown)
            self._judged |= unknown
        in_old_plan = RUN.plan_id.in_(plan_ids & self._old)
        return and_(_ended(self._batch_days), in_old_plan, _is_of_batch(), ~_is_marked())

    def _remove(self, connection: Connection, rows: Sequence[Row[Any]]) -> Removed:
        removed: Removed = Counter()
        for part in reversed(parts()):
            settings = itemgetter(*GOES_BY[part.kept])
            run_ids = [row.run_id for row in rows if any(settings(row._mapping))]
            if not run_ids:
                continue
            mine = part.run_id.in_(run_ids)
            counted = select(func.count()).select_from(part.table).where(mine)
            removed += Counter({part.name: connection.execute(counted).scalar_one()})
            if not self._dry_run:
                connection.execute(part.removal().where(mine))
        return removed


def _due(connection: Connection, settings: Settings) -> dict[str, Criterion]:
    """Which runs are due by each setting but that of batches; none by one that is not set."""
    unkept = _ended(settings.keep_runs_days)
    if settings.keep_runs_count:
        unkept = or_(unkept, RUN.id <= _last_too_many(connection, settings.keep_runs_count))
    return {
        "charts": and_(_ended(settings.keep_charts_days), _has("charts")),
        "series": and_(_ended(settings.keep_series_days), _has("series"), ~_is_kept()),
        "events": and_(_ended(settings.keep_events_days), _has("events")),
        "runs": and_(_ended(0), unkept, ~_is_kept()),
    }


def _ended(days: int | None) -> Criterion:
    """Ended so many days ago; None: never."""
    if days is None:
        return false()
    ended = RUN.status.in_([RunStatus.SUCCEEDED, RunStatus.FAILED])
    return and_(ended, RUN.completed_at < _days_ago(days))


def _days_ago(days: int) -> database_now:
    return database_now(-days * DAY_S)


def _has(kept: str) -> Criterion:
    """Something is left that is kept as long as this."""
    mine = [part for part in parts() if part.kept == kept]
    columns = (
        column.is_not(None) for part in mine if part.table is runs for column in part.cleared
    )
    rows = (exists().where(part.run_id == RUN.run_id) for part in mine if not part.cleared)
    return or_(*columns, *rows)


def _is_kept() -> Criterion:
    """Part of a batch (studies are batches), labelled, titled, or marked."""
    named = (RUN[name].is_not(None) for name in ("label", "title"))
    return or_(_is_of_batch(), *named, _is_marked())


def _is_of_batch() -> Criterion:
    """A run of a plan whose runs are deleted together; Jobs of a screen are deleted one by one."""
    return and_(RUN.plan_id.is_not(None), RUN.kind != Kind.SCREEN)


def _is_marked() -> Criterion:
    """Pinned, or what another run reproduces."""
    again = runs.alias("again")
    return or_(RUN.pinned.is_not(None), exists().where(again.c.reproduces == RUN.run_id))


def _old_plans(connection: Connection, days: int, plan_ids: set[str]) -> set[str]:
    kept = or_(~_ended(days), _is_marked())
    query = select(RUN.plan_id).where(RUN.plan_id.in_(plan_ids), kept).distinct()
    return plan_ids - {*living_studies(connection)} - {*connection.scalars(query)}


def _delete_empty(connection: Connection, days: int) -> None:
    """Delete batches, and other plans that ended so many days ago, of which no run is left."""
    has_run = exists().where(or_(RUN.plan_id == PLAN.plan_id, RUN.run_id == PLAN.plan_id))
    is_batch = PLAN.kind == PlanKind.BATCH
    is_old = PLAN.completed_at < _days_ago(days)
    connection.execute(delete(plans).where(or_(is_batch, is_old), ~has_run))


def _last_too_many(connection: Connection, count: int) -> int:
    """The id of the latest run that is one too many; 0 when there are not so many."""
    may_go = select(RUN.id).where(_ended(0), ~_is_kept()).order_by(RUN.id.desc())
    return connection.scalar(may_go.offset(count).limit(1)) or 0
