"""More than one process believes that it is responsible, or a clock is wrong: exactly one outcome all the same."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.database import committed
from adapters.runs.changes import CANCEL
from contracts.errors import Conflict
from tests.faults.injection_point import INJECTION, Fault
from tests.faults.recovery import measured
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.ports import free_port
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.scaler import work_off
from tests.services.waiting import wait_until


def test_a_zombie_s_write_matches_no_row(
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
    database_url: str,
) -> None:
    pause = fault("between engine and commit", "pause")
    (run_id,) = submitter.submit()
    zombie = programs.start("consumer", **pause.environ)
    programs.start("consumer.reconciler").wait_for_line("lead_taken")
    pause.wait()
    (child,) = zombie.children()
    for pid in (zombie.pid, child):
        os.kill(pid, signal.SIGSTOP)

    programs.start("consumer.local_scaler")
    with measured("consumer paused (SIGSTOP) for longer than its lease", database_url):
        wait_until(submitter.all_ended, 60)
    first_result = submitter.row(run_id)
    pause.let_go()
    for pid in (zombie.pid, child):
        os.kill(pid, signal.SIGCONT)
    exit_code = zombie.wait()

    assert exit_code == 0
    assert (first_result["status"], first_result["attempt"]) == ("SUCCEEDED", 2)
    assert submitter.row(run_id) == first_result
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_two_reconcilers_and_two_scalers_do_no_harm(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    submitter.submit(4)
    submitter.record(4)
    redis_server.client().flushall()

    for _ in range(2):
        programs.start("consumer.reconciler", RECONCILE_S="0.2")
        programs.start("consumer.local_scaler")
    wait_until(submitter.all_ended, 120)

    assert submitter.statuses() == {"SUCCEEDED": 8}
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


@pytest.mark.parametrize("point", ["during the engine", "between engine and commit"])
def test_a_cancelled_run_is_stopped_and_stores_no_result(
    point: str, programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    pause = fault(point, "pause")
    (run_id,) = submitter.submit()
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()

    with submitter.engine.begin() as connection:
        CANCEL.one(connection, run_id)

    assert consumer.wait(timeout_s=20) == 0  # its child stays paused: the heartbeat ends it
    assert submitter.row(run_id)["error_type"] == "cancelled"
    check_tables(submitter.engine)


def test_of_cancel_and_finish_exactly_one_wins(
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    outcomes = []
    for _ in range(4):
        pause = fault("between engine and commit", "pause")
        (run_id,) = submitter.submit()
        consumer = programs.start("consumer", **pause.environ)
        pause.wait()
        pause.let_go()
        outcomes.append(
            (
                _try_to_cancel(submitter, run_id),
                consumer.wait() is not None,
                submitter.row(run_id),
            )
        )

    for cancelled, _, row in outcomes:
        assert (row["error_type"] == "cancelled") == cancelled
        assert (row["status"] == "SUCCEEDED") != cancelled
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def _try_to_cancel(submitter: Submitter, run_id: str) -> bool:
    try:
        # as the web tier does: a deadlock with the finish is tried again
        committed(submitter.engine, lambda connection: CANCEL.one(connection, run_id))
    except Conflict:
        return False
    return True


def test_a_cancel_just_before_the_result_wins(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    pause = fault("between engine and commit", "pause")
    (run_id,) = submitter.submit()
    # no beat comes between
    consumer = programs.start("consumer", LEASE_S="3600", HEARTBEAT_S="1800", **pause.environ)
    pause.wait()

    assert _try_to_cancel(submitter, run_id)
    pause.let_go()

    assert consumer.wait() == 0
    assert "result_dropped" in consumer.log
    assert submitter.row(run_id)["error_type"] == "cancelled"
    check_tables(submitter.engine)


def test_a_cancel_that_meets_the_result_s_open_transaction_waits_for_it_and_loses(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    pause = fault("inside the result's transaction", "pause")  # written, not committed
    (run_id,) = submitter.submit()
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()

    with ThreadPoolExecutor(1) as pool:
        cancelled = pool.submit(_try_to_cancel, submitter, run_id)
        with pytest.raises(TimeoutError):
            cancelled.result(timeout=1)
        pause.let_go()

        assert cancelled.result(timeout=20) is False
    assert consumer.wait() == 0
    assert submitter.status(run_id) == "SUCCEEDED"
    check_tables(submitter.engine)


@pytest.mark.parametrize("off_s", [3600, -3600])
def test_a_clock_that_is_an_hour_off_changes_nothing(
    off_s: int,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    pause = fault("during the engine", "pause")
    (run_id,) = submitter.submit()
    wrong = {"PYTHONPATH": str(INJECTION), "FAULT_CLOCK_S": str(off_s)}
    reconciler = programs.start("consumer.reconciler", **wrong)
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()
    reconciler.wait_for_line("lead_taken")
    waiting = submitter.submit(2)

    wait_until(lambda: _lease_was_extended(submitter, run_id), 20)
    pause.let_go()
    started = work_off(programs, submitter, **wrong)

    assert {each.wait() for each in (consumer, *started)} == {0}
    assert [submitter.row(each)["attempt"] for each in (run_id, *waiting)] == [1, 1, 1]
    assert submitter.statuses() == {"SUCCEEDED": 3}
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def _lease_was_extended(submitter: Submitter, run_id: str) -> bool:
    row = submitter.row(run_id)
    return bool(
        (row["lease_until"] - row["started_at"]).total_seconds() > submitter.settings.lease_s + 2
    )


def test_a_web_process_that_dies_before_enqueueing_loses_no_run(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault], database_url: str
) -> None:
    import sys
    import threading

    import requests

    from tests.services.web_app import run_values

    pause = fault("between a submission's commit and its message", "pause")
    port = free_port()
    web = programs.run(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "web:create_app()",
            "--bind",
            f"127.0.0.1:{port}",
            "--threads",
            "2",
        ],
        **pause.environ,
    )
    web.wait_for_line("Listening at")
    programs.start("consumer.reconciler").wait_for_line("lead_taken")
    programs.start("consumer.local_scaler").wait_for_line("scaler_started")

    def submit() -> None:
        try:
            requests.post(f"http://127.0.0.1:{port}/run_backtest", json=run_values(), timeout=30)
        except requests.ConnectionError:
            return  # it died before it answered

    client = threading.Thread(target=submit)
    client.start()
    pause.wait()
    with measured("web killed between INSERT and enqueue", database_url):
        for pid in (*web.children(), web.pid):
            os.kill(pid, signal.SIGKILL)
        client.join()
        wait_until(submitter.all_ended, 60)

    assert submitter.statuses() == {"SUCCEEDED": 1}
    check_tables(submitter.engine)
