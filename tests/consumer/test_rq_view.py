"""A Job's process in RQ's own classes and `rq info`: its worker, its message, and the message's outcome."""

import sys
from pathlib import Path

import pytest
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from adapters.queue.messages import KEPT_S
from adapters.queue.run_queue import connect_redis
from tests.faults.injection_point import Fault
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.waiting import wait_until


@pytest.fixture
def queue(redis_server: RedisServer) -> Queue:
    return Queue(
        "backtests", connection=connect_redis(redis_server.url), serializer=JSONSerializer
    )


def fetch(queue: Queue, run_id: str) -> Job:
    return Job.fetch(f"{run_id}-1", connection=queue.connection, serializer=JSONSerializer)


def test_a_running_message_is_shown_with_its_worker(
    programs: Programs,
    submitter: Submitter,
    queue: Queue,
    redis_server: RedisServer,
    tmp_path: Path,
) -> None:
    (run_id,) = submitter.submit()
    pause = Fault(tmp_path, "during the engine", "pause")
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()
    wait_until(lambda: Worker.all(queue=queue) and queue.started_job_registry.count, 10)

    (worker,) = Worker.all(queue=queue)
    job = fetch(queue, run_id)
    (execution,) = job.get_executions()
    rq_info = programs.run(
        [str(Path(sys.executable).with_name("rq")), "info", "--url", redis_server.url, "--raw"]
    )

    assert (worker.get_state(), worker.get_current_job_id(), worker.pid) == (
        "busy",
        job.id,
        consumer.pid,
    )
    assert worker.queue_names() == ["backtests", "backtests-bulk"]
    assert (job.get_status(), job.worker_name, execution.worker_name) == (
        "started",
        worker.name,
        worker.name,
    )
    assert queue.started_job_registry.get_job_ids() == [job.id]
    assert rq_info.wait() == 0 and f"worker {worker.name} " in rq_info.log
    wait_until(
        lambda: job.get_executions()[0].last_heartbeat > execution.last_heartbeat,
        10,
        "a heartbeat",
    )
    pause.let_go()
    assert consumer.wait() == 0


def test_what_a_worker_works_on_is_shown_for_as_long_as_its_heart_beats(
    programs: Programs, submitter: Submitter, queue: Queue, tmp_path: Path
) -> None:
    (run_id,) = submitter.submit()
    pause = Fault(tmp_path, "during the engine", "pause")
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()
    (worker,) = wait_until(lambda: Worker.all(queue=queue), 10)

    queue.connection.expire(worker.executions_key, 3600)
    wait_until(lambda: queue.connection.ttl(worker.executions_key) < 600, 10, "a heartbeat")

    assert worker.get_current_job_id() == f"{run_id}-1"
    pause.let_go()
    assert consumer.wait() == 0


def test_a_worker_comes_back_into_an_emptied_redis(
    programs: Programs,
    submitter: Submitter,
    queue: Queue,
    redis_server: RedisServer,
    tmp_path: Path,
) -> None:
    submitter.submit()
    pause = Fault(tmp_path, "during the engine", "pause")
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()
    wait_until(lambda: Worker.all(queue=queue), 10)

    redis_server.client().flushall()

    wait_until(
        lambda: [each.pid for each in Worker.all(queue=queue)] == [consumer.pid], 10, "the worker"
    )
    pause.let_go()
    assert consumer.wait() == 0


@pytest.mark.parametrize(
    ("ticker", "status", "registry"),
    [("AAPL", "finished", "finished_job_registry"), ("NONE", "failed", "failed_job_registry")],
)
def test_an_ended_message_is_kept_for_an_hour_with_its_outcome(
    ticker: str,
    status: str,
    registry: str,
    programs: Programs,
    submitter: Submitter,
    queue: Queue,
) -> None:
    (run_id,) = submitter.submit(ticker=ticker)

    programs.start("consumer").wait()

    job = fetch(queue, run_id)
    result = job.latest_result()
    assert job.get_status() == status and job.ended_at and job.started_at
    assert getattr(queue, registry).get_job_ids() == [job.id]
    assert 0 < queue.connection.ttl(job.key) <= KEPT_S
    assert result is not None and 0 < queue.connection.ttl(f"rq:results:{job.id}") <= KEPT_S
    assert (result.exc_string or "") == (
        "" if status == "finished" else "failed; the database has the reason"
    )
    assert Worker.all(queue=queue) == []
    assert queue.started_job_registry.count == 0
