"""A full disk under SQLite: nothing is lost, and everything continues once there is room."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.database import reading
from tests.faults.injection_point import Fault
from tests.services.fixtures import sqlite_url as new_database
from tests.services.invariants import check_tables
from tests.services.processes import Programs
from tests.services.runs import Submitter
from tests.services.web_app import run_values, web_app


class SmallDisk:
    """A file system of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._filler = directory / "filler"

    def fill(self) -> None:
        """Leave not one block."""
        with self._filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                return

    def empty(self) -> None:
        """Free the space again."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Mount a small file system, or skip the test where mounting is not permitted."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(directory)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield SmallDisk(directory)
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.fixture
def database_url(disk: SmallDisk) -> str:
    """Only SQLite's disk is the platform's own."""
    return new_database(disk.directory)


@pytest.fixture(autouse=True)
def reader(submitter: Submitter) -> Iterator[None]:
    """Keep a connection open, as in a busy platform, so that SQLite does not delete the files of its log."""
    with reading(submitter.engine):
        yield


def test_a_run_that_cannot_be_claimed_waits_for_room(
    programs: Programs, submitter: Submitter, disk: SmallDisk
) -> None:
    submitter.submit(3)
    disk.fill()

    consumers = [programs.start("consumer") for _ in range(3)]
    for consumer in consumers:
        consumer.wait_for_line("database_unreachable .*full")
    disk.empty()

    assert [consumer.wait() for consumer in consumers] == [0, 0, 0]
    assert submitter.statuses() == {"SUCCEEDED": 3}
    check_tables(submitter.engine)


def test_a_result_waits_for_room(
    programs: Programs, submitter: Submitter, disk: SmallDisk, fault: Callable[..., Fault]
) -> None:
    pause = fault("between engine and commit", "pause")
    (run_id,) = submitter.submit()
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()

    disk.fill()
    pause.let_go()
    consumer.wait_for_line("database_unreachable .*full")
    disk.empty()

    assert consumer.wait() == 0
    assert (submitter.row(run_id)["status"], submitter.row(run_id)["attempt"]) == ("SUCCEEDED", 1)


def test_readiness_fails_while_nothing_can_be_written(
    platform_settings: dict[str, str], disk: SmallDisk
) -> None:
    with web_app(platform_settings) as app:
        client = app.test_client()
        before = client.get("/ready")
        disk.fill()
        full, refused = client.get("/ready"), client.post("/run_backtest", json=run_values())
        disk.empty()
        after = client.get("/ready")

    assert [answer.status_code for answer in (before, full, refused, after)] == [
        200,
        503,
        503,
        200,
    ]
    assert "disk is full" in full.get_json()["database"]


def test_a_long_write_of_somebody_else_is_no_fault(
    platform_settings: dict[str, str], submitter: Submitter
) -> None:
    with web_app(platform_settings) as app, submitter.engine.begin():
        ready = app.test_client().get("/ready")

    assert ready.get_json()["database"] == "ok"
