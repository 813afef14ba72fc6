"""What is deleted of runs that ended long ago, as the settings say: charts, series, events, or all; and of the audit.

All runs are walked in the order of submission, one short transaction after the other, so that the walk may end anywhere
and begin anew. Series and whole runs are kept, however old, where somebody has said that they matter: see `_is_kept`.
The runs of a batch are compared with each other, so they go together, by a setting of their own: see
`_is_in_old_batch`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, exists, false, func, literal, or_, select, update
from sqlalchemy.engine import Connection, Engine, Row

from adapters.access.audit import forget_deeds
from adapters.database import committed, database_now, reading
from adapters.settings import Settings
from adapters.studies.store import batch_of, living_studies
from adapters.tables import batch_rankings, run_charts, run_events, run_lines, runs, studies
from contracts.status import RunStatus

LOOKED_AT = 10_000  # runs per transaction
DELETED = 500  # of them at most, so that nobody waits long for the locks
DAY_S = 86_400
SERIES = (runs.c.equity_curve_json, runs.c.trades_json, runs.c.signals_json)
# What goes with a run that is due by a setting: KEEP_CHARTS_DAYS, KEEP_SERIES_DAYS and so on.
PARTS = {
    "charts": {"charts"},
    "series": {"charts", "lines", "series"},
    "events": {"events"},
    "runs": {"charts", "lines", "events", "series", "runs"},
    "batches": {"charts", "lines", "events", "series", "runs"},
}
# Where each part is, and what its bytes are, in the order of deletion.
TABLES: dict[str, tuple[Table, Sequence[ColumnElement[Any]]]] = {
    "charts": (run_charts, (run_charts.c.png,)),
    "lines": (run_lines, (run_lines.c.packed,)),
    "events": (run_events, (run_events.c.run_id, run_events.c.reason, run_events.c.host)),
    "series": (runs, SERIES),
    "runs": (runs, (runs.c.request_json, runs.c.params_json, runs.c.metrics_json)),
}
Removed = Counter[str]  # rows by part, and "bytes"


def is_configured(settings: Settings) -> bool:
    """Whether anything is ever deleted."""
    return any(value for name, value in vars(settings).items() if name.startswith("keep_"))


def prune_runs(engine: Engine, settings: Settings, *, dry_run: bool = False) -> Iterator[Removed]:
    """Walk over all runs and delete what is due; each portion is committed before what it removed is yielded.

    dry_run: nothing is deleted, only counted.
    """
    with reading(engine) as connection:
        due = _due(connection, settings)
    after_id: int | None = 0
    batches: dict[str, bool] = {}
    while after_id is not None:
        start = after_id

        def portion(connection: Connection, start: int = start) -> tuple[int | None, Removed]:
            return _portion(connection, settings, due, batches, start, dry_run)

        after_id, removed = committed(engine, portion)
        yield removed
    if (days := settings.keep_batches_days) and not dry_run:
        committed(engine, lambda connection: _forget_empty(connection, days))
    if settings.keep_audit_days:
        yield from _prune_audit(engine, settings.keep_audit_days, dry_run)


def _prune_audit(engine: Engine, days: int, dry_run: bool) -> Iterator[Removed]:
    while forgotten := committed(engine, lambda connection: forget_deeds(connection, days, dry_run=dry_run)):
        yield Counter({"audit": forgotten})
        if dry_run:
            return


def _due(connection: Connection, settings: Settings) -> dict[str, ColumnElement[bool]]:
    """Which runs are due by each setting; none by one that is not set."""
    unkept = _ended(settings.keep_runs_days) if settings.keep_runs_days else false()
    if settings.keep_runs_count:
        unkept = or_(unkept, runs.c.id <= _last_too_many(connection, settings.keep_runs_count))
    return {
        "charts": and_(_ended(settings.keep_charts_days), _has(run_charts)),
        "series": and_(_ended(settings.keep_series_days), runs.c.equity_curve_json.is_not(None), ~_is_kept()),
        "events": and_(_ended(settings.keep_events_days), _has(run_events)),
        "runs": and_(_ended(0), unkept, ~_is_kept()),
    }


def _ended(days: int | None) -> ColumnElement[bool]:
    """Ended so many days ago; None: never."""
    if days is None:
        return false()
    ended = runs.c.status.in_([RunStatus.SUCCEEDED, RunStatus.FAILED])
    return and_(ended, runs.c.completed_at < _days_ago(days))


def _days_ago(days: int) -> database_now:
    return database_now(-days * DAY_S)


def _has(parts: Table) -> ColumnElement[bool]:
    return exists().where(parts.c.run_id == runs.c.run_id)


def _is_kept() -> ColumnElement[bool]:
    """Part of a batch (studies are batches), labelled, or marked."""
    return or_(runs.c.batch_id.is_not(None), runs.c.label.is_not(None), _is_marked())


def _is_marked() -> ColumnElement[bool]:
    """Pinned, or what another run reproduces."""
    again = runs.alias("again")
    return or_(runs.c.pinned.is_not(None), exists().where(again.c.reproduces == runs.c.run_id))


def _is_in_old_batch(
    connection: Connection, days: int | None, ids: ColumnElement[bool], known: dict[str, bool]
) -> ColumnElement[bool]:
    """Of these runs: in a batch all of whose runs ended so many days ago, whose study is over, with no marked run.

    known: whether a batch is such a one. It is found out once in a walk, since all of its runs have to be looked at for
    it; what happens to a single run while its batch is being deleted still counts for that run.
    """
    if days is None:
        return false()
    query = select(runs.c.batch_id).where(ids, runs.c.batch_id.is_not(None)).distinct()
    here = connection.execute(query).scalars().all()
    unknown = [batch_id for batch_id in here if batch_id not in known]
    old = _old_batches(connection, days, unknown) if unknown else set()
    known.update((batch_id, batch_id in old) for batch_id in unknown)
    return and_(_ended(days), runs.c.batch_id.in_([each for each in here if known[each]]), ~_is_marked())


def _old_batches(connection: Connection, days: int, batch_ids: Sequence[str]) -> set[str]:
    kept = {batch_of(study_id) for study_id in living_studies(connection)}
    unkept = or_(~_ended(days), _is_marked())
    query = select(runs.c.batch_id).where(runs.c.batch_id.in_(batch_ids), unkept).distinct()
    return set(batch_ids) - kept - set(connection.execute(query).scalars())


def _forget_empty(connection: Connection, days: int) -> None:
    """Forget rankings of batches, and studies that ended so many days ago, of which no run is left."""
    has_runs = exists().where(runs.c.batch_id == batch_rankings.c.batch_id)
    connection.execute(delete(batch_rankings).where(~has_runs))
    has_runs = exists().where(runs.c.batch_id == literal(batch_of("")).concat(studies.c.study_id))
    connection.execute(delete(studies).where(studies.c.completed_at < _days_ago(days), ~has_runs))


def _last_too_many(connection: Connection, count: int) -> int:
    """The id of the latest run that is one too many; 0 when there are not so many."""
    may_go = select(runs.c.id).where(_ended(0), ~_is_kept()).order_by(runs.c.id.desc())
    return connection.execute(may_go.offset(count).limit(1)).scalar() or 0


def _portion(
    connection: Connection,
    settings: Settings,
    due: dict[str, ColumnElement[bool]],
    batches: dict[str, bool],
    after_id: int,
    dry_run: bool,
) -> tuple[int | None, Removed]:
    """Where to go on, None at the end, and what was removed of the runs up to there."""
    next_ids = select(runs.c.id).where(runs.c.id > after_id).order_by(runs.c.id).limit(LOOKED_AT).subquery()
    last_id = connection.execute(select(func.max(next_ids.c.id))).scalar()
    if last_id is None:
        return None, Counter()
    here = and_(runs.c.id > after_id, runs.c.id <= last_id)
    due = due | {"batches": _is_in_old_batch(connection, settings.keep_batches_days, here, batches)}
    found = (
        select(runs.c.id, runs.c.run_id, *(each.label(kind) for kind, each in due.items()))
        .where(here, or_(*due.values()))
        .order_by(runs.c.id)
        .limit(DELETED)
    )
    # a run that is being retried right now is left for the next walk; SQLite ignores that: there a writer is alone
    rows = connection.execute(found if dry_run else found.with_for_update(skip_locked=True)).all()
    return rows[-1].id if len(rows) == DELETED else last_id, _remove(connection, rows, dry_run)


def _remove(connection: Connection, rows: Sequence[Row[Any]], dry_run: bool) -> Removed:
    removed: Removed = Counter()
    for part, (table, columns) in TABLES.items():
        run_ids = [row.run_id for row in rows if part in _parts(row)]
        if not run_ids:
            continue
        mine = table.c.run_id.in_(run_ids)
        sizes = (func.coalesce(func.sum(func.length(column)), 0) for column in columns)
        removed[part], *bytes_ = connection.execute(select(func.count(), *sizes).where(mine)).one()
        removed["bytes"] += int(sum(bytes_))
        if not dry_run:
            clear = update(runs).values(dict.fromkeys(SERIES)) if part == "series" else delete(table)
            connection.execute(clear.where(mine))
    return removed


def _parts(row: Row[Any]) -> set[str]:
    """What is due of a run."""
    return set().union(*(parts for kind, parts in PARTS.items() if row._mapping[kind]))
