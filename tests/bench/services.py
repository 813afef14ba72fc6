"""A platform of its own for a measurement: durable MariaDB and Redis, gunicorn, and whatever else it starts."""

import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters.database import connect_database
from adapters.schema import create_schema
from tests.services.fixtures import emptied, programs, sqlite_url
from tests.services.mariadb_server import DURABLE, MariaDBServer, data_template
from tests.services.ports import free_port
from tests.services.processes import Programs
from tests.services.redis_server import APPEND_ONLY, RedisServer

START_PATIENCE_S = 30.0


class Platform:
    """A running platform: its address, its Redis, its database's URL, and a starter of more of its programs."""

    def __init__(
        self, base_url: str, redis: RedisServer, database_url: str, starter: Programs
    ) -> None:
        self.base_url = base_url
        self.redis = redis
        self.database_url = database_url
        self.programs = starter

    def call(self, path: str, values: Any = None, method: str | None = None) -> Any:
        """The JSON answer of one request; `values` are posted as JSON."""
        body = None if values is None else json.dumps(values).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.base_url + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)


@contextmanager
def platform(
    web_processes: int, database: str = "mariadb", **settings: str
) -> Iterator[Platform]:
    """A platform with commits on the disk and Redis' append-only file, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        directory = Path(folder)
        redis = RedisServer(directory, APPEND_ONLY)
        with DATABASES[database](directory) as database_url:
            try:
                redis.start()
                yield from _running(directory, redis, database_url, web_processes, settings)
            finally:
                redis.stop()


@contextmanager
def _mariadb(directory: Path) -> Iterator[str]:
    server = MariaDBServer(directory, data_template(directory), DURABLE)
    try:
        server.start()
        server.create_database()
        create_schema(connect_database(server.url()))
        yield emptied(server.url())
    finally:
        server.stop()


@contextmanager
def _sqlite(directory: Path) -> Iterator[str]:
    yield sqlite_url(directory)


DATABASES = {"mariadb": _mariadb, "sqlite": _sqlite}


def _running(
    directory: Path,
    redis: RedisServer,
    database_url: str,
    web_processes: int,
    settings: dict[str, str],
) -> Iterator[Platform]:
    port = free_port()
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis.url, "PORT": str(port)}
    environ |= {"WEB_CONCURRENCY": str(web_processes), "LOG_LEVEL": "WARNING", **settings}
    for starter in programs(directory / "logs", environ):
        web = [
            sys.executable,
            "-m",
            "gunicorn",
            "web:create_app()",
            "--config",
            "web/gunicorn.conf.py",
        ]
        starter.run([*web, "--log-level", "warning"])
        running = Platform(f"http://127.0.0.1:{port}", redis, database_url, starter)
        _wait_for(running)
        yield running


def _wait_for(running: Platform) -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while True:
        try:
            running.call("/ready")
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def row(
    what: str, ours: float, unit: str, reference: float | None = None, **more: Any
) -> dict[str, Any]:
    """One row of docs/benchmarks.md; the ratio is ours over the reference."""
    ratio = None if reference is None else ours / reference
    plain = {
        "what": what,
        "ours": ours,
        "reference": reference,
        "ratio": ratio,
        "budget": None,
        "unit": unit,
    }
    return {**plain, "note": "", **more}


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
