"""The smallest scaler: one consumer process per message, for tests that are not about the real one."""

import time

from tests.services.processes import Program, Programs
from tests.services.runs import Submitter
from tests.services.waiting import slowness


def work_off(
    programs: Programs,
    submitter: Submitter,
    parallel: int = 4,
    timeout_s: float = 120.0,
    **settings: str,
) -> list[Program]:
    """Start consumers with `settings` until every run has ended and no message waits; returns those that it started.

    A message may be left over: the reconciler sends one again when it looks between a consumer's pop and its claim.
    """
    started: list[Program] = []
    timeout_s *= slowness()
    deadline = time.monotonic() + timeout_s
    while submitter.queue.depth() or not submitter.all_ended():
        assert time.monotonic() < deadline, (
            f"not all runs ended within {timeout_s:g} s: {submitter.statuses()}"
        )
        free = parallel - sum(program.is_running() for program in started)
        for _ in range(min(free, submitter.queue.depth())):
            started.append(programs.start("consumer", **settings))
        time.sleep(0.1)
    for program in started:
        program.wait()
    return started
