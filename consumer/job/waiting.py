"""A Job that waits for its message with everything loaded: still one message, one run and one process.

When a message is there already, nothing is loaded beforehand: that is slower than what a Job needs, by a second of CPU.
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

from adapters.queue.run_queue import IDLE_TOLD_S, tell_idle
from consumer.job.messages import MessageWorker, redis_may_fail

log = logging.getLogger(__name__)

# until the next look while Redis is away, full, or does not let this user wait for a list
RETRY_S = 1.0
LOOK_S = IDLE_TOLD_S // 2  # between two looks whether its image is still that of the platform


def wait_and_pop(
    messages: MessageWorker, idle_s: int, is_current: Callable[[], bool]
) -> Job | None:
    """`messages.pop()` as soon as something waits; None when nothing came in `idle_s`, or another image is current.

    A signal ends the process with 0 until it takes something, and an outage of Redis is waited through; but RedisError
    when the pop failed, since nobody knows whether it took a message.
    """
    redis, lists = messages.queues[0].connection, Lists(messages.queues)
    until, patience_s, is_loaded = time.monotonic() + idle_s, 0.0, False
    while (now := time.monotonic()) < until:
        waits = lists.wait(min(patience_s, until - now))
        if not is_current():
            log.info("image_replaced")
            return None
        if waits:
            if job := messages.pop():
                with redis_may_fail("wait"):
                    tell_idle(redis, messages.name, False)
                return job
            continue
        with redis_may_fail("wait"):
            tell_idle(redis, messages.name, True)
        if not is_loaded:
            from consumer.job import preload

            preload.load_lazy_parts()
            is_loaded, patience_s = True, LOOK_S
            log.info("job_waits for_s=%d", idle_s)
    log.info("idle_over after_s=%d", idle_s)
    return None


class Lists:
    """The lists of messages, waited for without taking anything: Redis is asked to move a head to where it is.

    It answers at once when there is one, and waiting costs nothing; twenty looks a second take a percent of a core.
    """

    def __init__(self, queues: Sequence[Queue]) -> None:
        self._redis = queues[0].connection
        pool = self._redis.connection_pool
        # by the key of each list the connection on which its answer comes
        self._lines: dict[str, Any] = {queue.key: pool.make_connection() for queue in queues}
        self._asked = set[str]()  # whose answer is awaited

    def wait(self, seconds: float) -> bool:
        """Whether a message waits, known within `seconds`, of 0 at once; False while Redis is away."""
        with redis_may_fail("wait"), suppress(ResponseError):  # it is full, or this user may not
            return self._hear(seconds) if seconds else self._is_any()
        for line in self._lines.values():
            line.disconnect()
        self._asked.clear()
        time.sleep(RETRY_S)
        with suppress(RedisError):
            return self._is_any()
        return False

    def _is_any(self) -> bool:
        return bool(self._redis.exists(*self._lines))

    def _hear(self, seconds: float) -> bool:
        for key in self._lines.keys() - self._asked:
            wait_s = max(seconds, 0.01)  # 0 would be forever
            self._lines[key].send_command("BLMOVE", key, key, "LEFT", "LEFT", wait_s)
            self._asked.add(key)
        sockets = {line._sock: key for key, line in self._lines.items()}
        heard, _, _ = select.select(sockets, [], [], seconds + RETRY_S)
        keys = {sockets[each] for each in heard}
        self._asked -= keys
        answers = [self._lines[key].read_response() for key in keys]
        return any(answers)
