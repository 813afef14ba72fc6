"""What the web tier asks the database about batches; nothing here changes anything."""

import heapq
import json
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, RowMapping, case, func, or_, select

from adapters.batches.conditions import Condition
from adapters.batches.flat_params import flat_params
from adapters.batches.leaderboard import RUIN_PCT, Ranking
from adapters.batches.lists import batches_of
from adapters.batches.surface import Surface
from adapters.database import has_rows
from adapters.price_tables import price_series
from adapters.rows import rows_by
from adapters.runs.times import (
    seconds_between,
    seconds_left,
    spread,
    throughput,
    times_of,
    utc_text,
)
from adapters.tables import HEADLINE_COLUMNS, IS_SUCCEEDED, RUN, runs
from contracts.errors import UnknownBatch
from contracts.run_request import RunRequest
from contracts.status import Kind, RunStatus
from contracts.values import Json, Values

# the metric of a run, its run_id, its parameters as they are stored
Measurement = tuple[float | None, str, str]

# texts of parameters, those of a large batch: its page is loaded again every few seconds
MAX_PARSED = 20_000
# the latest runs, over which times and percentiles are taken, as for the queue and /metrics
MAX_TIMED_RUNS = 1000
# as the API shows them, but for waiting_since
RUN_COLUMNS = (
    *RUN["run_id", "request_hash", "label", "title", "ticker", "rule_type", "rule_id"],
    RUN.params_json.label("params"),
    *RUN["status", "attempt", "error_type", "error_message"],
    RUN.metrics_json.label("metrics"),
    *RUN["created_at", "started_at", "completed_at", "waiting_since"],
)


def runs_by_hash(
    connection: Connection, batch_id: str, hashes: Sequence[str]
) -> dict[str, tuple[str, RunStatus]]:
    """Those runs of a batch that have one of these request hashes: run_id and state by hash."""
    columns = select(*RUN["request_hash", "run_id", "status"]).filter_by(batch_id=batch_id)
    if not is_batch(connection, batch_id):
        return {}  # a new one, which is the usual case
    found = rows_by(connection, columns, RUN.request_hash, hashes)
    return {each: (row["run_id"], RunStatus(row["status"])) for each, row in found.items()}


def runs_on_other_prices(connection: Connection, batch_id: str, hashes: Collection[str]) -> int:
    """How many runs of a batch read versions of prices that are neither among these nor current."""
    current = select(price_series.c.data_hash)
    others = (
        RUN.batch_id == batch_id,
        RUN.data_hash.not_in(hashes),
        RUN.data_hash.not_in(current),
    )
    return connection.execute(select(func.count()).select_from(runs).where(*others)).scalar_one()


