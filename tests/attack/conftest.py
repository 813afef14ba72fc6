"""The web tier as `make run` starts it, as the target of anonymous clients."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest

from tests.services.fixtures import programs, settings_of, sqlite_url
from tests.services.hostile import Called, called
from tests.services.ports import free_port
from tests.services.processes import PROJECT_ROOT, Program
from tests.services.redis_server import RedisServer
from tests.services.waiting import wait_until

TOKEN = "a-token-of-16-or-more"
BARS = 150_000
WORKERS = 2


class Target:
    """A web tier under attack: its other calls, its memory, its writes and its log."""

    def __init__(self, port: int, program: Program) -> None:
        self.port, self._program = port, program

    @property
    def log(self) -> str:
        return self._program.log

    def answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                return True
        except OSError:
            return False

    def _processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self._program.pid)
        return [parent, *parent.children(recursive=True)]

    def is_up(self) -> bool:
        """Return whether all of its workers, which have no child processes, run, and one answers."""
        return (
            sum(not process.children() for process in self._processes()) == WORKERS
            and self.answers()
        )

    def cpu_s(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def memory_mb(self) -> float:
        return sum(process.memory_info().rss for process in self._processes()) / 2**20

    def written_mb(self) -> float:
        return sum(process.io_counters().write_chars for process in self._processes()) / 2**20

    def measure_calls(self, attack: str, times: int = 60) -> Called:
        """Make ordinary calls during an attack, and append their figures to the file ATTACK_REPORT."""
        calls = called(self.port, times)
        if path := os.environ.get("ATTACK_REPORT"):
            figures = {
                "calls": times,
                "failed": calls.failed,
                "slowest_s": calls.slowest_s,
                "mb": self.memory_mb(),
            }
            with Path(path).open("a", encoding="utf-8") as file:
                print(json.dumps({"attack": attack, **figures}), file=file)
        return calls

    def large_download(self) -> str:
        """Store a large series of prices and return the path of its CSV, which is generated while it is sent."""
        times = (
            datetime(2010, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * bar) for bar in range(BARS)
        )
        rows = "\n".join(f"{time.isoformat()},100.25,101.5,99.75,100.5,123456" for time in times)
        url = f"http://127.0.0.1:{self.port}/api/prices/LARGE/5m"
        body = f"Time,Open,High,Low,Close,Volume\n{rows}\n".encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/csv"}
        with urlopen(Request(url, body, headers, method="PUT"), timeout=120) as stored:
            return f"/api/prices/LARGE/5m/{json.load(stored)['data_hash']}.csv"


@pytest.fixture(scope="module")
def target(
    redis_process: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    directory, port = tmp_path_factory.mktemp("attacked"), free_port()
    command = (PROJECT_ROOT / "Procfile").read_text().partition("web: ")[2].splitlines()[0]
    settings = settings_of(sqlite_url(directory), redis_process.url)
    settings |= {
        "PORT": str(port),
        "WEB_HOST": "127.0.0.1",
        "API_TOKENS": TOKEN,
        "OPEN_READS": "true",
    }
    settings |= {"WEB_CONCURRENCY": str(WORKERS)}
    for starter in programs(directory, settings):
        program = starter.run(["sh", "-c", command.replace("python", sys.executable)])
        target = Target(port, program)
        wait_until(target.is_up, 30, "web")
        yield target
