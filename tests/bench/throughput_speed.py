"""Runs per second with N processes at a time, beside their floor: N processes that do nothing but what they must.

The floor is a process that imports numpy, rq, SQLAlchemy and pymysql, pops one message and writes one row. The rest is
the platform's: claim, prices, rule, engine, metrics, result, heartbeat, and the scaler that starts the processes.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from adapters.store.database import connect_database
from tests.bench.bulk_speed import body_of, send
from tests.bench.services import Platform, cores, platform, row

RUNS_PER_PROCESS = 15
FLOOR = """
import os, sys
import numpy, pymysql, rq, sqlalchemy
from redis import Redis
Redis.from_url(os.environ["REDIS_URL"]).lmove("floor", "floor:popped", "LEFT", "RIGHT")
engine = sqlalchemy.create_engine(os.environ["DATABASE_URL"], connect_args={"ssl_disabled": True})
with engine.begin() as connection:
    connection.execute(sqlalchemy.text("INSERT INTO floor (word) VALUES ('written')"))
"""


def main() -> None:
    """Print the rows as one line of JSON."""
    counts = sorted({1, 2, cores()})
    rows = []
    for number, processes in enumerate(counts):
        with platform(web_processes=1) as running:
            floor = floor_rate(running, processes)
            ours = run_rate(running, processes)
        note = "reference: processes that only import, pop and write" if number == 0 else ""
        rows.append(row(f"runs, {processes} processes at a time", ours, "runs/s", floor, note=note))
    print(json.dumps(rows))


def floor_rate(running: Platform, processes: int) -> float:
    """Floor processes per second."""
    with connect_database(running.database_url).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE floor (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(20))")
    runs = RUNS_PER_PROCESS * processes
    running.redis.client().rpush("floor", *range(runs))
    environ = {**running.programs.environ, "OPENBLAS_NUM_THREADS": "1"}

    def once(_: int) -> None:
        subprocess.run([sys.executable, "-c", FLOOR], env=environ, check=True)

    start = time.perf_counter()
    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(once, range(runs)))
    return runs / (time.perf_counter() - start)


def run_rate(running: Platform, processes: int) -> float:
    """Completed runs per second, from the start of the scaler to the last result."""
    runs = RUNS_PER_PROCESS * processes
    batch = f"{running.base_url}/api/runs/bulk?batch_id=throughput"
    send(batch, b"\n".join(body_of(0).splitlines()[:runs]))
    start = time.perf_counter()
    scaler = running.programs.start("consumer.local_scaler", SCALER_MAX_PROCESSES=str(processes))
    while True:
        counts = running.call("/api/batches/throughput?top=0")["counts"]
        if counts["completed"] + counts["failed"] == runs:
            break
        assert scaler.is_running(), scaler.log
        time.sleep(0.1)
    assert counts["failed"] == 0, counts
    return runs / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
