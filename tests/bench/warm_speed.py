"""A Job that waits for its message: from the push to the claim and to the result, and what its waiting costs."""

import json
import signal
import statistics
import sys
import time
from typing import Any

from tests.bench.services import Platform, platform, row
from tests.bench.throughput_speed import cpu_s, measured
from tests.services.processes import Program
from tests.services.web_app import run_values

CLICKS = 20
IDLE_S = 20.0  # over which the cost of waiting is measured
CLAIM_MS, IDLE_PERCENT = 60, 0.5
PAUSE_S = 1.0  # until the next click, as a person makes it: the Job waits for a while


def main() -> None:
    """Print the rows as one line of JSON."""
    with platform(web_processes=1) as running:
        claims, results = zip(*(click(running) for _ in range(CLICKS)), strict=True)
        idle = idle_percent(running)
        _, cpu_ms = measured(running, "warm", 1)
    what = f"RSI on 3,270 bars without charts, median of {CLICKS}"
    cpu = "against the CPU of a run from the local template"
    print(
        json.dumps(
            [
                row(
                    f"push to claim, {what}",
                    statistics.median(claims),
                    "ms",
                    CLAIM_MS,
                    budget="<= 1",
                ),
                row(
                    "push to result",
                    statistics.median(results),
                    "ms",
                    cpu_ms,
                    budget="<= 3",
                    note=cpu,
                ),
                row("push to result, slowest", max(results), "ms"),
                row(
                    "CPU of a Job that waits, of one core", idle, "%", IDLE_PERCENT, budget="<= 1"
                ),
            ]
        )
    )


def waiting(running: Platform) -> Program:
    """A Job that waits, in a process of its own from its very start."""
    job = running.programs.run(
        [sys.executable, "-m", "consumer"],
        IDLE_S="120",
        LOG_LEVEL="INFO",
        OPENBLAS_NUM_THREADS="1",
    )
    job.wait_for_line("job_waiting")
    time.sleep(PAUSE_S)
    return job


def click(running: Platform) -> tuple[float, float]:
    """Milliseconds from the push to the claim and to the result, by the database's clock."""
    job = waiting(running)
    run_id = running.call("/run_backtest", run_values(charts=False))["run_id"]
    assert job.wait() == 0
    status: dict[str, Any] = running.call(f"/status/{run_id}")
    return status["queue_wait_s"] * 1e3, (status["queue_wait_s"] + status["run_s"]) * 1e3


def idle_percent(running: Platform) -> float:
    """Share of a core that a Job takes which nothing comes for."""
    job = waiting(running)
    before = cpu_s(job.pid)
    time.sleep(IDLE_S)
    used = cpu_s(job.pid) - before
    job.send(signal.SIGTERM)
    assert job.wait() == 0
    return used / IDLE_S * 100


if __name__ == "__main__":
    main()
