"""A full Redis under `noeviction`: it accepts no new message, but waiting ones are worked off, which frees memory."""

from collections.abc import Iterator

import pytest

from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.scaler import work_off


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    yield redis_server
    set_memory(redis_server, 0)


def set_memory(redis: RedisServer, limit: int) -> None:
    """Limit the memory of Redis in bytes, 0 for no limit; existing data stays."""
    with redis.client() as client:
        client.config_set("maxmemory", limit)


def test_a_full_redis_is_worked_off_and_gives_up_nobody(
    programs: Programs, submitter: Submitter, redis: RedisServer
) -> None:
    on_queue, not_queued = submitter.submit(4), submitter.record(1)
    set_memory(redis, 1)
    reconciler = programs.start("consumer.reconciler", PENDING_TIMEOUT_S="0.1")

    consumers = [programs.start("consumer") for _ in on_queue[1:]]
    exit_codes = [consumer.wait() for consumer in consumers]

    reconciler.wait_for_line("queue_full")
    assert exit_codes == [0, 0, 0]
    assert submitter.statuses() == {"SUCCEEDED": 3, "PENDING": 2}
    assert len(redis.client().keys("rq:job:*")) == 1, "a message that was worked off takes memory"
    set_memory(redis, 0)
    work_off(programs, submitter)
    assert submitter.status(not_queued[0]) == "SUCCEEDED"
    check_tables(submitter.engine)
    check_queue_is_clean(redis.client())
