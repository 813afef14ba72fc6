"""A real MariaDB server of a test process's own, or MySQL; its empty data directory is made once and copied."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.services.ports import free_port
from tests.services.waiting import service_missing, wait_until

USER, PASSWORD, DATABASE = "backtests", "only-for-tests", "backtests"
# where scripts/install_mysql.sh has put MySQL, which is then started in place of MariaDB; or the URL of a server that
# runs already, with a user who may make databases and users there
TEST_MYSQL = os.environ.get("TEST_MYSQL", "")
IS_EXISTING = "://" in TEST_MYSQL
_MYSQL_PATH = [str(Path(TEST_MYSQL, "bin").resolve())] if TEST_MYSQL else []
_OF_MYSQL = ("--mysqlx=OFF", "--secure-file-priv=NULL") if TEST_MYSQL else ()
# small and fast: nothing needs to reach the disk
FAST = (
    # a commit outlives the process, which tests kill, but not the machine
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
    "--loose-innodb-log-file-size=16M",
    "--loose-innodb-redo-log-capacity=64M",  # what MySQL calls it
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--max-connections=400",
    "--skip-name-resolve",
)
# for measurements: a commit is on the disk before it is answered, as in production
DURABLE = (
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=1G",
    "--loose-innodb-log-file-size=512M",
    "--loose-innodb-redo-log-capacity=512M",
    "--skip-log-bin",
    "--max-connections=400",
    "--skip-name-resolve",
)


def _path() -> str:
    return os.pathsep.join([*_MYSQL_PATH, os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])


def _binary(*names: str) -> str:
    for name in names:
        if binary := shutil.which(name, path=_path()):
            return binary
    return service_missing(
        f"MariaDB is not installed ({names[0]} not found); sh scripts/install_test_services.sh"
    )


def _server() -> str:
    return _binary("mysqld") if TEST_MYSQL else _binary("mariadbd", "mysqld")


def _as_user() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def data_template(shared: Path) -> Path:
    """A fresh data directory under `shared`, made by the first test process that asks for it."""
    if IS_EXISTING:
        pytest.skip("this takes a server of its own, and an existing one was named")
    template = shared / "mariadb-template"
    with (shared / "mariadb-template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            _install(shared / "mariadb-template.new")
            (shared / "mariadb-template.new").rename(template)
    return template


def _install(directory: Path) -> None:
    command = [*_installer(), *_as_user(), f"--datadir={directory}"]
    # a server that starts removes every temporary table of its tmpdir
    command += [f"--tmpdir={directory.parent}"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, f"{' '.join(command)}\n{made.stdout}\n{made.stderr}"


def _installer() -> list[str]:
    if TEST_MYSQL:
        return [_server(), "--no-defaults", "--initialize-insecure", *_OF_MYSQL]
    binary = _binary("mariadb-install-db", "mysql_install_db")
    options = [
        "--skip-test-db",
        "--auth-root-authentication-method=normal",
        "--innodb-log-file-size=16M",
    ]
    return [binary, "--no-defaults", *options]


class MariaDBServer:
    """mariadbd on a unix socket and a free port of 127.0.0.1, with one empty database and its user."""

    host, user = "127.0.0.1", USER

    def __init__(self, directory: Path, template: Path, options: tuple[str, ...] = FAST) -> None:
        self._directory = directory
        self._options = options
        self._data = directory / "data"
        self.port = free_port()
        # short: a socket's path has 107 characters
        self._socket = f"/tmp/mariadb-test-{self.port}.sock"
        self._process: subprocess.Popen[bytes] | None = None
        shutil.copytree(template, self._data)
        (directory / ".my.cnf").write_text(f"[client]\nsocket={self._socket}\n")

    def url(self, database: str = DATABASE, port: int | None = None) -> str:
        """The SQLAlchemy URL of a database; `port` when a proxy stands in front."""
        place = f"127.0.0.1:{port}" if port else f"{self.host}:{self.port}"
        return f"mysql+pymysql://{self.user}:{PASSWORD}@{place}/{database}?charset=utf8mb4"

    @property
    def client_environ(self) -> dict[str, str]:
        """The environment in which `mysql` and its like find this server without being told where it is."""
        return {**os.environ, "HOME": str(self._directory), "PATH": _path()}

    def start(self) -> None:
        """Run the server, unless it runs; returns when it answers."""
        if self._process:
            return
        command = [_server(), "--no-defaults", *_OF_MYSQL, *_as_user(), f"--datadir={self._data}"]
        command += [
            f"--socket={self._socket}",
            f"--pid-file={self._directory / 'pid'}",
            f"--port={self.port}",
        ]
        command += [f"--tmpdir={self._directory}"]
        with (self._directory / "mariadb.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--bind-address=127.0.0.1", *self._options],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(self._answers, 90, "mariadbd's answer")
        except AssertionError as error:
            log_tail = (self._directory / "mariadb.log").read_text(errors="replace")[-3000:]
            raise AssertionError(
                f"{error}; exit code {self._process.poll()}; its log:\n{log_tail}"
            ) from None

    def create_database(self, name: str = DATABASE) -> None:
        """Create an empty database with all rights for the tests' user; an existing one is dropped."""
        self.execute(
            f"DROP DATABASE IF EXISTS {name}",
            f"CREATE DATABASE {name} CHARACTER SET utf8mb4",
            f"CREATE USER IF NOT EXISTS '{self.user}'@'%' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT ALL ON {name}.* TO '{self.user}'@'%'",
        )

    def stop(self) -> None:
        """Kill the server at once, as a crash would."""
        self.resume()
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing is answered."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on; nothing happens when it runs."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def execute(self, *statements: str) -> None:
        """Run statements as the server's root."""
        execute(
            pymysql.connect(unix_socket=self._socket, user="root", autocommit=True), statements
        )

    def _answers(self) -> bool:
        assert self._process and self._process.poll() is None, (
            self._directory / "mariadb.log"
        ).read_text()
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                return bool(probe.recv(1))  # the server greets first
        except OSError:
            return False


def execute(connected: "pymysql.Connection[Any]", statements: Iterable[str]) -> None:
    """Run statements and close the connection."""
    with connected as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
