"""What the web tier asks the database about batches; nothing here changes anything."""

import heapq
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.engine import Connection, RowMapping

from adapters.batches.conditions import Condition
from adapters.batches.flat_params import flat_params
from adapters.batches.leaderboard import RUIN_PCT, Ranking
from adapters.batches.lists import batch_ends, batch_states, counts
from adapters.batches.surface import Surface
from adapters.batches.titles import titles_of
from adapters.database import has_rows, portions
from adapters.price_tables import price_series
from adapters.runs.times import seconds_between, seconds_left, spread, throughput, utc_text
from adapters.tables import HEADLINE_COLUMNS, runs
from contracts.errors import UnknownBatch
from contracts.run_request import RunRequest
from contracts.status import ErrorType, Kind, RunStatus
from contracts.values import Json, Values, frozen

# the metric of a run, its run_id, its parameters as they are stored
Measurement = tuple[float | None, str, str]

# texts of parameters, those of a large batch: its page is loaded again every few seconds
MAX_PARSED = 20_000
# the latest runs, over which times and percentiles are taken, as for the queue and /metrics
MAX_TIMED_RUNS = 1000
RUN_COLUMNS = (
    *runs.c[
        "run_id",
        "request_hash",
        "label",
        "title",
        "ticker",
        "rule_type",
        "rule_id",
        "params_json",
        "status",
        "attempt",
        "error_type",
        "error_message",
        "metrics_json",
        "created_at",
        "waiting_since",
        "started_at",
        "completed_at",
    ],
)


def runs_by_hash(
    connection: Connection, batch_id: str, hashes: Sequence[str]
) -> dict[str, tuple[str, RunStatus]]:
    """Those runs of a batch that have one of these request hashes: run_id and state by hash."""
    columns = select(*runs.c["request_hash", "run_id", "status"]).where(
        runs.c.batch_id == batch_id
    )
    if not is_batch(connection, batch_id):
        return {}  # a new one, which is the usual case
    queries = (columns.where(runs.c.request_hash.in_(some)) for some in portions(hashes))
    return {
        row[0]: (row[1], RunStatus(row[2]))
        for query in queries
        for row in connection.execute(query)
    }


def runs_on_other_prices(connection: Connection, batch_id: str, hashes: Collection[str]) -> int:
    """How many runs of a batch read versions of prices that are neither among these nor current."""
    current = select(price_series.c.data_hash)
    others = (
        runs.c.batch_id == batch_id,
        runs.c.data_hash.not_in(hashes),
        runs.c.data_hash.not_in(current),
    )
    return connection.execute(select(func.count()).select_from(runs).where(*others)).scalar_one()


def batch_summary(connection: Connection, batch_id: str) -> Json:
    """Counts, failures and times of a batch; UnknownBatch when no run belongs to it.

    title: what people call it, None: nothing. ends: its first and its last run, from which a name of its own follows.
    """
    states = batch_states(connection, [batch_id]).get(batch_id)
    if not states:
        raise _unknown(batch_id)
    counted = counts(states)
    first, last = batch_ends(connection, states)
    failures = _failures(connection, batch_id) if counted[RunStatus.FAILED] else {}
    times = _times(connection, batch_id)
    ends = [row["completed_at"] for row in times if row["completed_at"]]
    return {
        "batch_id": batch_id,
        "title": titles_of(connection, [batch_id]).get(batch_id),
        "ends": (first, last),
        "runs": sum(counted.values()),
        "counts": {status.public: count for status, count in counted.items()},
        "failures": failures,
        "cancelled": failures.get(ErrorType.CANCELLED, 0),
        "created_at": utc_text(first["created_at"]),
        "completed_at": utc_text(_last_end(states)),
        "throughput_per_s": throughput(ends),
        "seconds_left": seconds_left(
            times, counted[RunStatus.PENDING] + counted[RunStatus.RUNNING]
        ),
        "queue_wait_s": spread(_passed(times, "waiting_since", "started_at")),
        "run_s": spread(_passed(times, "started_at", "completed_at")),
    }


def _passed(rows: Sequence[RowMapping], since: str, until: str) -> list[float]:
    """Seconds between two times of each run that has both."""
    return [
        passed for row in rows if (passed := seconds_between(row[since], row[until])) is not None
    ]


