"""The smallest scaler: one consumer process per message, for tests that are not about the real one."""

import time

from tests.services.processes import Program, Programs
from tests.services.runs import Submitter


def work_off(programs: Programs, submitter: Submitter, parallel: int = 4, timeout_s: float = 120.0) -> list[Program]:
    """Start consumers while messages wait, until every run has ended; returns those that it started."""
    started: list[Program] = []
    deadline = time.monotonic() + timeout_s
    while not submitter.all_ended():
        assert time.monotonic() < deadline, f"not all runs ended within {timeout_s:g} s: {submitter.statuses()}"
        room = parallel - sum(program.is_running() for program in started)
        for _ in range(min(room, submitter.queue.depth())):
            started.append(programs.start("consumer"))
        time.sleep(0.1)
    for program in started:
        program.wait()
    return started
