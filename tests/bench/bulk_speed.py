"""Runs per second that POST /api/runs/bulk accepts, and the effect of 100,000 waiting runs.

Real gunicorn, MariaDB with a flush at each commit, Redis with its append-only file; the clients send from this machine.
"""

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

from adapters.database import connect_database
from adapters.runs.changes import NewRun, insert_runs
from tests.bench.services import Platform, cores, platform, row
from tests.services.runs import new_request

PER_CALL = 2000  # runs, as the client sends them
CALLS = 24
QUEUE = "rq:queue:backtests-bulk"
DEEP = 100_000  # waiting runs


def main() -> None:
    """Print the rows as one line of JSON."""
    rows = []
    with platform(web_processes=cores()) as running:
        rate(running, "warm", 4)
        accepted = statistics.median(rate(running, f"r{number}", CALLS) for number in range(3))
        rows.append(
            row(
                f"bulk submission, runs accepted and durable, {cores()} web processes, {PER_CALL:,} runs a call",
                accepted,
                "runs/s",
                floor(running),
                budget=">= 0.5",
                note="median of 3; against two executemany, a commit and a pipeline of as many in one process",
            )  # fmt: skip
        )
        rows += depth_rows(running)
    print(json.dumps(rows))


def floor(running: Platform) -> float:
    """Runs per second of the bare writes behind a call: rows, events, one commit, one pipeline of messages."""
    engine, client = connect_database(running.database_url), running.redis.client()
    request = new_request()
    start = time.perf_counter()
    for _ in range(CALLS):
        requests = [replace(request, run_id=str(uuid4())) for _ in range(PER_CALL)]
        rows = [NewRun(each, str(each.run_id)) for each in requests]
        with engine.begin() as connection:
            insert_runs(connection, rows)
        with client.pipeline() as pipeline:
            for new in rows:
                pipeline.hset(
                    f"floor:{new.request.run_id}", mapping={"data": "x" * 100, "meta": "x" * 500}
                )
                pipeline.rpush("floor", str(new.request.run_id))
            pipeline.execute()
    return CALLS * PER_CALL / (time.perf_counter() - start)


def rate(running: Platform, batch_id: str, calls: int) -> float:
    """Runs per second over so many calls of one batch, several at a time."""
    bodies = [body_of(number) for number in range(calls)]
    url = f"{running.base_url}/api/runs/bulk?batch_id={batch_id}"
    start = time.perf_counter()
    with ThreadPoolExecutor(2 * cores()) as pool:
        new = sum(pool.map(lambda body: send(url, body), bodies))
    seconds = time.perf_counter() - start
    assert new == calls * PER_CALL, f"{new} new runs"
    return new / seconds


def body_of(call: int) -> bytes:
    """The NDJSON of one call; no two calls have a run in common."""
    lines = (
        {
            "ticker": "AAPL", "rule_type": "RSI", "charts": False, "start_date": "2004-01-01", "end_date": "2013-03-01",
            "params": {"period": 2 + number % 100, "oversold": 20 + number // 100, "overbought": 70 + call / 10},
        }
        for number in range(PER_CALL)
    )  # fmt: skip
    return "\n".join(map(json.dumps, lines)).encode()


def send(url: str, body: bytes) -> int:
    """Count the new runs of a call."""
    with urlopen(
        Request(url, body, {"Content-Type": "application/x-ndjson"}), timeout=120
    ) as answer:
        return int(json.load(answer)["new"])


def depth_rows(running: Platform) -> list[dict[str, Any]]:
    """Measure the most frequent requests, with an empty queue and with DEEP runs in it."""
    client = running.redis.client()
    client.flushall()
    empty_bytes = client.info("memory")["used_memory"]
    shallow = measures(running)
    while (waiting := client.llen(QUEUE)) < DEEP:
        rate(running, f"deep{waiting}", min(CALLS, -(-(DEEP - waiting) // PER_CALL)))
    message_bytes = (client.info("memory")["used_memory"] - empty_bytes) / client.llen(QUEUE)
    deep = measures(running)
    rows = [row(f"{name} with {DEEP:,} waiting runs", deep[name], "ms", shallow[name], note="reference: empty queue")
            for name in deep]  # fmt: skip
    return [*rows, row("Redis memory per waiting message", message_bytes, "bytes")]


def measures(running: Platform) -> dict[str, float]:
    """Median milliseconds of a pop, of a submission, of a status and of the queue's depth."""
    client, values = running.redis.client(), json.loads(body_of(0).splitlines()[0])
    run_id = running.call("/run_backtest", values)["run_id"]
    submission = timed(lambda: running.call("/run_backtest", values))
    return {
        "pop (LMOVE to RQ's intermediate list)": timed(
            lambda: client.lmove(QUEUE, f"{QUEUE}:intermediate", "LEFT", "RIGHT")
        ),
        "POST /run_backtest": submission,
        "GET /status/<run_id>": timed(lambda: running.call(f"/status/{run_id}")),
        "GET /ready": timed(lambda: running.call("/ready")),
    }


def timed(action: Any, repetitions: int = 50) -> float:
    """Median milliseconds."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


if __name__ == "__main__":
    main()