def is_batch(connection: Connection, batch_id: str) -> bool:
    """Whether a run belongs to it."""
    return has_rows(connection, select(runs.c.id).where(runs.c.batch_id == batch_id))


def require_batch(connection: Connection, batch_id: str) -> None:
    """UnknownBatch when no run belongs to it."""
    if not is_batch(connection, batch_id):
        raise _unknown(batch_id)


def _unknown(batch_id: str) -> UnknownBatch:
    return UnknownBatch(f"no run belongs to batch {batch_id[:64]!r}")


def batch_requests(
    connection: Connection, batch_id: str, status: RunStatus | None = None
) -> list[Json]:
    """The requests of its runs, all or those in a state, in the order of their submission, with all fields.

    UnknownBatch when no run belongs to it.
    """
    require_batch(connection, batch_id)
    query = (
        select(runs.c.request_json)
        .where(runs.c.batch_id == batch_id, runs.c.kind == Kind.RUN)
        .order_by(runs.c.id)
    )
    query = query if status is None else query.where(runs.c.status == status)
    return [
        RunRequest.from_json(json.loads(text)).to_json()
        for text in connection.execute(query).scalars()
    ]


def _last_end(states: Sequence[Any]) -> datetime | None:
    """When the last run ended; None while one has not."""
    ends = [row.last_end for row in states]
    return max(ends) if all(ends) else None


def _failures(connection: Connection, batch_id: str) -> dict[str, int]:
    failed = (runs.c.batch_id == batch_id, runs.c.status == RunStatus.FAILED)
    rows = connection.execute(
        select(runs.c.error_type, func.count()).where(*failed).group_by(runs.c.error_type)
    )
    return {row[0]: row[1] for row in rows}


def _times(connection: Connection, batch_id: str) -> Sequence[RowMapping]:
    columns = select(*runs.c["waiting_since", "started_at", "completed_at"])
    started = columns.where(runs.c.batch_id == batch_id, runs.c.started_at.is_not(None))
    return (
        connection.execute(started.order_by(runs.c.id.desc()).limit(MAX_TIMED_RUNS))
        .mappings()
        .all()
    )


def batch_tickers(connection: Connection, batch_id: str) -> dict[str, int]:
    """Runs of a batch by ticker, in the order of the alphabet; UnknownBatch when no run belongs to it."""
    grouped = (
        select(runs.c.ticker, func.count())
        .where(runs.c.batch_id == batch_id)
        .group_by(runs.c.ticker)
    )
    counted = {row[0]: row[1] for row in connection.execute(grouped.order_by(runs.c.ticker))}
    if not counted:
        require_batch(connection, batch_id)
    return counted


def completed_runs(connection: Connection, batch_id: str, ticker: str) -> int:
    """How many runs of a batch on this ticker have completed."""
    mine = (
        runs.c.batch_id == batch_id,
        runs.c.ticker == ticker,
        runs.c.status == RunStatus.SUCCEEDED,
    )
    return connection.execute(select(func.count()).select_from(runs).where(*mine)).scalar_one()


def measured_runs(
    connection: Connection, batch_id: str, ranking: Ranking, ticker: str | None = None
) -> Sequence[Measurement]:
    """The runs of a batch, or of its one `ticker`, that keep all constraints, in the order of submission."""
    column = HEADLINE_COLUMNS.get(ranking.metric)
    others = [each for each in ranking.constraints if not _is_in_columns(each)]
    value = runs.c.metrics_json if column is None or others else column
    query = select(value, *runs.c["run_id", "params_json"]).where(
        *_ranked(batch_id, ranking, ticker)
    )
    rows: Sequence[Any] = connection.execute(query.order_by(runs.c.id)).all()
    if value is column:
        return rows
    known = ((json.loads(stored)["values"], run_id, text) for stored, run_id, text in rows)
    return [
        (metrics.get(ranking.metric), run_id, text)
        for metrics, run_id, text in known
        if all(each.holds(metrics) for each in others)
    ]


