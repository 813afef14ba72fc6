"""Many runs while something breaks every other second; figures go where FAULT_SOAK says.

The long soak comes in parts, so that it can be gone on with: `make soak PARTS="part-07 and warm and mariadb"`.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from adapters.database import reading
from adapters.tables import runs
from contracts.status import ErrorType
from tests.faults.injection_point import INJECTION
from tests.services.fixtures import settings_of
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.mariadb_server import MariaDBServer
from tests.services.processes import Program, Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.tcp_proxy import TcpProxy
from tests.services.waiting import slowness

SEED = 20_261_121
PART = [pytest.mark.soak, pytest.mark.timeout(3600)]
SCALER, RECONCILER = "consumer.local_scaler", "consumer.reconciler"
# a forked Job's command line is still that of its template
JOB, TEMPLATE = "consumer", "consumer.job.template"
STRIKE_S = 2.0
EXPIRED_S = 90.0  # longer than an entry stays that a heartbeat wrote after its run was forgotten
FROZEN_S = 5.0  # longer than a lease, and than the scaler waits for its template


class Services:
    """Redis and the database, each behind a proxy that can lose an answer; SQLite is a file and has neither."""

    def __init__(
        self,
        redis: RedisServer,
        redis_proxy: TcpProxy,
        database: MariaDBServer | None,
        database_proxy: TcpProxy | None,
    ) -> None:
        self.redis, self.redis_proxy = redis, redis_proxy
        self.database, self.database_proxy = database, database_proxy

    def settings(self, database_url: str) -> dict[str, str]:
        """The environment of a platform that reaches both through the proxies."""
        if self.database and self.database_proxy:
            database_url = self.database.url(port=self.database_proxy.port)
        return settings_of(database_url, f"redis://127.0.0.1:{self.redis_proxy.port}/0")

    def lose_an_answer_of_redis(self) -> None:
        """Execute the next command, and drop its answer."""
        self.redis_proxy.lose_the_answer_to(b"\r\n")

    def restart_redis(self) -> None:
        """It comes back empty."""
        self.redis.stop()
        self.redis.start()

    def empty_redis(self) -> None:
        """Delete every message."""
        with self.redis.client() as client:
            client.flushall()

    def lose_the_answer_to_a_commit(self) -> None:
        """Execute the next COMMIT, and drop its answer."""
        if self.database_proxy:
            self.database_proxy.lose_the_answer_to(b"COMMIT")

    def restart_database(self) -> None:
        """Kill it, and start it again."""
        if self.database:
            self.database.stop()
            self.database.start()


class Trouble:
    """Breaks one thing at each strike, and restarts what a cluster would restart."""

    def __init__(self, programs: Programs, services: Services, seed: str) -> None:
        self._programs = programs
        self._random = random.Random(seed)
        self._steady: dict[str, Program] = {
            module: self._start(module) for module in (SCALER, RECONCILER)
        }
        self._thaws: list[threading.Timer] = []
        self.faults: Counter[str] = Counter()
        self.largest_mb: dict[str, int] = {}
        self._choices: list[tuple[int, str, Callable[[], str | None]]] = [
            (82, "Job", lambda: self._signal(self._jobs())),
            (3, "template", lambda: self._signal(self._templates())),
            (3, "scaler", lambda: self._restart(SCALER)),
            (3, "reconciler", lambda: self._restart(RECONCILER)),
            (2, "lost answer of Redis", services.lose_an_answer_of_redis),
            (1, "FLUSHALL", services.empty_redis),
            (1, "Redis restarted empty", services.restart_redis),
        ]
        if services.database:
            self._choices += [
                (4, "lost answer to COMMIT", services.lose_the_answer_to_a_commit),
                (1, "database restarted", services.restart_database),
            ]

    def strike(self) -> None:
        """Break one more."""
        weights = [weight for weight, _, _ in self._choices]
        _, name, act = self._random.choices(self._choices, weights)[0]
        self.faults[f"{name} {act() or ''}".rstrip()] += 1

    def let_go(self) -> None:
        """Wait until nothing is frozen any more."""
        for thaw in self._thaws:
            thaw.join()

    def weigh(self) -> None:
        """Note the memory of the scaler and of its template."""
        with suppress(psutil.NoSuchProcess):
            weighed = {
                "scaler": [psutil.Process(self._steady[SCALER].pid)],
                "template": self._templates(),
            }
            for name, processes in weighed.items():
                sizes_mb = [process.memory_info().rss >> 20 for process in processes]
                self.largest_mb[name] = max([*sizes_mb, self.largest_mb.get(name, 0)])

    def ways(self) -> Counter[str]:
        """Number of Jobs that the scalers started in each way."""
        logs = [program.log for program in self._programs.started]
        return Counter(
            {way: sum(log.count(f" way={way} ") for log in logs) for way in ("warm", "plain")}
        )

    def _templates(self) -> list[psutil.Process]:
        """The scaler's own child, unless there is none; a Job whose template has died may be another."""
        with suppress(psutil.NoSuchProcess):
            return [
                each
                for each in psutil.Process(self._steady[SCALER].pid).children()
                if _runs(each, TEMPLATE)
            ]
        return []

    def _jobs(self) -> list[psutil.Process]:
        """Jobs, forked ones too, and their child processes."""
        templates = self._templates()
        return [
            each
            for each in self._programs.survivors()
            if _runs(each, JOB, TEMPLATE) and each not in templates
        ]

    def _signal(self, processes: list[psutil.Process]) -> str:
        """Kill, interrupt or freeze one of them."""
        if not processes:
            return "(none there)"
        process = self._random.choice(processes)
        signum = self._random.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
        _send(process, signum)
        if signum == signal.SIGSTOP:
            # by a thread: with SQLite it may hold a lock that the test itself waits for
            self._thaws.append(
                threading.Timer(FROZEN_S * slowness(), _send, (process, signal.SIGCONT))
            )
            self._thaws[-1].start()
        return signum.name

    def _restart(self, module: str) -> str:
        """Kill it; the clock of the next one, and of all the Jobs of a scaler, may be an hour off."""
        off_s = self._random.choice([-3600, 0, 3600])
        self._steady[module].send(signal.SIGKILL)
        clock = {"PYTHONPATH": str(INJECTION), "FAULT_CLOCK_S": str(off_s)}
        self._steady[module] = self._start(module, **clock)
        return f"SIGKILL, the next clock {off_s:+} s" if off_s else "SIGKILL"

    def _start(self, module: str, **settings: str) -> Program:
        # a new Python process: a fork of the process server has more memory than the program alone
        return self._programs.run([sys.executable, "-m", module], **settings)


