"""The parts of the fixtures of tests/conftest.py; imported lazily, since not every environment has all of them."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sqlalchemy.engine import Engine

from adapters.database import connect_database
from adapters.schema import create_schema
from adapters.tables import metadata
from tests.services.existing_server import ExistingServer
from tests.services.mariadb_server import IS_EXISTING, TEST_MYSQL, MariaDBServer, data_template
from tests.services.prices import restore_seed
from tests.services.processes import PROJECT_ROOT, Programs
from tests.services.redis_server import RedisServer
from tests.services.waiting import slowness


def redis_servers(directory: Path) -> Iterator[RedisServer]:
    """One Redis server, killed at the end."""
    server = RedisServer(directory)
    server.start()
    yield server
    server.stop()


def mariadb_servers(directory: Path, shared: Path) -> Iterator[MariaDBServer]:
    """One MariaDB server with the platform's tables, killed at the end unless it is the caller's."""
    if IS_EXISTING:
        yield _with_tables(ExistingServer(TEST_MYSQL))
        return
    server = MariaDBServer(directory, data_template(shared))
    server.start()
    try:
        yield _with_tables(server)
    finally:
        server.stop()


def _with_tables(server: MariaDBServer) -> MariaDBServer:
    server.create_database()
    create_schema(connect_database(server.url()))
    return server


def sqlite_url(directory: Path) -> str:
    """A new SQLite database with the platform's tables."""
    shutil.copy(_sqlite_template(), directory / "backtests.db")
    return f"sqlite:///{directory / 'backtests.db'}"


@cache
def _sqlite_template() -> Path:
    """A database with the tables and the shipped prices, made in five seconds and copied for each test."""
    path = Path(tempfile.mkdtemp(prefix="backtest-template-")) / "backtests.db"
    engine = connect_database(f"sqlite:///{path}")
    create_schema(engine)
    restore_seed(engine)
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    return path


def emptied(url: str) -> str:
    """The same database with the shipped prices, and no row in any other of the platform's tables."""
    engine = _engine(url)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if not table.name.startswith("price_"):
                connection.execute(table.delete())
    restore_seed(engine)
    engine.dispose()  # the server may be killed before the next time
    return url


@cache
def _engine(url: str) -> Engine:
    """One instance for all tests, since it caches what it has compiled."""
    return connect_database(url)


def settings_of(database_url: str, redis_url: str) -> dict[str, str]:
    """Environment of a platform whose faults are noticed within seconds.

    A process that merely waits for a slow machine's processor must not be taken for dead.
    """
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(PROJECT_ROOT / "data"),
        "LEASE_S": f"{3 * slowness():g}",
        "HEARTBEAT_S": f"{slowness() / 2:g}",
        "RECONCILE_S": "0.5",
        "ENQUEUE_GRACE_S": "2",
        "RUN_TIMEOUT_S": f"{60 * slowness():.0f}",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
    }


def programs(directory: Path, environ: dict[str, str]) -> Iterator[Programs]:
    """A starter of processes, all of which are gone afterwards."""
    directory.mkdir(parents=True, exist_ok=True)
    starter = Programs(directory, environ)
    try:
        yield starter
    finally:
        starter.reap()
