"""Every line about a run carries its run_id, also each line of a trace."""

import json
import logging
from collections.abc import Iterator
from contextvars import Context

import pytest
from flask.testing import FlaskClient

from adapters.logs import configure_logging, log_context
from adapters.settings import Settings
from tests.services.processes import Programs
from tests.services.runs import Submitter
from tests.services.web_app import run_values

RUN_ID = "0b9f2d57-6d5a-4a59-9d3c-5a1f5f1f2c11"
log = logging.getLogger("test")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite only: the log is the same for both databases."""
    return sqlite_url


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def log_a_fault() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("run_traceback")


def test_each_line_of_a_trace_carries_the_run_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(), role="test")

    with log_context(run_id=RUN_ID):
        log_a_fault()

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 3
    assert all(f"run_id={RUN_ID}" in line for line in lines)


def test_lines_outside_of_a_run_carry_none(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(), role="test")

    def in_a_run_and_after_it() -> None:
        with log_context(run_id=RUN_ID):
            pass
        log.info("queue_empty")

    # another test of this process may have become a run's own process
    Context().run(in_a_run_and_after_it)

    assert "run_id" not in capsys.readouterr().err


def test_a_json_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_format="json"), role="test")

    with log_context(run_id=RUN_ID):
        log_a_fault()

    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["role"], line["message"], line["run_id"]) == (
        "ERROR",
        "test",
        "run_traceback",
        RUN_ID,
    )
    assert "ValueError" in line["trace"]


def test_a_job_s_json_lines_name_its_run_attempt_and_batch(
    programs: Programs, submitter: Submitter
) -> None:
    (run_id,) = submitter.submit(batch_id="b")

    job = programs.start("consumer", LOG_FORMAT="json")

    assert job.wait() == 0
    lines = {line["message"].split()[0]: line for line in map(json.loads, job.log.splitlines())}
    for event in ("run_claimed", "run_succeeded"):  # of the parent, and of the child process
        assert {name: lines[event].get(name) for name in ("run_id", "attempt", "batch_id")} == {
            "run_id": run_id,
            "attempt": "1",
            "batch_id": "b",
        }


def test_a_submission_s_json_line_names_the_run_that_it_made(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(Settings(log_format="json"), role="web")

    accepted = client.post("/run_backtest", json=run_values(batch_id="b")).get_json()

    line = next(
        line
        for line in map(json.loads, capsys.readouterr().err.splitlines())
        if "accepted" in line["message"]
    )
    assert (line["run_id"], line["batch_id"], line["attempt"]) == (accepted["run_id"], "b", "1")


def test_lines_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_level="ERROR"), role="test")

    log.warning("quiet")

    assert capsys.readouterr().err == ""


def test_a_batch_from_outside_writes_no_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(Settings(), role="web")

    with log_context(batch_id="b\n2026-01-01 INFO web forged"):
        log.info("batch_cancelled")

    assert (
        capsys.readouterr()
        .err.splitlines()[0]
        .endswith(" batch_id=b\\x0a2026-01-01 INFO web forged")
    )


def test_a_name_from_outside_writes_no_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(Settings(), role="web")

    logging.getLogger("test").info("path=%s", "/a\n2026-01-01 INFO web forged\r\x1b[2K")

    assert (
        capsys.readouterr()
        .err.splitlines()[0]
        .endswith("path=/a\\x0a2026-01-01 INFO web forged\\x0d\\x1b[2K")
    )
