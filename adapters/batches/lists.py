"""Pages of batches, newest first, each beginning where the one before ended; and what people call them.

Everything but a few rows by their id comes from the index ix_runs_batch_states: the batches from one jump per batch,
their counts from one entry per run of the page's batches.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, case, delete, func, insert, select

from adapters.batches.leaderboard import hold_batch
from adapters.rows import rows_by
from adapters.tables import IS_CANCELLED, RUN, batch_titles
from contracts.status import RunStatus
from contracts.values import frozen

# of the runs that were submitted first and last
END_COLUMNS = RUN[
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


@frozen
class ListedBatch:
    """One batch; `first` and `last` are the runs that were submitted first and last."""

    batch_id: str
    title: str | None  # what people call it
    counts: Mapping[str, int]  # by the API's status words
    cancelled: int  # of the failed ones
    last_activity: datetime  # the last end, of one that has ended
    first: RowMapping
    last: RowMapping

    @property
    def runs(self) -> int:
        """All runs of the batch."""
        return sum(self.counts.values())

    @property
    def living(self) -> int:
        """Runs that still wait or run."""
        return self.counts["pending"] + self.counts["running"]

    @property
    def ended(self) -> int:
        """Runs that have ended, one way or the other."""
        return self.runs - self.living

    @property
    def states(self) -> dict[str, int]:
        """The counts with a word of its own for the cancelled runs, which the API counts as failed."""
        failed = self.counts["failed"] - self.cancelled
        return {**self.counts, "failed": failed, "cancelled": self.cancelled}


def list_batches(connection: Connection, after: int | None, limit: int) -> Sequence[RowMapping]:
    """batch_id of the next `limit` batches, with the `id` of the first run, which is below `after` if that is given."""
    first_id = func.min(RUN.id)
    named = select(RUN.batch_id, first_id.label("id")).where(RUN.batch_id.is_not(None))
    query = named.group_by(RUN.batch_id)
    if after is not None:
        query = query.having(first_id < after)
    return connection.execute(query.order_by(first_id.desc()).limit(limit)).mappings().all()


def latest_batches(connection: Connection, limit: int) -> list[ListedBatch]:
    """The `limit` newest batches."""
    return batches_of(
        connection, [row["batch_id"] for row in list_batches(connection, None, limit)]
    )


def batches_of(connection: Connection, batch_ids: Sequence[str]) -> list[ListedBatch]:
    """Those of these batches that there are, in this order."""
    counted = _counted(connection, batch_ids)
    started = _last_starts(connection, [name for name, row in counted.items() if row["running"]])
    ids = [row[end] for row in counted.values() for end in ("first_id", "last_id")]
    ends = rows_by(connection, select(*END_COLUMNS), RUN.id, ids)
    titles = titles_of(connection, batch_ids)
    found = []
    for row in (counted[name] for name in batch_ids if name in counted):
        name, first, last = row["batch_id"], ends[row["first_id"]], ends[row["last_id"]]
        counts = {status.public: row[status.public] for status in RunStatus}
        moments = filter(None, (last["created_at"], started.get(name), row["last_end"]))
        found.append(
            ListedBatch(
                name, titles.get(name), counts, row["cancelled"], max(moments), first, last
            )
        )
    return found


def _counted(connection: Connection, batch_ids: Sequence[str]) -> dict[str, RowMapping]:
    """Runs by state, first and last id and last end of those of these batches that there are; all from the index."""
    counts = (
        func.count(case((RUN.status == status, 1))).label(status.public) for status in RunStatus
    )
    columns = (
        RUN.batch_id,
        func.min(RUN.id).label("first_id"),
        func.max(RUN.id).label("last_id"),
        func.max(RUN.completed_at).label("last_end"),
        func.count(case((IS_CANCELLED, 1))).label("cancelled"),
        *counts,
    )
    query = select(*columns).group_by(RUN.batch_id)
    return rows_by(connection, query, RUN.batch_id, batch_ids)


def _last_starts(connection: Connection, batch_ids: Sequence[str]) -> dict[str, datetime]:
    """When the latest of the running runs began, by batch; few run at a time, so their rows are few."""
    running = (RUN.status == RunStatus.RUNNING, RUN.batch_id.in_(batch_ids))
    query = select(RUN.batch_id, func.max(RUN.started_at)).where(*running).group_by(RUN.batch_id)
    starts: dict[str, datetime] = dict(connection.execute(query).all())
    return starts


def titles_of(connection: Connection, batch_ids: Sequence[str]) -> dict[str, str]:
    """Titles by batch_id, of those of these batches that people gave one."""
    found = rows_by(connection, select(batch_titles), batch_titles.c.batch_id, batch_ids)
    return {batch_id: row["title"] for batch_id, row in found.items()}


def suggest_batch_title(connection: Connection, batch_id: str, title: str) -> None:
    """Call a batch so unless people call it something already."""
    if batch_id not in titles_of(connection, [batch_id]):
        set_batch_title(connection, batch_id, title)


def set_batch_title(connection: Connection, batch_id: str, title: str | None) -> None:
    """Call a batch so from now on; None: as its runs say."""
    hold_batch(connection, batch_id)  # of two at once the second one finds the first one's row
    connection.execute(delete(batch_titles).filter_by(batch_id=batch_id))
    if title:
        connection.execute(insert(batch_titles).values(batch_id=batch_id, title=title))
