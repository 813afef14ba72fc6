"""A Job that waits for its message with everything loaded: still one message, one run and one process.

When a message is there already, nothing is loaded beforehand: that is slower than what a Job needs, by a second of CPU.
"""

import logging
import select
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ResponseError
from rq import Queue
from rq.job import Job

from adapters.queue.run_queue import IDLE_TOLD_S, tell_idle
from consumer.messages import MessageWorker, redis_may_fail
from consumer.termination import termination

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
            job = messages.pop()
            if job or termination.requested:
                with redis_may_fail("wait"):
                    tell_idle(redis, messages.name, False)
                return job
            termination.rest()
            continue
        with redis_may_fail("wait"):
            tell_idle(redis, messages.name, True)
        if not is_loaded:
            from consumer import warm

            warm.rehearse()
            is_loaded, patience_s = True, LOOK_S
            log.info("job_waits for_s=%d", idle_s)
    log.info("idle_over after_s=%d", idle_s)
    return None


class Lists:
    """The lists of messages, waited for without taking anything: Redis is asked to move a head to where it is.

    It answers at once when there is one, and waiting costs nothing; twenty looks a second take a percent of a core.
    """

    def __init__(self, queues: Sequence[Queue]) -> None:
        self._keys = [queue.key for queue in queues]
        self._redis = queues[0].connection
        # connections on which an answer is awaited, by the key of the list
        self._asked: dict[str, Any] = {}

    def wait(self, seconds: float) -> bool:
        """Whether a message waits, known within `seconds`, of 0 at once; False while Redis is away."""
        with redis_may_fail("wait"):
            try:
                return self._hear(seconds) if seconds else self._is_any()
            except ResponseError:  # it is full, or this user may not
                time.sleep(RETRY_S)
                return self._is_any()
        self._hang_up()
        time.sleep(RETRY_S)
        return False

    def _is_any(self) -> bool:
        return bool(self._redis.exists(*self._keys))

    def _hear(self, seconds: float) -> bool:
        sockets = {self._ask(key, seconds): key for key in self._keys}
        heard, _, _ = select.select(sockets, [], [], seconds + RETRY_S)
        answers = [self._answer(sockets[each]) for each in heard]
        return any(answers)

    def _ask(self, key: str, seconds: float) -> Any:
        """The socket on which the answer about a list will come."""
        if key not in self._asked:
            line: Any = self._redis.connection_pool.get_connection()
            self._asked[key] = line
            # 0 would be for ever
            line.send_command("BLMOVE", key, key, "LEFT", "LEFT", max(seconds, 0.01))
        return self._asked[key]._sock

    def _answer(self, key: str) -> object:
        line = self._asked.pop(key)
        self._redis.connection_pool.release(line)
        return line.read_response()

    def _hang_up(self) -> None:
        for line in self._asked.values():
            line.disconnect()
            self._redis.connection_pool.release(line)
        self._asked = {}
