"""What the web tier asks the database about batches; nothing here changes anything."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.engine import Connection, RowMapping

from adapters.results.leaderboard import RUIN_PCT, Goal, Heatmap, flat_params, heatmap, rank
from adapters.results.times import seconds_between, spread, throughput, utc_text
from adapters.store.tables import HEADLINE_COLUMNS, runs
from contracts.errors import UnknownBatch
from contracts.status import RunStatus

HASHES_PER_QUERY = 1000
MAX_TIMED_RUNS = 10_000  # the latest runs, over which times and percentiles are taken
_RUN_COLUMNS = (
    runs.c.run_id,
    runs.c.request_hash,
    runs.c.label,
    runs.c.ticker,
    runs.c.rule_type,
    runs.c.rule_id,
    runs.c.params_json,
    runs.c.status,
    runs.c.attempt,
    runs.c.error_type,
    runs.c.error_message,
    runs.c.metrics_json,
    runs.c.created_at,
    runs.c.waiting_since,
    runs.c.started_at,
    runs.c.completed_at,
)


def runs_by_hash(connection: Connection, batch_id: str, hashes: Sequence[str]) -> dict[str, tuple[str, RunStatus]]:
    """Those runs of a batch that have one of these request hashes: run_id and state by hash."""
    columns = select(runs.c.request_hash, runs.c.run_id, runs.c.status).where(runs.c.batch_id == batch_id)
    if connection.execute(columns.limit(1)).first() is None:
        return {}  # a new batch, which is the usual case
    found: dict[str, tuple[str, RunStatus]] = {}
    for start in range(0, len(hashes), HASHES_PER_QUERY):
        wanted = runs.c.request_hash.in_(hashes[start : start + HASHES_PER_QUERY])
        for row in connection.execute(columns.where(wanted)):
            found[row.request_hash] = (row.run_id, RunStatus(row.status))
    return found


def batch_summary(connection: Connection, batch_id: str) -> dict[str, Any]:
    """Counts, failures and times of a batch; UnknownBatch when no run belongs to it."""
    require_batch(connection, batch_id)
    counts, first, last = _counts(connection, batch_id)
    times = _times(connection, batch_id)
    waits = [wait for row in times if (wait := seconds_between(row["waiting_since"], row["started_at"])) is not None]
    durations = [took for row in times if (took := seconds_between(row["started_at"], row["completed_at"])) is not None]
    ends = [row["completed_at"] for row in times if row["completed_at"]]
    return {
        "batch_id": batch_id,
        "runs": sum(counts.values()),
        "counts": counts,
        "failures": _failures(connection, batch_id) if counts[RunStatus.FAILED.public] else {},
        "created_at": utc_text(first),
        "completed_at": None if counts["pending"] or counts["running"] else utc_text(last),
        "throughput_per_s": throughput(ends),
        "queue_wait_s": spread(waits),
        "run_s": spread(durations),
    }


def is_batch(connection: Connection, batch_id: str) -> bool:
    """Whether a run belongs to it."""
    return connection.execute(select(runs.c.id).where(runs.c.batch_id == batch_id).limit(1)).first() is not None


def require_batch(connection: Connection, batch_id: str) -> None:
    """UnknownBatch when no run belongs to it."""
    if not is_batch(connection, batch_id):
        raise UnknownBatch(f"no run belongs to batch {batch_id[:64]!r}")


def _counts(connection: Connection, batch_id: str) -> tuple[dict[str, int], datetime, datetime | None]:
    """Runs by state, the first submission and the last end, all in one pass over the batch."""
    grouped = select(runs.c.status, func.count(), func.min(runs.c.created_at), func.max(runs.c.completed_at))
    rows = connection.execute(grouped.where(runs.c.batch_id == batch_id).group_by(runs.c.status)).all()
    counted: dict[str, int] = {row[0]: row[1] for row in rows}
    ends = [row[3] for row in rows if row[3]]
    counts = {status.public: counted.get(status, 0) for status in RunStatus}
    return counts, min(row[2] for row in rows), max(ends, default=None)


def _failures(connection: Connection, batch_id: str) -> dict[str, int]:
    failed = (runs.c.batch_id == batch_id, runs.c.status == RunStatus.FAILED)
    rows = connection.execute(select(runs.c.error_type, func.count()).where(*failed).group_by(runs.c.error_type))
    return {row[0]: row[1] for row in rows}


def _times(connection: Connection, batch_id: str) -> Sequence[RowMapping]:
    columns = select(runs.c.waiting_since, runs.c.started_at, runs.c.completed_at)
    started = columns.where(runs.c.batch_id == batch_id, runs.c.started_at.is_not(None))
    return connection.execute(started.order_by(runs.c.id.desc()).limit(MAX_TIMED_RUNS)).mappings().all()


def batch_tickers(connection: Connection, batch_id: str) -> dict[str, int]:
    """Runs of a batch by ticker, in the order of the alphabet; UnknownBatch when no run belongs to it."""
    grouped = select(runs.c.ticker, func.count()).where(runs.c.batch_id == batch_id).group_by(runs.c.ticker)
    counted = {row[0]: row[1] for row in connection.execute(grouped.order_by(runs.c.ticker))}
    if not counted:
        require_batch(connection, batch_id)
    return counted


def batch_leaderboard(
    connection: Connection, batch_id: str, metric: str, goal: Goal, top: int, ticker: str | None = None
) -> list[dict[str, Any]]:
    """The `top` runs of a batch, or of its one `ticker`, by `metric`, best first; runs without it are left out."""
    column = HEADLINE_COLUMNS.get(metric)
    completed = select(*_RUN_COLUMNS).where(*ranked(batch_id, ticker))
    if column is None:
        found = connection.execute(completed.order_by(runs.c.id).execution_options(yield_per=1000)).mappings()
        return rank(map(batch_run, found), metric, goal, top)
    best = completed.where(column.is_not(None))
    ordered = best.order_by(column.desc() if goal == "max" else column.asc(), runs.c.id).limit(top)
    return [batch_run(row) for row in connection.execute(ordered).mappings()]


def ranked(batch_id: str, ticker: str | None) -> list[ColumnElement[bool]]:
    """Which runs of a batch, or of its one `ticker`, have a place in rankings: completed, and not ruined."""
    drawdown = runs.c.max_drawdown_pct
    sound = or_(drawdown.is_(None), drawdown < RUIN_PCT)
    completed = [runs.c.batch_id == batch_id, runs.c.status == RunStatus.SUCCEEDED, sound]
    return completed + ([runs.c.ticker == ticker] if ticker else [])


def batch_heatmap(
    connection: Connection, batch_id: str, metric: str, axes: tuple[str, str] | None = None, ticker: str | None = None
) -> Heatmap | None:
    """The metric over two parameters: those of `axes`, else the two that vary most; None when fewer vary.

    A cell is the median of its completed runs, over `ticker` alone or over all tickers.
    """
    column = HEADLINE_COLUMNS.get(metric, runs.c.metrics_json)
    rows = connection.execute(select(runs.c.params_json, column.label("value")).where(*ranked(batch_id, ticker)))
    points = [(flat_params(json.loads(row.params_json)), _value(row.value, metric)) for row in rows]
    return heatmap(points, axes)


def _value(stored: Any, metric: str) -> float | None:
    if not isinstance(stored, str):
        return None if stored is None else float(stored)
    value: float | None = json.loads(stored)["values"].get(metric)
    return value


def batch_page(connection: Connection, batch_id: str, after: str, limit: int) -> list[dict[str, Any]]:
    """The next `limit` runs of a batch by request hash, an order that its unique index gives for nothing."""
    query = select(*_RUN_COLUMNS).where(runs.c.batch_id == batch_id, runs.c.request_hash > after)
    return [batch_run(row) for row in connection.execute(query.order_by(runs.c.request_hash).limit(limit)).mappings()]


def batch_runs(connection: Connection, batch_id: str, status: RunStatus | None = None) -> Iterator[dict[str, Any]]:
    """All runs of a batch, or those in one state, in the order of submission; for rankings and exports."""
    query = select(*_RUN_COLUMNS).where(runs.c.batch_id == batch_id).order_by(runs.c.id)
    if status is not None:
        query = query.where(runs.c.status == status)
    return map(batch_run, connection.execute(query.execution_options(yield_per=1000)).mappings())


def batch_run(row: RowMapping) -> dict[str, Any]:
    """One run of a batch as the API shows it."""
    stored = json.loads(row["metrics_json"]) if row["metrics_json"] else None
    return {
        "run_id": row["run_id"],
        "request_hash": row["request_hash"],
        "label": row["label"],
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


def csv_rows(listed: Iterator[dict[str, Any]]) -> Iterator[list[Any]]:
    """A header and one row per run, params and metrics in columns of their own; empty where a run has no value."""
    rows = [row | {"params": flat_params(row["params"])} for row in listed]
    params = _names(row["params"] for row in rows)
    metrics = _names(row["metrics"] or {} for row in rows)
    fixed = ("run_id", "ticker", "rule_type", "rule_id", "label", "status", "error_type", "queue_wait_s", "run_s")
    yield [*fixed, *(f"params.{name}" for name in params), *metrics]
    for row in rows:
        values = [row[name] for name in fixed] + [row["params"].get(name) for name in params]
        yield [_cell(value) for value in [*values, *((row["metrics"] or {}).get(name) for name in metrics)]]


def _names(objects: Iterator[dict[str, Any]] | Any) -> list[str]:
    return list(Counter(name for each in objects for name in each))


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value
