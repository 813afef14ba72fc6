"""A consumer that is asked to stop: it hands its run back, or finishes it, and says so by its exit code."""

import signal
import sys
import time
from collections.abc import Callable

import pytest

from tests.faults.injection_point import Fault
from tests.faults.points import IN_PARENT
from tests.faults.recovery import measured
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Program, Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.scaler import work_off
from tests.services.waiting import wait_until


@pytest.mark.parametrize(
    "signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "point", [*IN_PARENT, "during the engine", "inside the result's transaction"]
)
def test_a_terminated_consumer_hands_its_run_back_at_once(
    point: str,
    signum: signal.Signals,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
    database_url: str,
) -> None:
    pause = fault(point, "pause")
    (run_id,) = submitter.submit()
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()

    with measured(f"consumer terminated {point}", database_url):
        consumer.send(signum)
        if point in IN_PARENT:  # else the child process is paused, and it must not be quicker
            pause.let_go()
        assert consumer.wait(timeout_s=20) == 0
        pause.let_go()
        work_off(programs, submitter)  # no reconciler: the message must be there already

    row = submitter.row(run_id)
    assert (row["status"], row["losses"], row["handbacks"]) == ("SUCCEEDED", 0, 1)
    assert row["attempt"] == 2
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_consumer_that_waits_for_redis_stops_at_once(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    redis_server.stop()
    consumer = programs.start("consumer")
    consumer.wait_for_line("redis_unreachable")

    consumer.send(signal.SIGTERM)

    assert consumer.wait(timeout_s=5) == 0


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.2])
def test_nothing_is_popped_after_a_signal_during_the_imports(
    delay_s: float, programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    submitter.submit()
    consumer = programs.run([sys.executable, "-m", "consumer"])
    wait_until(lambda: _handles_sigterm(consumer), 10)
    time.sleep(delay_s)  # a moment within the imports; it matters in none of them

    consumer.send(signal.SIGTERM)
    exit_code = consumer.wait(timeout_s=20)

    assert exit_code == 0
    if "run_claimed" not in consumer.log:
        assert submitter.queue.depth() == 1
        assert redis_server.client().llen("rq:queue:backtests:intermediate") == 0
    work_off(programs, submitter)
    check_tables(submitter.engine)


def test_a_run_that_is_interrupted_too_often_fails(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    (run_id,) = submitter.submit()
    for attempt in (1, 2):
        pause = fault("during the engine", "pause")
        consumer = programs.start("consumer", MAX_HANDBACKS="1", **pause.environ)
        pause.wait()
        consumer.send(signal.SIGTERM)
        assert consumer.wait() == (0 if attempt == 1 else 1)

    row = submitter.row(run_id)

    assert (row["status"], row["error_type"]) == ("FAILED", "handed_back_too_often")
    check_tables(submitter.engine)


def _handles_sigterm(program: Program) -> bool:
    """True if the kernel would call a handler of the program instead of ending it."""
    for line in _status_of(program.pid):
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) & 1 << (signal.SIGTERM - 1))
    return False


def _status_of(pid: int) -> list[str]:
    from pathlib import Path

    return Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
