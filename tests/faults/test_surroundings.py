"""Faults around a process: the reader of its log, its ready file's folder, no process left on the machine."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.injection_point import Fault
from tests.services.invariants import check_tables
from tests.services.processes import Programs
from tests.services.runs import Submitter
from tests.services.waiting import wait_until


def test_a_ready_file_that_cannot_be_written_costs_no_run(
    programs: Programs, submitter: Submitter, tmp_path: Path
) -> None:
    (run_id,) = submitter.submit()

    consumer = programs.start("consumer", READY_FILE=str(tmp_path / "swept away" / "ready"))

    assert consumer.wait() == 0
    assert submitter.status(run_id) == "SUCCEEDED"


@pytest.mark.parametrize("streams", ["2>&1 | :", ">&- 2>&-"], ids=["no reader", "closed"])
def test_a_log_that_nobody_takes_changes_no_outcome(
    streams: str, programs: Programs, submitter: Submitter
) -> None:
    (run_id,) = submitter.submit()

    consumer = programs.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m consumer {streams}"]
    )

    assert consumer.wait() == 0
    assert submitter.status(run_id) == "SUCCEEDED"
    check_tables(submitter.engine)


def test_a_scaler_that_may_start_no_process_tries_again(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    (run_id,) = submitter.submit()
    # the first may be a template
    refusal = fault("at a process's start", "find_no_process", times=2)

    scaler = programs.start("consumer.local_scaler", **refusal.environ)

    wait_until(submitter.all_ended, 30)
    scaler.wait_for_line("job_start_failed")
    assert submitter.status(run_id) == "SUCCEEDED"
