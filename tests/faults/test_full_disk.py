"""SQLite's disk is full."""

import pytest

from tests.faults.injection_point import INJECTION
from tests.services.invariants import check_tables
from tests.services.processes import Programs
from tests.services.runs import Submitter


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Only SQLite's disk is the consumer's own."""
    return sqlite_url


def test_a_result_that_does_not_fit_on_the_disk_fails_the_run(programs: Programs, submitter: Submitter) -> None:
    (run_id,) = submitter.submit()

    consumer = programs.start("consumer", PYTHONPATH=str(INJECTION), FAULT_DISK_FULL="1")

    assert consumer.wait() == 1
    row = submitter.row(run_id)
    assert (row["status"], row["error_type"]) == ("FAILED", "system_error")
    assert "full" in row["error_message"]
    check_tables(submitter.engine)
