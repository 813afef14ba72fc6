"""A MySQL or MariaDB server of the caller's, used as it is: each test process has databases and a user of its own."""

import os
from typing import Any, NoReturn

import pymysql
import pytest
from sqlalchemy.engine import make_url

from tests.services.mariadb_server import DATABASE, USER, MariaDBServer, execute


class ExistingServer(MariaDBServer):
    """A server that others use too: tests that must stop or change it are skipped."""

    def __init__(self, url: str) -> None:
        root = make_url(url)
        self.host, self.port = root.host or "127.0.0.1", root.port or 3306
        self._login: dict[str, Any] = {"user": root.username, "password": root.password or ""}
        self._suffix = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.user = f"{USER}_{self._suffix}"

    def url(self, database: str = DATABASE, port: int | None = None) -> str:
        """The SQLAlchemy URL of a database of this test process."""
        return super().url(f"{database}_{self._suffix}", port)

    def create_database(self, name: str = DATABASE) -> None:
        """An empty database of this test process."""
        super().create_database(f"{name}_{self._suffix}")

    def execute(self, *statements: str) -> None:
        """Run statements as the user of the caller's URL."""
        if any("GLOBAL" in statement for statement in statements):
            self.stop()
        execute(
            pymysql.connect(host=self.host, port=self.port, autocommit=True, **self._login),
            statements,
        )

    def start(self) -> None:
        """It runs."""

    resume = start

    def stop(self) -> NoReturn:
        """Skip the test."""
        pytest.skip("this takes a server of its own, and an existing one was named")

    pause = stop

    @property
    def client_environ(self) -> NoReturn:
        """Skip the test, which makes users or restores backups."""
        self.stop()
