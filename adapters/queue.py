"""The Redis queue: what a message is, how it is put there, and what waits. Redis can be lost at any moment."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError
from redis.retry import Retry
from rq import Queue
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from adapters.settings import Settings
from contracts.errors import QueueOutOfMemory, QueueUnavailable

# The only function that may run; named, so that the web tier never imports it.
RUN_FUNCTION = "consumer.task.run_backtest"
KEPT_S = 3600  # finished and failed jobs stay visible in Redis for an hour; RQ's own default keeps failures for a year
CHUNK = 500  # messages per round trip; more do not make it faster
REMOVED_AT_ONCE = 1000  # messages per script, for which Redis serves nobody else
_JOB_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-([0-9]{1,6})")
_RQ_VERSION_CACHE = "__rq_redis_server_version"  # where RQ keeps the server's version on a client
# Blanks the named messages in one walk along the list and takes the blanks out in another. A command for each of them
# would walk past all messages before it: minutes for a large batch in the middle of a long queue.
_REMOVE = """
local named, missing, place = {}, #ARGV, 0
for _, id in ipairs(ARGV) do named[id] = true end
local length = redis.call('LLEN', KEYS[1])
while missing > 0 and place < length do
  for _, id in ipairs(redis.call('LRANGE', KEYS[1], place, place + 999)) do
    if named[id] then
      redis.call('LSET', KEYS[1], place, '')
      missing = missing - 1
    end
    place = place + 1
  end
end
if missing < #ARGV then redis.call('LREM', KEYS[1], #ARGV - missing, '') end
"""


@dataclass(frozen=True, slots=True)
class RunMessage:
    """What is pushed: ids for the Job, which reads the request from the database, and words for people."""

    run_id: str
    attempt: int
    request: dict[str, Any]
    at_front: bool

    @property
    def job_id(self) -> str:
        """RQ's id of this message."""
        return job_id_of(self.run_id, self.attempt)


def job_id_of(run_id: str, attempt: int) -> str:
    """RQ's id of the message for one attempt of a run."""
    return f"{run_id}-{attempt}"


def attempt_of(job_id: str) -> tuple[str, int]:
    """The run_id and attempt that an RQ id names; ValueError when it is none of ours."""
    named = _JOB_ID.fullmatch(job_id)
    if not named:
        raise ValueError("its id is not <run_id>-<attempt>")
    return named[1], int(named[2])


def describe(request: dict[str, Any]) -> str:
    """One line for people who look into the queue: `AAPL RSI_14_30_70 2004-01-01..2013-03-01`."""
    rule = request.get("rule_id") or request["rule_type"]
    return f"{request['ticker']} {rule} {request['start_date']}..{request['end_date']}"


def connect_redis(redis_url: str, timeout_s: float = 5.0) -> Redis:
    """A client that never blocks for long and never repeats a command: a repeated pop would take a second message."""
    client = Redis.from_url(
        redis_url, socket_timeout=timeout_s, socket_connect_timeout=min(timeout_s, 2.0), retry=Retry(NoBackoff(), 0)
    )
    # RQ asks INFO for the version and, when the ACL forbids that, pops without its intermediate list; 6.2 is required
    setattr(client, _RQ_VERSION_CACHE, (6, 2, 0))
    return client


def queue_of(settings: Settings, timeout_s: float = 5.0) -> Queue:
    """The platform's one queue; JSON, so that a message is readable and reading it runs nothing."""
    return Queue(
        settings.queue_name, connection=connect_redis(settings.redis_url, timeout_s), serializer=JSONSerializer
    )


def _own_fields(message: RunMessage) -> dict[str, Any]:
    """What makes a message this one: the call for RQ, and the request in words for people."""
    call: tuple[Any, ...] = (RUN_FUNCTION, None, [message.run_id, message.attempt], {})
    return {
        "data": JSONSerializer.dumps(call),  # RQ reads it with and without zlib; without, redis-cli shows it
        "description": describe(message.request),
        "meta": JSONSerializer.dumps(message.request | {"run_id": message.run_id, "attempt": message.attempt}),
    }


@contextmanager
def reachable() -> Iterator[None]:
    """Faults of Redis as QueueUnavailable, a full Redis as QueueOutOfMemory."""
    try:
        yield
    except OutOfMemoryError as error:
        raise QueueOutOfMemory(f"Redis is full: {error}") from error
    except (RedisError, OSError) as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error


class RunQueue:
    """The list of waiting runs; every method raises QueueUnavailable while Redis is away."""

    def __init__(self, settings: Settings) -> None:
        self._queue = queue_of(settings)
        self._redis = self._queue.connection
        self._timeout_s = settings.run_timeout_s

    def enqueue(self, messages: Sequence[RunMessage]) -> None:
        """Push messages: those of people to the front, those of batches to the back."""
        with reachable():
            for start in range(0, len(messages), CHUNK):
                self._push(messages[start : start + CHUNK])

    def _push(self, messages: Sequence[RunMessage]) -> None:
        """One round trip, as RQ's enqueue_many makes it, at a fifth of its cost: RQ writes the first message only."""
        common = self._written_by_rq(messages[0])
        with self._redis.pipeline() as pipeline:
            pipeline.sadd(Queue.redis_queues_keys, self._queue.key)
            for message in messages:
                pipeline.hset(f"rq:job:{message.job_id}", mapping=common | _own_fields(message))
            for message in messages:
                push = pipeline.lpush if message.at_front else pipeline.rpush
                push(self._queue.key, message.job_id)
            pipeline.execute()

    def _written_by_rq(self, message: RunMessage) -> dict[str, Any]:
        """A message as RQ itself stores it; messages of one push differ in `_own_fields` only."""
        job = self._queue.create_job(
            RUN_FUNCTION,
            args=[message.run_id, message.attempt],
            timeout=self._timeout_s,
            result_ttl=KEPT_S,
            failure_ttl=KEPT_S,
            job_id=message.job_id,
            status=JobStatus.QUEUED,
        )
        job.enqueued_at = job.created_at
        return job.to_dict()

    def depth(self) -> int:
        """How many messages wait."""
        with reachable():
            return self._redis.llen(self._queue.key)

    def waiting_ids(self) -> list[str]:
        """RQ ids of all waiting messages, the next one first."""
        with reachable():
            return [as_words(job_id) for job_id in self._redis.lrange(self._queue.key, 0, -1)]

    def position(self, run_id: str, attempt: int) -> int | None:
        """How many messages are popped before this one; None when it does not wait."""
        with reachable():
            return cast("int | None", self._redis.lpos(self._queue.key, job_id_of(run_id, attempt)))

    def remove(self, run_id: str, attempt: int) -> None:
        """Take a message off the queue; nothing happens when it is gone already."""
        with reachable():
            job_id = job_id_of(run_id, attempt)
            self._redis.lrem(self._queue.key, 1, job_id)
            self._redis.delete(f"rq:job:{job_id}")

    def remove_many(self, job_ids: Sequence[str]) -> None:
        """Take messages off the queue, the waiting and the missing alike."""
        with reachable():
            for start in range(0, len(job_ids), REMOVED_AT_ONCE):
                chunk = job_ids[start : start + REMOVED_AT_ONCE]
                self._redis.eval(_REMOVE, 1, self._queue.key, *chunk)
                self._redis.delete(*(f"rq:job:{job_id}" for job_id in chunk))

    def ping(self) -> None:
        """Return when Redis answers."""
        with reachable():
            self._redis.ping()


def as_words(raw: bytes | str) -> str:
    """What Redis answered, as text; bytes that are none become replacement characters."""
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw
