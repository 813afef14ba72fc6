"""A Redis that is lost, away, slow or refuses commands: no run is lost, since the database has them all."""

import signal
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from tests.faults.injection_point import Fault
from tests.faults.recovery import measured
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Program, Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.waiting import wait_until
from tests.services.web_app import run_values, web_app


@pytest.fixture
def client(platform_settings: dict[str, str]) -> Iterator[FlaskClient]:
    with web_app(platform_settings) as app:
        yield app.test_client()


def start_platform(programs: Programs) -> tuple[Program, Program]:
    """A reconciler and a scaler at work."""
    reconciler, scaler = (
        programs.start("consumer.reconciler"),
        programs.start("consumer.local_scaler"),
    )
    reconciler.wait_for_line("reconciler_started")
    scaler.wait_for_line("scaler_started")
    return reconciler, scaler


@pytest.mark.parametrize(
    "count", [8, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_a_flushed_redis_loses_no_waiting_run(
    count: int,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    database_url: str,
) -> None:
    submitter.submit(count)
    start_platform(programs)
    wait_until(lambda: submitter.statuses().get("SUCCEEDED", 0) >= 3, 60)

    with measured(f"FLUSHALL with {count} runs waiting, until the last has ended", database_url):
        redis_server.client().flushall()
        wait_until(submitter.all_ended, max(120, 2 * count))

    assert submitter.statuses() == {"SUCCEEDED": count}
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_submission_without_redis_is_accepted_and_finishes(
    client: FlaskClient,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    database_url: str,
) -> None:
    redis_server.stop()
    programs.start("consumer.reconciler").wait_for_line("queue_unreachable")

    answer = client.post("/run_backtest", json=run_values())
    programs.start("consumer.local_scaler").wait_for_line("scaler_started|unreachable")
    with measured("Redis away at submission, from its return", database_url):
        redis_server.start()
        wait_until(submitter.all_ended, 60)

    assert answer.status_code == 202
    assert submitter.status(answer.get_json()["run_id"]) == "SUCCEEDED"
    check_tables(submitter.engine)


@pytest.mark.parametrize("away_s", [4, pytest.param(30, marks=pytest.mark.slow)])
def test_a_redis_that_is_away_in_the_middle_of_a_batch_comes_back_empty(
    away_s: int,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    database_url: str,
) -> None:
    submitter.submit(6)
    reconciler, scaler = start_platform(programs)
    wait_until(lambda: "SUCCEEDED" in submitter.statuses(), 60)

    redis_server.stop()
    reconciler.wait_for_line(rf"queue_unreachable for_s={away_s}", away_s + 20)
    with measured("Redis restarted empty in the middle of a batch", database_url):
        redis_server.start()
        wait_until(submitter.all_ended, 60)

    assert submitter.statuses() == {"SUCCEEDED": 6}
    assert reconciler.is_running() and scaler.is_running()
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


@pytest.mark.parametrize("slow_s", [6, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_survives_a_redis_that_does_not_answer(
    slow_s: int,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    (run_id,) = submitter.submit()
    programs.start("consumer.reconciler").wait_for_line("lead_taken")
    pause = fault("during the engine", "pause")
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()
    # the child process can be there before its parent has said so, and what was not said has no heartbeat in Redis
    wait_until(lambda: redis_server.client().zcard("rq:wip:backtests"))

    redis_server.pause()
    # a heartbeat every half second, each of which waits for Redis for up to 0.8 s
    consumer.wait_for_line("redis_unreachable", slow_s * 3, times=round(slow_s * 0.6))
    pause.let_go()
    wait_until(submitter.all_ended, 30)
    redis_server.resume()
    # the reconciler sends a message again when it looks between the pop and the claim; this takes it away
    programs.start("consumer.local_scaler")

    row = submitter.row(run_id)
    assert (row["status"], row["attempt"], row["losses"]) == ("SUCCEEDED", 1, 0)
    assert consumer.wait() == 0
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_redis_that_refuses_info_hurts_nothing(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    redis = redis_server.client()
    redis.acl_setuser(
        "worker", enabled=True, nopass=True, keys="*", categories=["+@all"], commands=["-info"]
    )
    (run_id,) = submitter.submit()

    url = redis_server.url.replace("redis://", "redis://worker:any@")
    consumer = programs.start("consumer", REDIS_URL=url)
    exit_code = consumer.wait()
    redis.acl_deluser("worker")

    assert (exit_code, submitter.status(run_id)) == (0, "SUCCEEDED")
    check_queue_is_clean(redis)


def test_a_suspended_queue_is_worked_all_the_same(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    redis_server.client().set("rq:suspended", 1)
    (run_id,) = submitter.submit()

    exit_code = programs.start("consumer").wait()

    assert (exit_code, submitter.status(run_id)) == (0, "SUCCEEDED")


def test_the_pop_s_lost_answer_loses_no_run(
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    (run_id,) = submitter.submit()
    pause = fault("between pop and reading", "pause")
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()
    redis_server.stop()
    pause.let_go()
    assert consumer.wait() == 1

    redis_server.start()
    start_platform(programs)
    wait_until(submitter.all_ended, 60)

    assert submitter.status(run_id) == "SUCCEEDED"
    check_tables(submitter.engine)


def test_programs_may_start_before_redis_and_the_database_answer(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.record()
    redis_server.stop()
    consumer = programs.start("consumer")
    reconciler = programs.start("consumer.reconciler")
    consumer.wait_for_line("redis_unreachable")
    reconciler.wait_for_line("queue_unreachable")

    redis_server.start()
    programs.start("consumer.local_scaler")
    wait_until(submitter.all_ended, 60)

    assert submitter.status(run_id) == "SUCCEEDED"
    consumer.send(signal.SIGTERM)
    assert consumer.wait() == 0


def test_a_queue_that_cannot_be_popped_ends_the_job_and_then_its_runs(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.record()
    redis_server.client().set("rq:queue:backtests", "not a list")

    consumer = programs.start("consumer")
    exit_code = consumer.wait()
    programs.start("consumer.reconciler", PENDING_TIMEOUT_S="0.5")
    wait_until(submitter.all_ended, 20)

    assert exit_code == 1
    assert "redis_unreachable step=pop" in consumer.log and "Traceback" not in consumer.log
    assert submitter.row(run_id)["error_type"] == "system_error"
    check_tables(submitter.engine)
