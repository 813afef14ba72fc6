"""The Job's program: wait for database and queue, pop one message, work on it, and say the outcome as an exit code."""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from uuid import uuid4

from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from adapters.database import connect_database
from adapters.queue.connection import queues_of
from adapters.settings import Settings
from consumer.messages import MessageWorker
from consumer.program import run_program
from consumer.worker import RunWorker

log = logging.getLogger(__name__)

EXIT_OK, EXIT_FAILED = 0, 1
# how long a Job waits for a database or queue that is not there, before anything is popped
PATIENCE_S = 60.0


def main(environ: Mapping[str, str] | None = None) -> int:
    """Work on one message; the exit code is the outcome (see consumer/__main__.py). None: the process's environment."""
    return run_program("consumer", _work, environ)


def _work(settings: Settings) -> int:
    engine = connect_database(settings.database_url)
    queues = queues_of(settings, redis_timeout_s(settings))
    if not (
        _wait_for("database", lambda: engine.connect().close())
        and _wait_for("redis", queues[0].connection.ping)
    ):
        return EXIT_FAILED
    name = f"{socket.gethostname()}.{os.getpid()}.{uuid4().hex[:4]}"
    is_good = RunWorker(MessageWorker(queues, settings, name), engine, settings).work()
    return EXIT_OK if is_good else EXIT_FAILED


def redis_timeout_s(settings: Settings) -> float:
    """How long the parent may wait for Redis: it sits in the same loop that extends the lease."""
    return min(5.0, (settings.lease_s - settings.heartbeat_s) / 3)


def _wait_for(what: str, ping: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            ping()
            return True
        except (OperationalError, RedisError) as error:
            reason = getattr(error, "orig", error)
            if time.monotonic() > deadline:
                log.error(
                    "%s_unreachable gave_up_after_s=%.0f reason=%s", what, PATIENCE_S, reason
                )
                return False
            log.warning("%s_unreachable waiting_s=1 reason=%s", what, reason)
            time.sleep(1.0)
