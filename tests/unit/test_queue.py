"""The queue: readable messages in the right order, and a clear word while Redis is away."""

import pytest

from adapters.queue.messages import RunMessage, attempt_of, job_id_of
from adapters.queue.run_queue import RunQueue
from adapters.settings import load_settings
from contracts.errors import QueueUnavailable
from tests.services.ports import free_port
from tests.services.redis_server import RedisServer
from tests.services.runs import new_request

RUN_ID = "0b9f2d57-6d5a-4a59-9d3c-5a1f5f1f2c11"


@pytest.fixture
def queue(redis_server: RedisServer) -> RunQueue:
    return RunQueue(load_settings({"REDIS_URL": redis_server.url}))


def message(attempt: int = 1, at_front: bool = False) -> RunMessage:
    return RunMessage(RUN_ID, attempt, new_request().to_json(), at_front)


def test_a_person_s_message_overtakes_batches(queue: RunQueue) -> None:
    queue.enqueue([message(1), message(2)])
    queue.enqueue([message(3, at_front=True)])

    assert queue.waiting_ids() == [job_id_of(RUN_ID, attempt) for attempt in (3, 1, 2)]
    assert [queue.position(RUN_ID, attempt) for attempt in (3, 1, 2, 4)] == [0, 1, 2, None]


def test_a_message_says_in_words_what_it_is(queue: RunQueue, redis_server: RedisServer) -> None:
    queue.enqueue([message()])

    body = redis_server.client().hgetall(f"rq:job:{RUN_ID}-1")

    assert body["description"] == "AAPL RSI_14_30_70 2000-03-01..2013-03-01"
    assert RUN_ID in body["data"]


def test_a_removed_message_leaves_nothing(queue: RunQueue, redis_server: RedisServer) -> None:
    queue.enqueue([message()])

    queue.remove(RUN_ID, 1)
    queue.remove(RUN_ID, 1)

    assert queue.depth() == 0
    assert not redis_server.client().exists(f"rq:job:{RUN_ID}-1")


def test_many_messages_are_removed_from_among_others(queue: RunQueue, redis_server: RedisServer) -> None:
    queue.enqueue([message(attempt) for attempt in range(1, 5001)])
    removed = [*range(2, 5001, 2), 6000]  # every other one, across the chunks of a removal, and one that does not wait

    queue.remove_many([job_id_of(RUN_ID, attempt) for attempt in removed])

    assert queue.waiting_ids() == [job_id_of(RUN_ID, attempt) for attempt in range(1, 5001, 2)]
    bodies = set(redis_server.client().scan_iter("rq:job:*", count=1000))
    assert bodies == {f"rq:job:{job_id_of(RUN_ID, attempt)}" for attempt in range(1, 5001, 2)}


def test_a_redis_that_is_away_is_said_to_be(redis_server: RedisServer) -> None:
    queue = RunQueue(load_settings({"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}))

    for ask in (queue.ping, queue.depth, queue.waiting_ids, lambda: queue.enqueue([message()])):
        with pytest.raises(QueueUnavailable, match="Redis does not answer"):
            ask()


@pytest.mark.parametrize("job_id", ["", RUN_ID, f"{RUN_ID}-", f"{RUN_ID}-x", f"{RUN_ID}-1\n", f"{RUN_ID}-²", "-1"])
def test_an_id_that_is_none_of_ours_is_refused(job_id: str) -> None:
    with pytest.raises(ValueError, match="<run_id>-<attempt>"):
        attempt_of(job_id)


def test_ids_come_back() -> None:
    assert attempt_of(job_id_of(RUN_ID, 12)) == (RUN_ID, 12)
