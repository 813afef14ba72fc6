"""The queue: readable messages in the right order, and a clear word while Redis is away."""

import random

import pytest

from adapters.queue.messages import Attempt, RunMessage, attempt_of
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


def message(attempt: int = 1, is_bulk: bool = False) -> RunMessage:
    return RunMessage(RUN_ID, attempt, new_request().to_json(), is_bulk)


def test_people_are_served_before_batches_and_each_in_order(queue: RunQueue) -> None:
    for number, is_bulk in enumerate((False, True, False, True, False), start=1):
        queue.enqueue([message(number, is_bulk)])

    assert queue.waiting_ids() == [Attempt(RUN_ID, attempt).job_id for attempt in (1, 3, 5, 2, 4)]
    assert [queue.position(RUN_ID, attempt) for attempt in (1, 3, 5, 2, 4, 6)] == [
        0,
        1,
        2,
        3,
        4,
        None,
    ]
    assert queue.depths() == {"backtests": 3, "backtests-bulk": 2}
    assert queue.depth() == 5


def test_a_person_s_position_never_rises(queue: RunQueue, redis_server: RedisServer) -> None:
    chance, redis, places = random.Random(5), redis_server.client(), dict[int, int]()
    for number in range(1, 301):
        match chance.choice(["person", "batch", "pop", "cancel"]):
            case "person":
                queue.enqueue([message(number)])
                places[number] = len(places)
            case "batch":
                queue.enqueue([message(number, is_bulk=True)])
            case "pop":
                redis.lpop("rq:queue:backtests")
            case "cancel" if places:
                queue.remove([Attempt(RUN_ID, chance.choice(list(places))).job_id])

        now = {attempt: queue.position(RUN_ID, attempt) for attempt in places}
        assert all(place is None or place <= places[attempt] for attempt, place in now.items()), (
            f"step {number}: {now}"
        )
        places = {attempt: place for attempt, place in now.items() if place is not None}


def test_a_message_says_in_words_what_it_is(queue: RunQueue, redis_server: RedisServer) -> None:
    queue.enqueue([message()])

    body = redis_server.client().hgetall(f"rq:job:{RUN_ID}-1")

    assert body["description"] == "AAPL RSI_14_30_70 2000-03-01..2013-03-01"
    assert RUN_ID in body["data"]


@pytest.mark.parametrize("is_bulk", [False, True])
def test_a_removed_message_leaves_nothing(
    is_bulk: bool, queue: RunQueue, redis_server: RedisServer
) -> None:
    queue.enqueue([message(is_bulk=is_bulk)])

    queue.remove([Attempt(RUN_ID, 1).job_id])
    queue.remove([Attempt(RUN_ID, 1).job_id])

    assert queue.depth() == 0
    assert not redis_server.client().exists(f"rq:job:{RUN_ID}-1")


def test_many_messages_are_removed_from_among_others(
    queue: RunQueue, redis_server: RedisServer
) -> None:
    queue.enqueue([message(attempt, is_bulk=attempt > 1500) for attempt in range(1, 5001)])
    # every other one, across the chunks of a removal, and one that does not wait
    removed = [*range(2, 5001, 2), 6000]

    queue.remove([Attempt(RUN_ID, attempt).job_id for attempt in removed])

    assert queue.waiting_ids() == [
        Attempt(RUN_ID, attempt).job_id for attempt in range(1, 5001, 2)
    ]
    bodies = set(redis_server.client().scan_iter("rq:job:*", count=1000))
    assert bodies == {
        f"rq:job:{Attempt(RUN_ID, attempt).job_id}" for attempt in range(1, 5001, 2)
    }


def test_a_redis_that_is_away_is_reported(redis_server: RedisServer) -> None:
    queue = RunQueue(load_settings({"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}))

    for ask in (queue.depth, queue.waiting_ids, lambda: queue.enqueue([message()])):
        with pytest.raises(QueueUnavailable, match="Redis does not answer"):
            ask()


@pytest.mark.parametrize(
    "job_id", ["", RUN_ID, f"{RUN_ID}-", f"{RUN_ID}-x", f"{RUN_ID}-1\n", f"{RUN_ID}-²", "-1"]
)
def test_an_id_that_is_none_of_ours_is_refused(job_id: str) -> None:
    with pytest.raises(ValueError, match="<run_id>-<attempt>"):
        attempt_of(job_id)


def test_ids_come_back() -> None:
    assert attempt_of(Attempt(RUN_ID, 12).job_id) == Attempt(RUN_ID, 12)