def _runs(process: psutil.Process, *modules: str) -> bool:
    with suppress(psutil.Error):
        return (process.cmdline() or [""])[-1] in modules
    return False


def _send(process: psutil.Process, signum: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signum)


@pytest.fixture
def services(
    redis_server: RedisServer,
    redis_proxy: TcpProxy,
    database_url: str,
    request: pytest.FixtureRequest,
) -> Services:
    if database_url.startswith("sqlite"):
        return Services(redis_server, redis_proxy, None, None)
    mariadb, proxy = (
        request.getfixturevalue(name) for name in ("mariadb_server", "mariadb_proxy")
    )
    return Services(redis_server, redis_proxy, mariadb, proxy)


@pytest.mark.parametrize(
    "count",
    [
        12,
        pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
        *(pytest.param(1000, id=f"part-{part:02}", marks=PART) for part in range(1, 51)),
    ],
)
def test_every_run_ends_once_while_everything_breaks(
    count: int,
    programs: Programs,
    submitter: Submitter,
    services: Services,
    database_url: str,
    request: pytest.FixtureRequest,
) -> None:
    began = time.monotonic()
    # some stand frozen
    programs.environ |= services.settings(database_url) | {"SCALER_MAX_PROCESSES": "4"}
    for start in range(0, count, 500):
        submitter.submit(min(500, count - start))
    trouble = Trouble(programs, services, f"{SEED} {request.node.name}")

    deadline = time.monotonic() + max(150, 1.5 * count) * slowness()
    while not submitter.all_ended():
        assert time.monotonic() < deadline, f"{submitter.statuses()} after {trouble.faults}"
        # else a slow machine would be hit faster than it starts
        time.sleep(STRIKE_S * slowness())
        trouble.strike()
        trouble.weigh()
    trouble.let_go()

    took_s = time.monotonic() - began
    check_tables(submitter.engine)
    check_queue_is_clean(services.redis.client(), EXPIRED_S)
    outcomes = _outcomes(submitter)
    assert sum(outcomes.values()) == count
    # a run may fail here for one reason only: it was killed, or asked to stop, as often as it may be
    assert outcomes.keys() <= {"SUCCEEDED", ErrorType.WORKER_LOST, ErrorType.HANDBACKS}
    with reading(submitter.engine) as connection:
        # of one request
        assert connection.execute(select(func.count(runs.c.result_hash.distinct()))).scalar() == 1
    _report(database_url, count, took_s, outcomes, trouble)


def _outcomes(submitter: Submitter) -> dict[str, int]:
    """Number of runs that succeeded, and that failed for each reason."""
    with reading(submitter.engine) as connection:
        reasons = connection.execute(select(runs.c.error_type)).scalars().all()
    return dict(Counter(reason or "SUCCEEDED" for reason in reasons))


def _report(
    database_url: str, count: int, took_s: float, outcomes: dict[str, int], trouble: Trouble
) -> None:
    if path := os.environ.get("FAULT_SOAK"):
        line = {
            "database": database_url.partition(":")[0].partition("+")[0],
            "runs": count,
            "took_s": round(took_s),
            "statuses": outcomes,
            "faults": dict(trouble.faults),
            "ways": dict(trouble.ways()),
            "largest_mb": trouble.largest_mb,
        }
        with Path(path).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