def batch_summary(connection: Connection, batch_id: str) -> Json:
    """Counts, failures and times of a batch; UnknownBatch when no run belongs to it.

    title: what people call it, None: nothing. ends: its first and its last run, from which a name of its own follows.
    """
    batch = next(iter(batches_of(connection, [batch_id])), None)
    if batch is None:
        raise unknown_batch(batch_id)
    failures = _failures(connection, batch_id) if batch.counts["failed"] else {}
    times = _times(connection, batch_id)
    ends = [row["completed_at"] for row in times if row["completed_at"]]
    return {
        "batch_id": batch_id,
        "title": batch.title,
        "ends": (batch.first, batch.last),
        "runs": batch.runs,
        "counts": batch.counts,
        "failures": failures,
        "cancelled": batch.cancelled,
        "created_at": utc_text(batch.first["created_at"]),
        "completed_at": None if batch.is_live else utc_text(batch.last_activity),
        "throughput_per_s": throughput(ends),
        "seconds_left": seconds_left(times, batch.runs - batch.ended),
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
    return has_rows(connection, select(RUN.id).filter_by(batch_id=batch_id))


def require_batch(connection: Connection, batch_id: str) -> None:
    """UnknownBatch when no run belongs to it."""
    if not is_batch(connection, batch_id):
        raise unknown_batch(batch_id)


def unknown_batch(batch_id: str) -> UnknownBatch:
    return UnknownBatch(f"no run belongs to batch {batch_id[:64]!r}")


def batch_requests(
    connection: Connection, batch_id: str, status: RunStatus | None = None
) -> list[Json]:
    """The requests of its runs, all or those in a state, in the order of their submission, with all fields.

    UnknownBatch when no run belongs to it.
    """
    require_batch(connection, batch_id)
    query = select(RUN.request_json).filter_by(batch_id=batch_id, kind=Kind.RUN).order_by(RUN.id)
    query = query if status is None else query.where(RUN.status == status)
    return [
        RunRequest.from_json(json.loads(text)).to_json() for text in connection.scalars(query)
    ]


def _failures(connection: Connection, batch_id: str) -> dict[str, int]:
    failed = (RUN.batch_id == batch_id, RUN.status == RunStatus.FAILED)
    rows = connection.execute(
        select(RUN.error_type, func.count()).where(*failed).group_by(RUN.error_type)
    )
    return {row[0]: row[1] for row in rows}


def _times(connection: Connection, batch_id: str) -> Sequence[RowMapping]:
    columns = select(*RUN["waiting_since", "started_at", "completed_at"])
    started = columns.where(RUN.batch_id == batch_id, RUN.started_at.is_not(None))
    return (
        connection.execute(started.order_by(RUN.id.desc()).limit(MAX_TIMED_RUNS)).mappings().all()
    )


def batch_tickers(connection: Connection, batch_id: str) -> dict[str, Any]:
    """`runs` of a batch and those that have `completed` by ticker, in the order of the alphabet."""
    completed = func.count(case((RUN.status == RunStatus.SUCCEEDED, 1)))
    counts = select(RUN.ticker, func.count().label("runs"), completed.label("completed"))
    grouped = counts.filter_by(batch_id=batch_id).group_by(RUN.ticker).order_by(RUN.ticker)
    return {row.ticker: row for row in connection.execute(grouped)}


def measured_runs(
    connection: Connection, batch_id: str, ranking: Ranking, ticker: str | None = None
) -> Sequence[Measurement]:
    """The runs of a batch, or of its one `ticker`, that may have a place, in the order of submission.

    They are completed, not ruined, with a trade, and keep all constraints: those on columns in the database.
    """
    drawdown, trades = RUN.max_drawdown_pct, RUN.num_trades
    kept = [
        RUN.batch_id == batch_id,
        IS_SUCCEEDED,
        RUN.kind == Kind.RUN,
        or_(drawdown.is_(None), drawdown < RUIN_PCT),
        or_(trades.is_(None), trades > 0),
        *([RUN.ticker == ticker] if ticker else []),
    ]
    others = list[Condition]()
    for each in ranking.constraints:
        if each.names <= HEADLINE_COLUMNS.keys():
            kept += each.over(HEADLINE_COLUMNS)
        else:
            others.append(each)
    column = None if others else HEADLINE_COLUMNS.get(ranking.metric)
    value = RUN.metrics_json if column is None else column
    query = select(value, *RUN["run_id", "params_json"]).where(*kept).order_by(RUN.id)
    rows: Sequence[Any] = connection.execute(query).all()
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
    listed = rows_by(connection, select(*RUN_COLUMNS), RUN.run_id, run_ids)
    return [batch_run(listed[run_id]) for run_id in run_ids]


def values_of(
    connection: Connection, batch_id: str, measured: Sequence[Measurement], metric: str
) -> list[Json]:
    """All that the measured runs of a batch can be told apart by, in the same order, as conditions name it.

    Their parameters, and their metrics that have columns, with the one that they are ranked by.
    """
    columns = select(RUN.run_id, *HEADLINE_COLUMNS.values()).filter_by(batch_id=batch_id)
    rows = connection.execute(columns)
    known = {run_id: zip(HEADLINE_COLUMNS, values, strict=True) for run_id, *values in rows}
    return [
        {**_flat(text), **dict(known[run_id]), metric: value} for value, run_id, text in measured
    ]


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
    query = select(*RUN_COLUMNS).where(RUN.batch_id == batch_id, RUN.request_hash > after)
    return [
        batch_run(row)
        for row in connection.execute(query.order_by(RUN.request_hash).limit(limit)).mappings()
    ]


def batch_run(row: RowMapping) -> Json:
    """One run of a batch as the API shows it."""
    run = {
        **row,
        "params": json.loads(row["params"]),
        "status": RunStatus(row["status"]).public,
        "metrics": row["metrics"] and json.loads(row["metrics"])["values"],
        **times_of(row),
    }
    del run["waiting_since"]
    return run
