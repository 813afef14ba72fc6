"""The backup of k8s/mysql-backup.yaml and the binary log of k8s/mysql.yaml bring a lost server back to a second."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select
from sqlalchemy.engine import Engine, make_url

from adapters.database import connect_database, reading
from adapters.maintenance.retention import prune_runs
from adapters.runs.states import save_charts
from adapters.schema import create_schema
from adapters.tables import metadata, runs
from tests.manifests.checks.documents import read_platform
from tests.manifests.mysql_users import make_users
from tests.manifests.pods import ROOT
from tests.services.fixtures import settings_of
from tests.services.mariadb_server import (
    DATABASE,
    FAST,
    PASSWORD,
    TEST_MYSQL,
    MariaDBServer,
    data_template,
)
from tests.services.new_table import notes_of_runs
from tests.services.prices import restore_seed
from tests.services.runs import Submitter
from tests.services.studies import run_all
from tests.services.waiting import wait_until

AS_PICTURES_ARE = bytes(range(256))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """The one that backups and binary log share."""
    path = tmp_path / "backups"
    path.mkdir()
    return path


@pytest.fixture
def notes() -> Iterator[Table]:
    with notes_of_runs() as table:
        yield table


@contextmanager
def mysql(directory: Path, template: Path, volume: Path) -> Iterator[MariaDBServer]:
    """A fresh server with the options and users of the manifests; options that MariaDB does not have are skipped."""
    args = read_platform(ROOT).workload("mysql").container["args"]
    logged = [
        arg.replace("/backups", str(volume)).replace("--", "--loose-")
        for arg in args
        if "log" in arg
    ]
    directory.mkdir()
    options = (
        *(each for each in FAST if each != "--skip-log-bin"),
        "--binlog-format=ROW",
        *logged,
    )
    server = MariaDBServer(directory, template, options)
    server.start()
    try:
        make_users(server, DATABASE, PASSWORD)
        yield server
    finally:
        server.stop()


def engine_of(server: MariaDBServer) -> Engine:
    return connect_database(
        make_url(server.url()).set(username="schema").render_as_string(hide_password=False)
    )


class Writer(threading.Thread):
    """Submits runs, works on them and deletes old ones, until it is told to stop."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self.run_ids: list[str] = []
        self._platform = Submitter(
            settings_of(engine.url.render_as_string(hide_password=False), "redis://127.0.0.1")
        )
        self._stopped = threading.Event()

    def run(self) -> None:
        """Write."""
        while not self._stopped.is_set():
            self.write()

    def write(self) -> str:
        """One run from its submission to its charts."""
        engine = self._platform.engine
        (run_id,) = self._platform.record(
            label=None, params={"period": 5 + len(self.run_ids) % 90}
        )
        run_all(engine)
        with engine.begin() as connection:
            save_charts(connection, run_id, {"equity_curve": AS_PICTURES_ARE})
        list(prune_runs(engine, replace(self._platform.settings, keep_runs_count=4)))
        self.run_ids.append(run_id)
        return run_id

    def wait_for(self, more: int) -> None:
        """Until it has written so many more runs."""
        goal = len(self.run_ids) + more
        wait_until(lambda: len(self.run_ids) >= goal, 60, "the writer's runs")

    def stop(self) -> None:
        """Return once its last run is written."""
        self._stopped.set()
        self.join()


