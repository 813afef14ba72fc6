"""Fixtures for all tests; standard library and pytest only at the top, since the peers environment loads this too."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.services.mariadb_server import MariaDBServer
    from tests.services.processes import Programs
    from tests.services.redis_server import RedisServer
    from tests.services.runs import Submitter
    from tests.services.tcp_proxy import TcpProxy


def pytest_configure() -> None:
    """Take SIGINT back: what a shell starts in the background ignores it, and so would every program started here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# packages of few long tests, with real processes and browsers: run first, so that none of them runs alone at the end
LONG_PACKAGES = {"faults", "browser", "scaler", "manifests", "run", "docs", "studies"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let each test take as many times longer as the machine does; those of the peers bring no consumer to measure."""
    from tests.services.waiting import slowness

    items.sort(key=lambda item: item.path.parent.name not in LONG_PACKAGES)
    for item in items:
        if "shared_directory" in item.fixturenames or "mariadb" in item.name:  # type: ignore[attr-defined]
            item.add_marker("database")
        if not item.get_closest_marker("peers"):
            marker = item.get_closest_marker("timeout")
            limit_s = float(
                marker.args[0]
                if marker
                else config.getoption("timeout") or config.getini("timeout")
            )
            item.add_marker(pytest.mark.timeout(limit_s * slowness()), append=False)


def pytest_collection_finish() -> None:
    """Look for garbage less often, and not in what was imported and collected, which stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of this test run have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """This test process's Redis server; use `redis_server`, which empties it."""
    from tests.services.fixtures import redis_servers

    yield from redis_servers(tmp_path_factory.mktemp("redis"))


@pytest.fixture
def redis_server(redis_process: RedisServer) -> Iterator[RedisServer]:
    """A real, empty Redis server that the test may stop, restart, pause and flush."""
    redis_process.reset()
    yield redis_process
    redis_process.resume()


@pytest.fixture(scope="session")
def mariadb_process(
    tmp_path_factory: pytest.TempPathFactory, shared_directory: Path
) -> Iterator[MariaDBServer]:
    """This test process's MariaDB server; use `mariadb_server` or `mariadb_url`."""
    from tests.services.fixtures import mariadb_servers

    yield from mariadb_servers(tmp_path_factory.mktemp("mariadb"), shared_directory)


@pytest.fixture
def mariadb_server(mariadb_process: MariaDBServer) -> Iterator[MariaDBServer]:
    """A real MariaDB server with the platform's empty tables that the test may stop, restart and pause."""
    from tests.services.fixtures import emptied

    mariadb_process.resume()
    mariadb_process.start()
    emptied(mariadb_process.url())
    yield mariadb_process
    mariadb_process.resume()
    mariadb_process.start()


@pytest.fixture
def mariadb_url(mariadb_server: MariaDBServer) -> str:
    """URL of a MariaDB database with the platform's empty tables."""
    return mariadb_server.url()


@pytest.fixture
def redis_proxy(redis_server: RedisServer) -> Iterator[TcpProxy]:
    """Proxy in front of Redis, whose connections a test can cut or freeze."""
    from tests.services.tcp_proxy import TcpProxy

    with closing(TcpProxy(redis_server.port)) as proxy:
        yield proxy


@pytest.fixture
def mariadb_proxy(mariadb_server: MariaDBServer) -> Iterator[TcpProxy]:
    """Proxy in front of MariaDB, whose connections a test can cut or freeze."""
    from tests.services.tcp_proxy import TcpProxy

    with closing(TcpProxy(mariadb_server.port, mariadb_server.host)) as proxy:
        yield proxy


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a new SQLite database with the platform's empty tables."""
    from tests.services.fixtures import sqlite_url as create

    return create(tmp_path)


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a database with the platform's empty tables: the test runs on SQLite and on MariaDB."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def platform_settings(database_url: str, redis_server: RedisServer) -> dict[str, str]:
    """Environment variables of a platform on real services; short leases, so that faults are noticed quickly."""
    from tests.services.fixtures import settings_of

    return settings_of(database_url, redis_server.url)


@pytest.fixture
def programs(platform_settings: dict[str, str], tmp_path: Path) -> Iterator[Programs]:
    """Starts `python -m …` processes with `platform_settings`; all of them are gone after the test."""
    from tests.services.fixtures import programs as start

    yield from start(tmp_path / "logs", platform_settings)


@pytest.fixture
def submitter(platform_settings: dict[str, str]) -> Submitter:
    """Submits runs into database and queue, and reads back what became of them."""
    from tests.services.runs import Submitter

    return Submitter(platform_settings)


@pytest.fixture
def app(platform_settings: dict[str, str]) -> Iterator[Flask]:
    """The web tier inside the test process, on the test's database and Redis."""
    from tests.services.web_app import web_app

    with web_app(platform_settings) as application:
        yield application


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of `app`, without cookies of others."""
    return app.test_client()
