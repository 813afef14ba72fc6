"""Pages of batches, newest first; each page begins where the one before ended.

Everything but a few rows by their id comes from the index ix_runs_batch_states: the batches from one jump per batch,
their counts from one entry per run of the page's batches.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, RowMapping, case, func, select

from adapters.batches.titles import titles_of
from adapters.rows import rows_by
from adapters.tables import IS_CANCELLED, RUN
from contracts.status import RunStatus
from contracts.values import frozen

States = dict[str, list[Any]]  # rows by batch_id, one for each state that its runs have


@frozen
class ListedBatch:
    """One batch; `first` and `last` are the runs that were submitted first and last."""

    batch_id: str
    counts: Mapping[str, int]  # by the API's status words
    cancelled: int  # of the failed ones
    last_activity: datetime  # the last end, of one that has ended
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
        return self.counts["completed"] + self.counts["failed"]

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
    first_id = func.min(RUN.id)
    named = select(RUN.batch_id, first_id).where(RUN.batch_id.is_not(None))
    query = named.group_by(RUN.batch_id)
    if after is not None:
        query = query.having(first_id < after)
    query = query.order_by(first_id.desc()).limit(limit + 1)
    found = connection.scalars(query).all()
    batches = batches_of(connection, found[:limit])
    return BatchPage(batches, batches[-1].first["id"] if len(found) > limit else None)


def batches_of(connection: Connection, batch_ids: Sequence[str]) -> list[ListedBatch]:
    """Those of these batches that there are, in this order."""
    states = _states(connection, batch_ids)
    ends, started = _ends(connection, states), _last_starts(connection, states)
    titles = titles_of(connection, batch_ids)
    return [
        _listed(states[name], started.get(name), ends[name], titles.get(name))
        for name in batch_ids
        if name in states
    ]


def _listed(
    states: Sequence[Any],
    started: datetime | None,
    ends: tuple[RowMapping, RowMapping],
    title: str | None,
) -> ListedBatch:
    first, last = ends
    moments = [last["created_at"], started, *(row.last_end for row in states)]
    counted = {row.status: row.runs for row in states}
    return ListedBatch(
        states[0].batch_id,
        {status.public: counted.get(status, 0) for status in RunStatus},
        sum(int(row.cancelled) for row in states),
        max(moment for moment in moments if moment is not None),
        first,
        last,
        title,
    )


def _states(connection: Connection, batch_ids: Sequence[str]) -> States:
    """Runs, first and last id and last end by state, of those of these batches that there are; all from the index."""
    columns = (
        *RUN["batch_id", "status"],
        func.count().label("runs"),
        func.min(RUN.id).label("first_id"),
        func.sum(case((IS_CANCELLED, 1), else_=0)).label("cancelled"),
        func.max(RUN.id).label("last_id"),
        func.max(RUN.completed_at).label("last_end"),
    )
    grouped = (
        select(*columns).where(RUN.batch_id.in_(batch_ids)).group_by(RUN.batch_id, RUN.status)
    )
    states: States = {}
    for row in connection.execute(grouped):
        states.setdefault(row.batch_id, []).append(row)
    return states


def _last_starts(connection: Connection, states: States) -> dict[str, datetime]:
    """When the latest of the running runs began, by batch; few run at a time, so their rows are few."""
    batch_ids = [
        batch_id
        for batch_id, rows in states.items()
        if any(row.status == RunStatus.RUNNING for row in rows)
    ]
    running = (RUN.status == RunStatus.RUNNING, RUN.batch_id.in_(batch_ids))
    query = select(RUN.batch_id, func.max(RUN.started_at)).where(*running).group_by(RUN.batch_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def _ends(connection: Connection, states: States) -> dict[str, tuple[RowMapping, RowMapping]]:
    """The runs of each batch that were submitted first and last."""
    ids = {
        batch_id: (min(row.first_id for row in rows), max(row.last_id for row in rows))
        for batch_id, rows in states.items()
    }
    columns = RUN[
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
    by_id = rows_by(connection, select(*columns), RUN.id, [*chain.from_iterable(ids.values())])
    return {batch_id: (by_id[first], by_id[last]) for batch_id, (first, last) in ids.items()}
