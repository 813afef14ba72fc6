"""RQ's own programs and classes read the queue, and a message is the one that RQ itself would have written."""

import subprocess
import sys
from pathlib import Path

from flask.testing import FlaskClient
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from adapters.queue.messages import KEPT_S, RUN_FUNCTION, describe
from tests.services.redis_server import RedisServer
from tests.services.web_app import run_values

TIMES = {"created_at", "enqueued_at"}


def raw_queue(redis_server: RedisServer, name: str = "backtests") -> Queue:
    from redis import Redis

    return Queue(name, connection=Redis.from_url(redis_server.url), serializer=JSONSerializer)


def test_a_message_is_the_one_that_rq_writes(
    client: FlaskClient, redis_server: RedisServer
) -> None:
    run_id = client.post("/run_backtest", json=run_values()).json["run_id"]
    queue = raw_queue(redis_server)
    ours = queue.fetch_job(f"{run_id}-1")
    fields = redis_server.client().hgetall(f"rq:job:{run_id}-1")

    theirs = queue.enqueue(
        RUN_FUNCTION, args=[run_id, 1], job_timeout=300, result_ttl=KEPT_S, failure_ttl=KEPT_S, meta=ours.meta,
        description=describe(ours.meta), job_id=f"{run_id}-1",
    )  # fmt: skip

    theirs.timeout = ours.timeout  # the platform's own setting
    written, expected = ours.to_dict(), theirs.to_dict()
    assert {name: written[name] for name in written if name not in TIMES} == {
        name: expected[name] for name in expected if name not in TIMES
    }
    assert set(fields) == set(written)


def test_messages_of_one_push_keep_their_own_words(
    client: FlaskClient, redis_server: RedisServer
) -> None:
    listed = [run_values(ticker=ticker, batch_id="b") for ticker in ("AAPL", "IBM")]
    run_ids = client.post("/api/runs/bulk", json=listed).json["run_ids"]

    jobs = [
        raw_queue(redis_server, "backtests-bulk").fetch_job(f"{run_id}-1") for run_id in run_ids
    ]

    assert {job.origin for job in jobs} == {"backtests-bulk"}
    assert [job.args for job in jobs] == [[run_id, 1] for run_id in run_ids]
    assert [job.description for job in jobs] == [
        f"{ticker} RSI_14_30_70 2004-01-01..2006-12-31" for ticker in ("AAPL", "IBM")
    ]
    assert [(job.meta["ticker"], job.meta["run_id"]) for job in jobs] == list(
        zip(("AAPL", "IBM"), run_ids, strict=True)
    )


def test_rqs_classes_list_the_queue(client: FlaskClient, redis_server: RedisServer) -> None:
    run_id = client.post("/run_backtest", json=run_values()).json["run_id"]

    queue = raw_queue(redis_server)

    assert (queue.count, queue.job_ids) == (1, [f"{run_id}-1"])
    assert queue.jobs[0].get_status() == "queued"
    queues = Queue.all(connection=queue.connection, serializer=JSONSerializer)
    assert {each.name for each in queues} == {"backtests", "backtests-bulk"}
    assert Job.fetch(
        f"{run_id}-1", connection=queue.connection, serializer=JSONSerializer
    ).args == [run_id, 1]


def test_rq_info_counts_the_queue(client: FlaskClient, redis_server: RedisServer) -> None:
    client.post("/run_backtest", json=run_values())
    client.post("/api/runs/bulk", json=[run_values(batch_id="b")])

    program = Path(sys.executable).with_name("rq")
    listing = subprocess.run(
        [program, "info", "--url", redis_server.url], capture_output=True, text=True, timeout=60
    )

    assert listing.returncode == 0, listing.stderr
    assert "backtests-bulk" in listing.stdout
    assert "2 queues, 2 jobs total" in listing.stdout
