"""What the fixtures of tests/conftest.py are made of; imported lazily, since not every environment has it all."""

import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import Engine

from adapters.schema import create_schema
from adapters.store.database import connect_database
from adapters.store.tables import metadata
from tests.services.mariadb_server import MariaDBServer, data_template
from tests.services.processes import PROJECT_ROOT, Programs
from tests.services.redis_server import RedisServer


def redis_servers(directory: Path) -> Iterator[RedisServer]:
    """One Redis server, killed at the end."""
    server = RedisServer(directory)
    server.start()
    yield server
    server.stop()


def mariadb_servers(directory: Path, shared: Path) -> Iterator[MariaDBServer]:
    """One MariaDB server with the platform's tables, killed at the end."""
    server = MariaDBServer(directory, data_template(shared))
    server.start()
    try:
        server.create_database()
        create_schema(connect_database(server.url()))
        yield server
    finally:
        server.stop()


def sqlite_url(directory: Path) -> str:
    """A new SQLite database with the platform's tables."""
    url = f"sqlite:///{directory / 'backtests.db'}"
    create_schema(connect_database(url))
    return url


def emptied(url: str) -> str:
    """The same database with no row in any of the platform's tables."""
    engine: Engine = connect_database(url)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    return url


def settings_of(database_url: str, redis_url: str) -> dict[str, str]:
    """Environment of a platform whose faults are noticed within seconds."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(PROJECT_ROOT / "data"),
        "LEASE_S": "3",
        "HEARTBEAT_S": "0.5",
        "RECONCILE_S": "0.5",
        "ENQUEUE_GRACE_S": "2",
        "RUN_TIMEOUT_S": "60",
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
