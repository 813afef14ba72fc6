"""Pages of batches, newest first; each page begins where the one before ended.

Everything but a few rows by their id comes from the index ix_runs_batch_states: the batches from one jump per batch,
their counts from one entry per run of the page's batches.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.engine import Connection, RowMapping

from adapters.batches.titles import titles_of
from adapters.tables import IS_CANCELLED, runs
from contracts.status import RunStatus
from contracts.values import frozen


@frozen
class ListedBatch:
    """One batch in a list; `first` and `last` are the runs that were submitted first and last."""

    batch_id: str
    counts: Mapping[RunStatus, int]
    cancelled: int  # of the failed ones
    last_activity: datetime
    first: RowMapping
    last: RowMapping
    title: str | None  # what people call it

    @property
    def runs(self) -> int:
        """All runs of the batch."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """Runs that have ended, one way or the other."""
        return self.counts[RunStatus.SUCCEEDED] + self.counts[RunStatus.FAILED]

    @property
    def is_live(self) -> bool:
        """Whether a run still waits or runs."""
        return self.ended < self.runs


@frozen
class BatchPage:
    """Some batches, newest first, and the id of a run before whose batch the next page begins; None at the end."""

    batches: Sequence[ListedBatch]
    next_after: int | None


def list_batches(connection: Connection, after: int | None, limit: int) -> BatchPage:
    """The next `limit` batches whose first run has an id below `after`; the newest ones for None."""
    found = _first_ids(connection, after, limit + 1)
    shown = dict(list(found.items())[:limit])
    if not shown:
        return BatchPage([], None)
    next_after = list(shown.values())[-1] if len(found) > limit else None
    return BatchPage(_described(connection, shown), next_after)


def _first_ids(connection: Connection, after: int | None, limit: int) -> dict[str, int]:
    """The id of the first run by batch, newest batch first."""
    first_id = func.min(runs.c.id)
    query = (
        select(runs.c.batch_id, first_id)
        .where(runs.c.batch_id.is_not(None))
        .group_by(runs.c.batch_id)
    )
    if after is not None:
        query = query.having(first_id < after)
    rows = connection.execute(query.order_by(first_id.desc()).limit(limit))
    return {row[0]: row[1] for row in rows}


def _described(connection: Connection, first_ids: Mapping[str, int]) -> list[ListedBatch]:
    states = batch_states(connection, list(first_ids))
    last_ids = {batch_id: max(row.last_id for row in rows) for batch_id, rows in states.items()}
    ends = _runs_by_id(connection, [*first_ids.values(), *last_ids.values()])
    started = _last_starts(
        connection, [name for name, rows in states.items() if _is_running(rows)]
    )
    titles = titles_of(connection, list(first_ids))
    return [
        _listed(
            name,
            states[name],
            started.get(name),
            (ends[first_id], ends[last_ids[name]]),
            titles.get(name),
        )
        for name, first_id in first_ids.items()
    ]


def batch_ends(connection: Connection, states: Sequence[Any]) -> tuple[RowMapping, RowMapping]:
    """The runs of a batch that were submitted first and last."""
    ids = min(row.first_id for row in states), max(row.last_id for row in states)
    first, last = map(_runs_by_id(connection, ids).__getitem__, ids)
    return first, last


def _listed(
    batch_id: str,
    states: Sequence[Any],
    started: datetime | None,
    ends: tuple[RowMapping, RowMapping],
    title: str | None,
) -> ListedBatch:
    first, last = ends
    moments = [last["created_at"], started, *(row.last_end for row in states)]
    latest = max(moment for moment in moments if moment is not None)
    return ListedBatch(
        batch_id,
        counts(states),
        sum(int(row.cancelled) for row in states),
        latest,
        first,
        last,
        title,
    )


def counts(states: Sequence[Any]) -> dict[RunStatus, int]:
    """Runs of a batch by state, of which there may be none."""
    counted = {row.status: row.runs for row in states}
    return {status: counted.get(status, 0) for status in RunStatus}


def batch_states(connection: Connection, batch_ids: Sequence[str]) -> dict[str, list[Any]]:
    """Runs, first and last id and last end by state, of those of these batches that there are; all from the index."""
    columns = (
        *runs.c["batch_id", "status"],
        func.count().label("runs"),
        func.min(runs.c.id).label("first_id"),
        func.sum(case((IS_CANCELLED, 1), else_=0)).label("cancelled"),
        func.max(runs.c.id).label("last_id"),
        func.max(runs.c.completed_at).label("last_end"),
    )
    grouped = (
        select(*columns)
        .where(runs.c.batch_id.in_(batch_ids))
        .group_by(runs.c.batch_id, runs.c.status)
    )
    states: dict[str, list[Any]] = {}
    for row in connection.execute(grouped):
        states.setdefault(row.batch_id, []).append(row)
    return states


def _is_running(states: Sequence[Any]) -> bool:
    return any(row.status == RunStatus.RUNNING for row in states)


def _last_starts(connection: Connection, batch_ids: Sequence[str]) -> dict[str, datetime]:
    """When the latest of the running runs began, by batch; few run at a time, so their rows are few."""
    if not batch_ids:
        return {}
    running = (runs.c.status == RunStatus.RUNNING, runs.c.batch_id.in_(batch_ids))
    query = (
        select(runs.c.batch_id, func.max(runs.c.started_at))
        .where(*running)
        .group_by(runs.c.batch_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _runs_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, RowMapping]:
    columns = runs.c[
        "id",
        "run_id",
        "kind",
        "label",
        "ticker",
        "rule_type",
        "rule_id",
        "params_json",
        "created_at",
    ]
    rows = connection.execute(select(*columns).where(runs.c.id.in_(ids))).mappings()
    return {row["id"]: row for row in rows}
