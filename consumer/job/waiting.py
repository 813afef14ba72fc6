"""A Job that waits for its message with everything loaded: still one message, one run and one process.

Where a message is there already, nothing is preloaded, since that costs a second of CPU more than the Job needs.
"""

import logging
import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError, ResponseError
from rq import Queue
from rq.job import Job

from adapters.queue.run_queue import IDLE_EXPIRY_S, mark_idle
from consumer.job.messages import MessageWorker, redis_may_fail

log = logging.getLogger(__name__)

# pause while Redis is away, full, or does not let this user block on a list
RETRY_S = 1.0
IMAGE_CHECK_S = IDLE_EXPIRY_S // 2  # between two comparisons of its image with the platform's


def wait_and_pop(
    messages: MessageWorker, idle_s: int, is_current: Callable[[], bool]
) -> Job | None:
    """Call `messages.pop()` once a message waits; None after `idle_s` without one, or when another image is current.

    Until it pops, a signal ends the process with 0. An outage of Redis is waited out, but RedisError is raised when the
    pop itself failed, since nobody knows whether it took a message.
    """
    redis, lists = messages.queues[0].connection, QueueLists(messages.queues)
    until, timeout_s, is_loaded = time.monotonic() + idle_s, 0.0, False
    while (now := time.monotonic()) < until:
        has_message = lists.wait(min(timeout_s, until - now))
        if not is_current():
            log.info("image_replaced")
            return None
        if has_message:
            if job := messages.pop():
                with redis_may_fail("wait"):
                    mark_idle(redis, messages.name, False)
                return job
            continue
        with redis_may_fail("wait"):
            mark_idle(redis, messages.name, True)
        if not is_loaded:
            from consumer.job import preload

            preload.load_lazy_parts()
            is_loaded, timeout_s = True, IMAGE_CHECK_S
            log.info("job_waiting for_s=%d", idle_s)
    log.info("job_idled_out after_s=%d", idle_s)
    return None


class QueueLists:
    """Wait for a message in any of the lists without taking one: a BLMOVE of a list's head to where it is.

    Redis answers as soon as there is a message, and waiting costs nothing; polling twenty times a second would take a
    percent of a core.
    """

    def __init__(self, queues: Sequence[Queue]) -> None:
        self._redis = queues[0].connection
        pool = self._redis.connection_pool
        # by the key of each list, the connection on which its answer comes
        self._connections: dict[str, Any] = {
            queue.key: pool.make_connection() for queue in queues
        }
        self._pending = set[str]()  # keys whose answer is still to come

    def wait(self, timeout_s: float) -> bool:
        """Return True once a message waits; False after `timeout_s`, where 0 looks once, and while Redis is away."""
        with redis_may_fail("wait"), suppress(ResponseError):  # it is full, or this user may not
            return self._block(timeout_s) if timeout_s else self._has_message()
        for connection in self._connections.values():
            connection.disconnect()
        self._pending.clear()
        time.sleep(RETRY_S)
        with suppress(RedisError):
            return self._has_message()
        return False

    def _has_message(self) -> bool:
        return bool(self._redis.exists(*self._connections))

    def _block(self, timeout_s: float) -> bool:
        for key in self._connections.keys() - self._pending:
            block_s = max(timeout_s, 0.01)  # 0 would be forever
            self._connections[key].send_command("BLMOVE", key, key, "LEFT", "LEFT", block_s)
            self._pending.add(key)
        sockets = {connection._sock: key for key, connection in self._connections.items()}
        readable, _, _ = select.select(sockets, [], [], timeout_s + RETRY_S)
        keys = {sockets[each] for each in readable}
        self._pending -= keys
        answers = [self._connections[key].read_response() for key in keys]
        return any(answers)
