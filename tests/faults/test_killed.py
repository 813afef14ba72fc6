"""A consumer that is killed at any point: the next attempt finishes the run, with one result."""

import signal
from collections.abc import Callable

import pytest

from tests.faults.injection_point import Fault
from tests.faults.recovery import measured
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.waiting import wait_until

POINTS = {
    "between pop and claim": ("consumer.worker:RunWorker.execute_job", "before", 0),
    "after the claim": ("consumer.worker:RunWorker._work", "before", 1),
    "during the engine": ("consumer.task:backtest", "before", 1),
    "between engine and commit": ("consumer.task:_record_success", "before", 1),
    "inside the result's transaction": ("consumer.task:finish", "after", 1),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_consumer_s_run_is_finished_by_the_next(
    point: str,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
    database_url: str,
) -> None:
    at, when, losses = POINTS[point]
    pause = fault(at, "pause", when=when)
    (run_id,) = submitter.submit()
    victim = programs.start("consumer", **pause.environ)
    programs.start("consumer.reconciler").wait_for_line("reconciler_leads")
    pause.wait()
    programs.start("consumer.local_scaler").wait_for_line("started")

    with measured(f"consumer SIGKILLed {point}", database_url):
        victim.send(signal.SIGKILL)
        wait_until(submitter.all_ended, 60)

    row = submitter.row(run_id)
    assert (row["status"], row["losses"]) == ("SUCCEEDED", losses)
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())
