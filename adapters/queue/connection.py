"""Redis as every role reaches it: quick to give up, and never asked twice for the same thing."""

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
    """A client that never blocks for long and never repeats a command: a repeated pop would take a second message.

    It says nothing of itself when it connects (CLIENT SETINFO, HELLO, maintenance notices): Redis 7.0 knows no ACL rule
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
    """The queues in the order of `queue_names`; JSON, so that a message is readable and reading it runs nothing."""
    connection = connect_redis(settings.redis_url, timeout_s)
    return [
        Queue(name, connection=connection, serializer=JSONSerializer)
        for name in settings.queue_names
    ]


@contextmanager
def reachable() -> Iterator[None]:
    """Faults of Redis as QueueUnavailable, a full Redis as QueueOutOfMemory."""
    try:
        yield
    except OutOfMemoryError as error:
        raise QueueOutOfMemory(f"Redis is full: {error}") from error
    except (RedisError, OSError) as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error


def as_words(raw: bytes | str) -> str:
    """What Redis answered, as text; bytes that are none become replacement characters."""
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw
