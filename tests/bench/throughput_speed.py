"""Runs per second with N processes at a time, and their CPU: forked from a warm template, and plain ones.

The floor is a process per message, forked from one that has imported everything, that pops, claims, backtests and
writes, and nothing else. The rest is the platform's: lease, prices from the store, metrics, series, result, hash, RQ's
bookkeeping, and a second process that can die without the run being lost.
"""

import json
import signal
import subprocess
import sys
import time
from typing import Any

import psutil

from adapters.database import connect_database
from tests.bench.bulk_speed import body_of, send
from tests.bench.services import DATABASES, Platform, cores, platform, row

RUNS = {"warm": 60, "plain": 15}  # for each process at a time
COUNTS = sorted({1, 2, cores()})
LIKE = {"sqlite": "INTEGER PRIMARY KEY", "mariadb": "INT AUTO_INCREMENT PRIMARY KEY"}


def main() -> None:
    """Print the rows as one line of JSON."""
    print(json.dumps([each for database in DATABASES for each in rows_of(database)]))


def rows_of(database: str) -> list[dict[str, Any]]:
    """Runs per second by number of processes, their growth, and the CPU of one run."""
    rows, rates = [], {}
    for processes in COUNTS:
        with platform(web_processes=1, database=database) as running:
            floor_rate, floor_ms = floor(running, database, processes)
            cold_rate, cold_ms = measured(running, "plain", processes)
            rates[processes], warm_ms = measured(running, "warm", processes)
        what = f"{database}, {processes} at a time"
        rows += [
            row(
                f"runs from the template, {what}",
                rates[processes],
                "runs/s",
                floor_rate,
                note="against the floor",
            ),
            row("the same, plain processes", cold_rate, "runs/s", floor_rate),
            row(
                "CPU of a run from the template",
                warm_ms,
                "ms",
                cold_ms,
                budget="<= 0.167",
                note="against plain ones",
            ),
            row("the same", warm_ms, "ms", floor_ms, note="against the floor"),
        ]
    linear = rates[1] * COUNTS[-1]
    grown = row(
        f"growth to {COUNTS[-1]} at a time, {database}",
        rates[COUNTS[-1]],
        "runs/s",
        linear,
        budget=">= 0.8",
    )
    return [*rows, grown | {"note": "against linear"}]


def floor(running: Platform, database: str, processes: int) -> tuple[float, float]:
    """Floor processes per second, and milliseconds of CPU of each."""
    with connect_database(running.database_url).begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE floor (id {LIKE[database]}, word VARCHAR(20))")
    runs = RUNS["warm"] * processes
    running.redis.client().rpush("floor", *range(runs))
    environ = {**running.programs.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.bench.forked_floor", str(processes), str(runs)]
    finished = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE)
    used = json.loads(finished.stdout)
    return runs / used["seconds"], used["cpu_s"] / runs * 1e3


def measured(running: Platform, way: str, processes: int) -> tuple[float, float]:
    """Completed runs per second, and milliseconds of CPU of each, the scaler's own included."""
    runs = RUNS[way] * processes
    settings = {"SCALER_MAX_PROCESSES": str(processes), "SCALER_START": way, "LOG_LEVEL": "INFO"}
    scaler = running.programs.start("consumer.local_scaler", **settings)
    scaler.wait_for_line("template_ready" if way == "warm" else "scaler_started")
    cpu_before, start = cpu_s(scaler.pid), time.perf_counter()
    send(
        f"{running.base_url}/api/runs/bulk?batch_id={way}",
        b"\n".join(body_of(0).splitlines()[:runs]),
    )
    while True:
        counts = running.call(f"/api/batches/{way}?top=0")["counts"]
        if counts["completed"] + counts["failed"] == runs:
            break
        assert scaler.is_running(), scaler.log
        time.sleep(0.1)
    seconds = time.perf_counter() - start
    assert counts["failed"] == 0, counts
    while scaler.log.count("job_ended") < runs:
        time.sleep(0.05)
    cpu_ms = (cpu_s(scaler.pid) - cpu_before) / runs * 1e3
    scaler.send(signal.SIGTERM)
    scaler.wait()
    return runs / seconds, cpu_ms


def cpu_s(pid: int) -> float:
    """Seconds of CPU of a process, of its children, and of all that these have waited for."""
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    return sum(sum(process.cpu_times()[:4]) for process in family)


if __name__ == "__main__":
    main()
