"""`make bench` measures real servers, and leaves none behind when it is stopped."""

import contextlib
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.services.mariadb_server import MariaDBServer
from tests.services.processes import Programs
from tests.services.redis_server import redis_binary
from tests.services.waiting import wait_until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
SERVERS = ("--datadir=", Path(redis_binary()).name)


@pytest.fixture
def platform_settings() -> dict[str, str]:
    """Nothing: a benchmark brings its own servers."""
    return {}


def running(programs: Programs) -> str:
    """The command lines of the processes that were started, descendants included."""
    lines = []
    for process in programs.survivors():
        with contextlib.suppress(psutil.NoSuchProcess):
            lines += process.cmdline()
    return " ".join(lines)


def test_a_stopped_benchmark_leaves_no_server_behind(
    programs: Programs, mariadb_process: MariaDBServer
) -> None:
    written = PAGE.read_bytes()
    bench = programs.run([sys.executable, "-m", "tests.bench.run", "--subject", "job"])
    wait_until(lambda: all(server in running(programs) for server in SERVERS), 60, "the servers")

    bench.send(signal.SIGTERM)

    assert bench.wait(30) == 128 + signal.SIGTERM
    assert running(programs) == ""
    assert PAGE.read_bytes() == written