def leaders(
    connection: Connection, measured: Sequence[Measurement], ranking: Ranking, top: int
) -> list[Json]:
    """The `top` runs among the measured ones, best first; those without the metric are left out."""
    choose = heapq.nlargest if ranking.goal == "max" else heapq.nsmallest
    best = choose(top, (each for each in measured if each[0] is not None), key=itemgetter(0))
    run_ids = [run_id for _, run_id, _ in best]
    rows = connection.execute(select(*RUN_COLUMNS).where(runs.c.run_id.in_(run_ids))).mappings()
    listed = {row["run_id"]: batch_run(row) for row in rows}
    return [listed[run_id] for run_id in run_ids]


def _ranked(batch_id: str, ranking: Ranking, ticker: str | None) -> list[ColumnElement[bool]]:
    """Which runs may have a place: completed, not ruined, with a trade, and keeping the constraints on columns."""
    drawdown, trades = runs.c.max_drawdown_pct, runs.c.num_trades
    sound = [or_(drawdown.is_(None), drawdown < RUIN_PCT), or_(trades.is_(None), trades > 0)]
    completed = [
        runs.c.batch_id == batch_id,
        runs.c.status == RunStatus.SUCCEEDED,
        runs.c.kind == Kind.RUN,
        *sound,
    ]
    kept = [
        each
        for one in ranking.constraints
        if _is_in_columns(one)
        for each in one.over(HEADLINE_COLUMNS)
    ]
    return completed + kept + ([runs.c.ticker == ticker] if ticker else [])


def _is_in_columns(constraint: Condition) -> bool:
    return constraint.names <= HEADLINE_COLUMNS.keys()


@frozen
class Point:
    """A measured run: its parameters, and its metrics that have columns, with the one that it is ranked by."""

    measured: Measurement
    params: Values
    metrics: Mapping[str, float | None]

    @property
    def values(self) -> Json:
        """Both by name, as conditions name them."""
        return {**self.params, **self.metrics}


def points_of(
    connection: Connection, batch_id: str, measured: Sequence[Measurement], metric: str
) -> list[Point]:
    """The measured runs of a batch with all that they can be told apart by, in the same order."""
    columns = select(runs.c.run_id, *HEADLINE_COLUMNS.values()).where(runs.c.batch_id == batch_id)
    rows = connection.execute(columns)
    known = {run_id: dict(zip(HEADLINE_COLUMNS, values, strict=True)) for run_id, *values in rows}
    return [Point(each, _flat(each[2]), known[each[1]] | {metric: each[0]}) for each in measured]


def surface_of(measured: Sequence[Measurement]) -> Surface:
    """The measured runs over their parameters."""
    metrics, run_ids, texts = zip(*measured, strict=True) if measured else ((), (), ())
    flat = list(map(_flat, texts))
    names = dict.fromkeys(chain.from_iterable(flat))
    return Surface(metrics, run_ids, {name: [each.get(name) for each in flat] for name in names})


@lru_cache(maxsize=MAX_PARSED)
def _flat(params_json: str) -> Values:
    return flat_params(json.loads(params_json))


def batch_page(connection: Connection, batch_id: str, after: str, limit: int) -> list[Json]:
    """The next `limit` runs of a batch by request hash, an order that its unique index gives for nothing."""
    query = select(*RUN_COLUMNS).where(runs.c.batch_id == batch_id, runs.c.request_hash > after)
    return [
        batch_run(row)
        for row in connection.execute(query.order_by(runs.c.request_hash).limit(limit)).mappings()
    ]


def batch_run(row: RowMapping) -> Json:
    """One run of a batch as the API shows it."""
    stored = json.loads(row["metrics_json"]) if row["metrics_json"] else None
    return {
        "run_id": row["run_id"],
        "request_hash": row["request_hash"],
        "label": row["label"],
        "title": row["title"],
        "ticker": row["ticker"],
        "rule_type": row["rule_type"],
        "rule_id": row["rule_id"],
        "params": json.loads(row["params_json"]),
        "status": RunStatus(row["status"]).public,
        "attempt": row["attempt"],
        "error_type": row["error_type"],
        "error_message": row["error_message"],
        "metrics": stored["values"] if stored else None,
        "created_at": utc_text(row["created_at"]),
        "started_at": utc_text(row["started_at"]),
        "completed_at": utc_text(row["completed_at"]),
        "queue_wait_s": seconds_between(row["waiting_since"], row["started_at"]),
        "run_s": seconds_between(row["started_at"], row["completed_at"]),
    }