def back_up(server: MariaDBServer, volume: Path) -> Path:
    """The file that the CronJob's container writes."""
    container = read_platform(ROOT).workload("backup").container
    place = {"DB_HOST": "127.0.0.1", "DB_PORT": str(server.port), "DB_NAME": DATABASE}
    login = {"DB_USER": container["env"][0]["value"], "DB_PASSWORD": PASSWORD}
    environ = (
        server.client_environ
        if TEST_MYSQL
        else with_mysqldump(server.client_environ, volume.parent)
    )
    dump = subprocess.run(
        container["command"],
        cwd=volume,
        env=environ | place | login,
        stderr=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert dump.stderr == ""
    return sorted(volume.glob("backtests-*.sql.gz"))[-1]


def with_mysqldump(environ: dict[str, str], directory: Path) -> dict[str, str]:
    """An environment in which MariaDB's dump takes two options, one of which it has another name for."""
    tool = directory / "mysqldump"
    translation = 'known=("${@/--source-data/--master-data}")'
    run = 'exec mariadb-dump "${known[@]/--set-gtid-purged=OFF/--quick}"'
    tool.write_text(f"#!/bin/bash\n{translation}\n{run}\n", encoding="utf-8")
    tool.chmod(0o755)
    return environ | {"PATH": f"{directory}:{environ['PATH']}"}


def restore(server: MariaDBServer, backup: Path, time: str) -> None:
    """Restore a backup as docs/operations.md says."""
    options = ["--host=127.0.0.1", f"--port={server.port}", "--user=backup"]
    script = ["sh", "scripts/restore_to.sh", str(backup), time, *options]
    environ = server.client_environ
    with subprocess.Popen(
        script, cwd=ROOT, env=environ | {"MYSQL_PWD": PASSWORD}, stdout=subprocess.PIPE
    ) as printed:
        subprocess.run(
            ["mysql", "--user=root", DATABASE], env=environ, stdin=printed.stdout, check=True
        )
    assert printed.returncode == 0


def rows(engine: Engine) -> dict[str, list[Any]]:
    """Everything in the database."""
    with reading(engine) as connection:
        return {
            table.name: connection.execute(select(table).order_by(*table.primary_key)).all()
            for table in metadata.sorted_tables
        }


def next_second(engine: Engine) -> datetime:
    """The first whole second (UTC) that begins after this call, once it has begun."""
    with engine.connect() as connection:
        called: datetime = connection.execute(select(func.utc_timestamp())).scalar_one()
    wait_until(lambda: later(engine, called), 5, "the next second")
    return called + timedelta(seconds=1)


def later(engine: Engine, than: datetime) -> bool:
    with engine.connect() as connection:
        return bool(connection.execute(select(func.utc_timestamp() > than)).scalar_one())


@pytest.mark.timeout(300)
def test_a_lost_database_comes_back_as_it_was_at_any_second_after_a_backup(
    tmp_path: Path, shared_directory: Path, volume: Path, notes: Table
) -> None:
    template = data_template(shared_directory)
    with mysql(tmp_path / "lost", template, volume) as server:
        engine = engine_of(server)
        create_schema(engine)
        restore_seed(engine)
        with engine.begin() as connection:
            connection.execute(insert(notes).values(run_id="of no run", note="kept"))
        writer = Writer(engine)
        writer.start()
        writer.wait_for(6)
        backup = back_up(server, volume)
        writer.wait_for(6)
        writer.stop()
        as_it_was, moment = rows(engine), next_second(engine)
        too_late = writer.write()
    shutil.rmtree(tmp_path / "lost" / "data")

    with mysql(tmp_path / "new", template, volume) as server:
        restore(server, backup, str(moment))
        restored = rows(engine_of(server))
        restore(server, backup, "")
        with reading(engine_of(server)) as connection:
            everything = connection.execute(select(runs.c.run_id)).scalars().all()

    assert restored == as_it_was
    assert restored[notes.name] == [("of no run", "kept")]
    assert {row.run_id for row in restored["backtest_results"] if row.result_hash} == set(
        writer.run_ids[-5:-1]
    )
    assert writer.run_ids[-2].encode() not in gzip.decompress(backup.read_bytes())
    assert too_late in everything


def test_four_backups_leave_the_latest_three(
    tmp_path: Path, shared_directory: Path, volume: Path
) -> None:
    older = [volume / f"backtests-2026-11-{day}T021700Z.sql.gz" for day in (18, 19, 20)]
    for each in (*older, volume / "backtests-2026-11-20T021700Z.sql.gz.part"):
        each.touch()

    with mysql(tmp_path / "server", data_template(shared_directory), volume) as server:
        made = back_up(server, volume)

    assert sorted(volume.glob("backtests-*")) == [*older[1:], made]


def test_a_backup_that_fails_is_none_and_deletes_none(
    tmp_path: Path, shared_directory: Path, volume: Path
) -> None:
    with mysql(tmp_path / "server", data_template(shared_directory), volume) as server:
        made = back_up(server, volume)
        server.execute("DROP USER backup")

        with pytest.raises(subprocess.CalledProcessError):
            back_up(server, volume)

    assert [each for each in volume.glob("backtests-*") if each.suffix == ".gz"] == [made]
