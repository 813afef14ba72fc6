"""Connections to Redis for every role: short timeouts, and no command is ever repeated."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from adapters.settings import Settings
from contracts.errors import QueueOutOfMemory, QueueUnavailable


def connect_redis(redis_url: str, timeout_s: float = 5.0) -> Redis:
    """Make a client that never blocks for long and never repeats a command: a repeated pop would take a second message.

    It does not introduce itself on connecting (CLIENT SETINFO, HELLO, maintenance notices): Redis 7.0 has no ACL rule
    for the first, and each costs a round trip.
    """
    return Redis.from_url(
        redis_url,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, 2.0),
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
    )


def queues_of(settings: Settings, timeout_s: float = 5.0) -> list[Queue]:
    """Return the queues in the order of `queue_names`; they use JSON, which is readable and runs no code."""
    connection = connect_redis(settings.redis_url, timeout_s)
    return [
        Queue(name, connection=connection, serializer=JSONSerializer)
        for name in settings.queue_names
    ]


@contextmanager
def reachable() -> Iterator[None]:
    """Raise errors of Redis as QueueUnavailable, and those of a full Redis as QueueOutOfMemory."""
    try:
        yield
    except OutOfMemoryError as error:
        raise QueueOutOfMemory(f"Redis is full: {error}") from error
    except (RedisError, OSError) as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error


def as_words(raw: bytes | str) -> str:
    """Decode an answer of Redis; invalid bytes become replacement characters."""
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw
