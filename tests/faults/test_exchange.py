"""Faults while a ticket of the batches' list is exchanged for the message of the next run in fair order."""

from collections.abc import Callable

import pytest

from tests.faults.injection_point import Fault
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Program, Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.scaler import work_off

POINT = "between claim and exchange"


def job_at_the_exchange(programs: Programs, submitter: Submitter, at_exchange: Fault) -> Program:
    """Of two batches one had its turn, so that a ticket of the same stands for a run of the other."""
    for batch_id in "ab":
        submitter.submit(3, batch_id=batch_id)
    assert programs.start("consumer").wait() == 0
    return programs.start("consumer", **at_exchange.environ)


def check_the_rest(programs: Programs, submitter: Submitter, redis_server: RedisServer) -> None:
    programs.start("consumer.reconciler")
    work_off(programs, submitter)

    assert submitter.statuses() == {"SUCCEEDED": 6}
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_job_killed_between_claim_and_exchange_loses_no_run(
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    assert job_at_the_exchange(programs, submitter, fault(POINT, "kill")).wait() == -9

    check_the_rest(programs, submitter, redis_server)


@pytest.mark.parametrize("is_emptied", [False, True])
def test_redis_may_be_away_at_the_exchange(
    is_emptied: bool,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    pause = fault(POINT, "pause")
    job = job_at_the_exchange(programs, submitter, pause)
    pause.wait()
    if is_emptied:
        redis_server.client().flushall()
    else:
        redis_server.stop()

    pause.let_go()
    assert job.wait() == 0
    redis_server.start()

    check_the_rest(programs, submitter, redis_server)
