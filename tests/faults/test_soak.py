"""Many runs while random processes are killed every second; figures go where FAULT_SOAK says.

The long soak of 20,000 comes in parts, so that it can be interrupted and gone on with: `-k part-07`.
"""

import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from adapters.store.database import reading
from adapters.store.tables import runs
from contracts.status import ErrorType
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Program, Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.waiting import slowness

SEED = 20_261_121
PART = [pytest.mark.slow, pytest.mark.timeout(3600)]
STEADY = ("consumer.reconciler", "consumer.local_scaler")


class Killer:
    """Kills one process of the platform at each strike; what a cluster would start again is started again."""

    def __init__(self, programs: Programs, redis_server: RedisServer, seed: str) -> None:
        self._programs = programs
        self._redis_server = redis_server
        self._random = random.Random(seed)
        self._steady: dict[str, Program] = {module: programs.start(module) for module in STEADY}
        self.kills: dict[str, int] = {}
        self.largest_mb: dict[str, int] = {}

    def weigh(self) -> None:
        """Note the memory of the scaler and of its template."""
        scaler = psutil.Process(self._steady["consumer.local_scaler"].pid)
        for name, process in [("scaler", scaler), *(("template", each) for each in scaler.children()[:1])]:
            with suppress(psutil.NoSuchProcess):
                self.largest_mb[name] = max(self.largest_mb.get(name, 0), process.memory_info().rss >> 20)

    def strike(self) -> None:
        """Kill one more."""
        dice = self._random.random()
        if dice < 0.02:
            self._redis_server.stop()
            self._redis_server.start()
            self._count("Redis, restarted empty")
        elif dice < 0.10:
            module = self._random.choice(STEADY)
            self._steady[module].send(signal.SIGKILL)
            self._steady[module] = self._programs.start(module)
            self._count(module)
        else:
            self._strike_consumer()

    def _strike_consumer(self) -> None:
        consumers = [process for process in self._programs.survivors() if _is_consumer(process)]
        if not consumers:
            return
        signum = self._random.choice([signal.SIGKILL, signal.SIGTERM])
        try:
            self._random.choice(consumers).send_signal(signum)
        except psutil.NoSuchProcess:
            return
        self._count(f"consumer, work horse or template, {signum.name}")

    def _count(self, what: str) -> None:
        self.kills[what] = self.kills.get(what, 0) + 1


def _is_consumer(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[-1:] in (["consumer"], ["consumer.template"])
    except psutil.Error:
        return False


@pytest.mark.parametrize(
    "count",
    [
        12,
        pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
        pytest.param(2000, marks=PART),
        *(pytest.param(1000, id=f"part-{part:02}", marks=PART) for part in range(1, 21)),
    ],
)
def test_every_run_ends_once_while_processes_are_killed(
    count: int,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    database_url: str,
    request: pytest.FixtureRequest,
) -> None:
    began = time.monotonic()
    for start in range(0, count, 500):
        submitter.submit(min(500, count - start))
    killer = Killer(programs, redis_server, f"{SEED} {request.node.name}")

    deadline = time.monotonic() + max(150, 1.5 * count) * slowness()
    while not submitter.all_ended():
        assert time.monotonic() < deadline, f"{submitter.statuses()} after {killer.kills}"
        time.sleep(slowness())  # else a slow machine would be killed faster than it starts
        killer.strike()
        killer.weigh()

    took_s = time.monotonic() - began
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())
    outcomes = _outcomes(submitter)
    assert sum(outcomes.values()) == count
    # a run may fail here for one reason only: it was killed, or asked to stop, as often as it may be
    assert outcomes.keys() <= {"SUCCEEDED", ErrorType.WORKER_LOST, ErrorType.HANDBACKS}
    _report(database_url, count, took_s, outcomes, killer)


def _outcomes(submitter: Submitter) -> dict[str, int]:
    """How many runs succeeded, and how many failed for each reason."""
    with reading(submitter.engine) as connection:
        reasons = connection.execute(select(runs.c.error_type)).scalars().all()
    return dict(Counter(reason or "SUCCEEDED" for reason in reasons))


def _report(database_url: str, count: int, took_s: float, outcomes: dict[str, int], killer: Killer) -> None:
    if path := os.environ.get("FAULT_SOAK"):
        line = {
            "database": database_url.partition(":")[0].partition("+")[0],
            "runs": count,
            "took_s": round(took_s),
            "statuses": outcomes,
            "kills": killer.kills,
            "largest_mb": killer.largest_mb,
        }
        with Path(path).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
