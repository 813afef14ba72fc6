"""A Job that waits for its message with everything loaded: still one message, one run and one process.

When a message is there already, nothing is loaded beforehand: that is slower than what a Job needs, by a second of CPU.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job

from adapters.queue.scaler_state import IDLE_TOLD_S, tell_idle
from consumer.messages import MessageWorker, redis_may_fail
from consumer.termination import termination

log = logging.getLogger(__name__)

POLL_S = 0.05  # between two looks, each a sixth of a millisecond of the Job's time
RETRY_S = 1.0  # the same while Redis is away
LOOK_S = IDLE_TOLD_S / 2  # between two looks whether its image is still that of the platform


def wait_and_pop(messages: MessageWorker, idle_s: int, is_current: Callable[[], bool]) -> Job | None:
    """`messages.pop()` as soon as something waits; None when nothing came in `idle_s`, or another image is current.

    A signal ends the process with 0 until it takes something, and an outage of Redis is waited through; but RedisError
    when the pop failed, since nobody knows whether it took a message.
    """
    redis, line = messages.queues[0].connection, None
    is_loaded = False
    until, next_look = time.monotonic() + idle_s, 0.0
    while (now := time.monotonic()) < until:
        waits, pause_s = False, RETRY_S
        with redis_may_fail("wait"):
            line = line or redis.connection_pool.get_connection()
            waits, pause_s = _any_waits(line, messages.queues), POLL_S
        if (waits or now >= next_look) and not is_current():
            log.info("image_replaced")
            return None
        if waits:
            job = messages.pop()
            if job or termination.requested:
                with redis_may_fail("wait"):
                    tell_idle(redis, messages.name, False)
                return job
            termination.rest()
        elif now >= next_look:
            with redis_may_fail("wait"):
                tell_idle(redis, messages.name, True)
        next_look = now + LOOK_S if now >= next_look else next_look
        if not (waits or is_loaded):
            from consumer import warm

            warm.rehearse()
            is_loaded = True
            log.info("job_waits for_s=%d", idle_s)
        time.sleep(pause_s)
    log.info("idle_over after_s=%d", idle_s)
    return None


def _any_waits(line: Any, queues: Sequence[Queue]) -> bool:
    """Whether any message waits; asked of the connection itself, at half of what a client's call costs."""
    try:
        line.send_command("EXISTS", *(queue.key for queue in queues))
        return bool(line.read_response())
    except RedisError:
        line.disconnect()  # or the next answer would be that of this question
        raise
