"""Invariants of the tables and of Redis after any fault, once every run has ended."""

from collections import defaultdict
from typing import Any

from redis import Redis
from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.plan_tables import plans
from adapters.settings import Settings
from adapters.tables import run_charts, run_events, runs, screens
from tests.services.waiting import wait_until

_ALLOWED = {
    None: {"PENDING"},
    "PENDING": {"RUNNING", "FAILED"},
    "RUNNING": {"SUCCEEDED", "FAILED", "PENDING"},
    "FAILED": {"PENDING"},
    "SUCCEEDED": set(),
}
_RESULT_COLUMNS = (
    "metrics_json",
    "equity_curve_json",
    "trades_json",
    "signals_json",
    "result_hash",
    "data_hash",
)


def check_tables(engine: Engine) -> None:
    """AssertionError unless each run has ended once, with one story, and has a result only if it succeeded."""
    with reading(engine) as connection:
        rows = connection.execute(select(runs)).mappings().all()
        events = connection.execute(select(run_events).order_by(run_events.c.id)).mappings().all()
        charted = set(connection.execute(select(run_charts.c.run_id)).scalars())
        screened = set(
            connection.execute(
                select(screens.c.run_id).where(screens.c.metrics.is_not(None))
            ).scalars()
        )
        together = set(
            connection.execute(
                select(plans.c.plan_id).where(
                    plans.c.kind == "portfolio", plans.c.result.is_not(None)
                )
            ).scalars()
        )
    stories: dict[str, list[Any]] = defaultdict(list)
    for event in events:
        stories[event["run_id"]].append(event)
    assert set(stories) == {row["run_id"] for row in rows}
    ended_well = [row for row in rows if row["status"] == "SUCCEEDED"]
    assert screened == {
        row["run_id"] for row in ended_well if row["kind"] not in ("run", "portfolio")
    }
    assert together == {row["run_id"] for row in ended_well if row["kind"] == "portfolio"}
    for row in rows:
        _check_row(row, row["run_id"] in charted)
        _check_story(row, stories[row["run_id"]])


def _check_row(row: Any, is_charted: bool) -> None:
    run_id, succeeded = row["run_id"], row["status"] == "SUCCEEDED"
    assert row["status"] in ("SUCCEEDED", "FAILED"), f"run {run_id} is left {row['status']}"
    for column in _RESULT_COLUMNS if row["kind"] == "run" else ("engine_version",):
        assert (row[column] is not None) == succeeded, (
            f"run {run_id} is {row['status']} and {column} is {row[column]}"
        )
    assert not is_charted or succeeded, f"run {run_id} has charts and is {row['status']}"
    assert (row["error_type"] is None) == succeeded and (
        row["error_message"] is None
    ) == succeeded, run_id
    assert row["lease_until"] is None and row["completed_at"] is not None, run_id


def _check_story(row: Any, story: list[Any]) -> None:
    run_id = row["run_id"]
    transitions = [
        (event["attempt"], event["from_status"], event["to_status"]) for event in story
    ]
    before: str | None = None
    for attempt, from_status, to_status in transitions:
        assert from_status == before and to_status in _ALLOWED[from_status], (
            f"run {run_id}: {transitions}"
        )
        assert attempt <= row["attempt"], f"run {run_id}: {transitions}"
        before = to_status
    attempts = [attempt for attempt, _, _ in transitions]
    assert attempts == sorted(attempts), f"run {run_id}: {transitions}"
    assert before == row["status"], (
        f"run {run_id} is {row['status']} but its story is {transitions}"
    )
    assert sum(to_status == "SUCCEEDED" for _, _, to_status in transitions) <= 1, (
        f"run {run_id}: {transitions}"
    )
    times = [event["at"] for event in story]
    assert times == sorted(times), f"run {run_id}: {times}"


def check_queue_is_clean(redis: Redis, timeout_s: float = 30.0) -> None:
    """AssertionError unless nothing waits and nothing is marked as started, within `timeout_s` of reconciling."""
    try:
        wait_until(lambda: not left_in_redis(redis), timeout_s)
    except AssertionError:
        raise AssertionError(
            f"{left_in_redis(redis)} left in Redis after {timeout_s:g} s"
        ) from None


def left_in_redis(redis: Redis) -> dict[str, int]:
    """Number of entries in each of RQ's structures for unfinished work; empty ones are left out."""
    names = Settings().queue_names
    counts = {
        "queues": sum(redis.llen(f"rq:queue:{name}") for name in names),
        "intermediate": sum(redis.llen(f"rq:queue:{name}:intermediate") for name in names),
        "started": sum(redis.zcard(f"rq:wip:{name}") for name in names),
        "executions": len(list(redis.scan_iter("rq:execution*", count=1000))),
        "first_seen": len(list(redis.scan_iter("*first_seen*", count=1000))),
        "endless": sum(redis.ttl(key) == -1 for key in redis.scan_iter("rq:job:*", count=1000)),
    }
    return {name: count for name, count in counts.items() if count}
