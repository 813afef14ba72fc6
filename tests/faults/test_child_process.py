"""Faults inside a run: its child process dies, hangs, raises, or takes too much."""

import resource
import signal
import sys
from collections.abc import Callable

import pytest

from consumer.job.task import memory_limit
from tests.faults.injection_point import Fault, limited
from tests.faults.recovery import measured
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.scaler import work_off

ENGINE = "during the engine"


def test_a_dead_child_is_noticed_at_once(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault], database_url: str
) -> None:
    (run_id,) = submitter.submit()
    death = fault(ENGINE, "kill")

    # a lease that would be noticed in an hour at the earliest
    consumer = programs.start("consumer", LEASE_S="3600", HEARTBEAT_S="1800", **death.environ)
    with measured("child process killed alone", database_url):
        exit_code = consumer.wait(timeout_s=20)
        work_off(programs, submitter)

    row = submitter.row(run_id)
    assert exit_code == 1
    assert (row["status"], row["attempt"], row["losses"]) == ("SUCCEEDED", 2, 1)
    check_tables(submitter.engine)


def test_a_run_that_always_dies_fails_and_holds_nobody_up(
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    (poison,) = submitter.submit()
    deadly = fault(ENGINE, "kill", times=99)
    for _ in range(3):
        programs.start("consumer", **deadly.environ).wait()
    others = submitter.submit(3)

    work_off(programs, submitter)

    row = submitter.row(poison)
    assert (row["status"], row["error_type"], row["attempt"]) == ("FAILED", "worker_lost", 3)
    assert [submitter.status(run_id) for run_id in others] == ["SUCCEEDED"] * 3
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


@pytest.mark.parametrize("hang", ["pause", "stick_in_c"])
def test_a_run_over_its_time_limit_fails(
    hang: str,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    (run_id,) = submitter.submit()

    consumer = programs.start("consumer", RUN_TIMEOUT_S="1", **fault(ENGINE, hang).environ)

    assert consumer.wait(timeout_s=30) == 1
    row = submitter.row(run_id)
    assert (row["status"], row["error_type"]) == ("FAILED", "timeout")
    assert "time limit of 1 s" in row["error_message"]
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_child_that_hangs_on_its_result_is_replaced(
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    (run_id,) = submitter.submit()
    hang = fault("between engine and commit", "pause")

    consumer = programs.start(
        "consumer", **hang.environ | limited("seconds for writing a result", 1)
    )

    assert consumer.wait(timeout_s=20) == 1
    work_off(programs, submitter)
    row = submitter.row(run_id)
    assert (row["status"], row["attempt"], row["losses"]) == ("SUCCEEDED", 2, 1)
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_run_that_eats_memory_fails(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    (run_id,) = submitter.submit()

    consumer = programs.start(
        "consumer", RUN_MEMORY_MB="400", **fault(ENGINE, "eat_memory").environ
    )

    assert consumer.wait() == 1
    row = submitter.row(run_id)
    assert (row["status"], row["error_type"]) == ("FAILED", "memory")
    check_tables(submitter.engine)


def test_a_run_goes_without_the_limit_of_memory_that_macos_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    unlimited = resource.getrlimit(resource.RLIMIT_AS)

    with memory_limit(beyond_mb=1):
        assert resource.getrlimit(resource.RLIMIT_AS) == unlimited


def test_an_engine_that_raises_fails_the_run_and_shows_the_trace_in_the_log_only(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    (run_id,) = submitter.submit()

    consumer = programs.start("consumer", **fault("during the engine", "fail").environ)

    assert consumer.wait() == 1
    row = submitter.row(run_id)
    assert (row["status"], row["error_type"], row["attempt"]) == ("FAILED", "engine_error", 1)
    assert "injected fault" not in row["error_message"]
    trace = [line for line in consumer.log.splitlines() if "injected fault" in line]
    assert trace and all(f"run_id={run_id}" in line for line in trace)
    assert "\\x0a" not in consumer.log  # each line of the trace is a line
    check_tables(submitter.engine)


def test_a_result_that_the_database_refuses_fails_the_run(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    (run_id,) = submitter.submit()

    consumer = programs.start(
        "consumer", **fault("at the result's hash", "return_a_dict").environ
    )

    assert consumer.wait() == 1
    row = submitter.row(run_id)
    assert (row["status"], row["error_type"], row["attempt"]) == ("FAILED", "engine_error", 1)
    check_tables(submitter.engine)


def test_a_result_that_is_no_json_fails_the_run(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    (run_id,) = submitter.submit()

    consumer = programs.start(
        "consumer", **fault("at the result's encoding", "refuse_nan").environ
    )

    assert consumer.wait() == 1
    row = submitter.row(run_id)
    assert (row["status"], row["error_type"], row["attempt"]) == ("FAILED", "engine_error", 1)
    check_tables(submitter.engine)


def test_a_dead_parent_takes_its_child_along(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    from tests.services.waiting import wait_until

    submitter.submit()
    pause = fault(ENGINE, "pause")
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()
    (child,) = consumer.children()

    consumer.send(signal.SIGKILL)

    wait_until(lambda: not _is_alive(child), 10)


def _is_alive(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
