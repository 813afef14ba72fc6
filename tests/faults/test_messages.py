"""Messages that should never have been sent: ignored or refused, logged, exit code 0; the queue continues."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rq import Callback, Queue, Retry, Webhook
from rq.job import Job
from rq.serializers import JSONSerializer

from adapters.queue.messages import RUN_FUNCTION
from adapters.queue.run_queue import RunQueue, queues_of
from tests.services.invariants import check_queue_is_clean, check_tables, left_in_redis
from tests.services.ports import free_port
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter

UNKNOWN = "0b9f2d57-6d5a-4a59-9d3c-5a1f5f1f2c11"


def garbage(queue: Queue) -> None:
    queue.connection.lpush(queue.key, b"\xff\xfe not an id\n")


def a_body_that_is_gone(queue: Queue) -> None:
    queue.connection.lpush(queue.key, f"{UNKNOWN}-1")


def a_body_that_is_no_json(queue: Queue) -> None:
    queue.connection.hset(
        f"rq:job:{UNKNOWN}-1", mapping={"data": b"\x80\x04pickled", "created_at": "never"}
    )
    queue.connection.lpush(queue.key, f"{UNKNOWN}-1")


def another_function(queue: Queue) -> None:
    queue.enqueue("os.system", "touch /tmp/never", job_id=f"{UNKNOWN}-1", at_front=True)


def other_arguments(queue: Queue) -> None:
    queue.enqueue(RUN_FUNCTION, UNKNOWN, 7, job_id=f"{UNKNOWN}-1", at_front=True)


@pytest.mark.parametrize(
    "put",
    [garbage, a_body_that_is_gone, a_body_that_is_no_json, another_function, other_arguments],
)
def test_a_foreign_message_is_refused_and_the_queue_goes_on(
    put: Callable[[Queue], None],
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
) -> None:
    (run_id,) = submitter.submit()
    put(queues_of(submitter.settings)[0])

    refusing = programs.start("consumer")
    assert refusing.wait() == 0
    assert "message_refused" in refusing.log
    assert submitter.status(run_id) == "SUCCEEDED"
    assert RunQueue(submitter.settings).refused() == {"foreign": 1, "stale": 0}
    assert "endless" not in left_in_redis(redis_server.client())


def test_a_refused_message_is_not_logged_as_the_run_of_the_one_before(
    programs: Programs, redis_server: RedisServer
) -> None:
    redis_server.client().rpush("rq:queue:backtests", f"{UNKNOWN}-1", "nonsense")

    consumer = programs.start("consumer")

    assert consumer.wait() == 0
    assert f"run_id={UNKNOWN}" in consumer.log
    assert "run_id=" not in consumer.log.partition("nonsense")[2]


def test_one_process_refuses_a_flood_of_foreign_messages(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    redis_server.client().rpush(
        "rq:queue:backtests", *(f"nonsense {number}" for number in range(900))
    )
    (run_id,) = submitter.submit()

    assert programs.start("consumer").wait() == 0

    assert submitter.status(run_id) == "SUCCEEDED"
    check_queue_is_clean(redis_server.client())


def test_a_foreign_value_in_place_of_the_intermediate_list_is_deleted(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    redis_server.client().set("rq:queue:backtests:intermediate", "mine")
    (run_id,) = submitter.submit()

    consumer = programs.start("consumer")

    assert consumer.wait() == 0
    assert "intermediate_list_replaced" in consumer.log
    assert submitter.status(run_id) == "SUCCEEDED"


def test_a_message_for_an_unknown_run_is_stale(programs: Programs, submitter: Submitter) -> None:
    submitter.enqueue([UNKNOWN])

    consumer = programs.start("consumer")

    assert consumer.wait() == 0
    assert "message_stale" in consumer.log
    assert submitter.statuses() == {}
    assert RunQueue(submitter.settings).refused() == {"foreign": 0, "stale": 1}


def test_an_old_attempt_s_message_is_stale(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.record()
    submitter.enqueue([run_id], attempt=7)

    consumer = programs.start("consumer")

    assert consumer.wait() == 0
    assert "message_stale" in consumer.log
    assert submitter.status(run_id) == "PENDING"
    assert redis_server.client().llen("rq:queue:backtests:intermediate") == 0


def test_two_processes_with_the_same_message_produce_one_result(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.record()
    submitter.enqueue([run_id])
    redis_server.client().rpush("rq:queue:backtests", f"{run_id}-1")

    both = [programs.start("consumer"), programs.start("consumer")]
    exit_codes = [consumer.wait() for consumer in both]

    assert exit_codes == [0, 0]
    assert sum("run_claimed" in consumer.log for consumer in both) == 1
    assert [event[1:] for event in submitter.events(run_id)] == [
        (None, "PENDING"),
        ("PENDING", "RUNNING"),
        ("RUNNING", "SUCCEEDED"),
    ]
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_callbacks_webhooks_and_retries_of_a_message_are_dropped(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.record(ticker="NONE")
    queue = queues_of(submitter.settings)[0]
    queue.enqueue(
        RUN_FUNCTION,
        run_id,
        1,
        job_id=f"{run_id}-1",
        retry=Retry(max=3),
        on_failure=Callback("os.abort"),
        webhooks=[Webhook(f"http://127.0.0.1:{free_port()}/", "failed")],
    )

    consumer = programs.start("consumer")

    assert consumer.wait() == 1
    assert submitter.row(run_id)["error_type"] == "no_prices"
    assert "webhook" not in consumer.log.lower()
    assert submitter.queue.depth() == 0


def test_an_empty_queue_is_no_failure(programs: Programs) -> None:
    consumer = programs.start("consumer")

    assert consumer.wait() == 0
    assert ("job_idled_out" if programs.way == "waiting" else "queue_empty") in consumer.log


def test_a_failed_run_ends_with_exit_code_1_and_its_reason(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.submit(ticker="NONE")

    consumer = programs.start("consumer")

    assert consumer.wait() == 1
    row = submitter.row(run_id)
    assert (row["status"], row["error_type"]) == ("FAILED", "no_prices")
    assert "NONE" in row["error_message"]
    assert all(
        f"run_id={run_id}" in line
        for line in consumer.log.splitlines()
        if "job_waiting" not in line
    )
    check_queue_is_clean(redis_server.client())


def test_plain_rq_reads_the_queue(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    run_ids = submitter.submit(3)

    queue = Queue(
        "backtests",
        connection=queues_of(submitter.settings)[0].connection,
        serializer=JSONSerializer,
    )
    jobs = queue.get_jobs()
    rq_info = programs.run(
        [str(Path(sys.executable).with_name("rq")), "info", "--url", redis_server.url, "--raw"]
    )

    assert {job.args[0] for job in jobs} == set(run_ids)
    assert {job.description for job in jobs} == {"AAPL RSI_14_30_70 2000-03-01..2013-03-01"}
    assert {job.meta["ticker"] for job in jobs} == {"AAPL"}
    assert rq_info.wait() == 0
    assert "queue backtests 3" in rq_info.log
    for job in jobs:
        Job.fetch(job.id, connection=queue.connection, serializer=JSONSerializer)


@pytest.mark.parametrize("count", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_as_many_processes_as_messages_run_one_each(
    count: int, programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    submitter.submit(count)

    consumers = [programs.start("consumer") for _ in range(count)]
    exit_codes = [consumer.wait(180) for consumer in consumers]

    assert exit_codes == [0] * count
    assert [consumer.log.count("run_claimed") for consumer in consumers] == [1] * count
    assert submitter.statuses() == {"SUCCEEDED": count}
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())
