"""The two lists of waiting messages, each first in, first out: enqueue, inspect, remove, and clean up after dead Jobs.

Jobs take from the interactive list first, and from the bulk list when that is empty. Redis can be lost at any moment.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError
from redis.retry import Retry
from rq import Queue
from rq.executions import ExecutionRegistry
from rq.intermediate_queue import IntermediateQueue
from rq.job import JobStatus
from rq.serializers import JSONSerializer
from rq.worker_registration import clean_worker_registry

from adapters.database import portions
from adapters.queue.messages import (
    KEPT_S,
    REFUSED,
    REFUSED_KEY,
    RUN_FUNCTION,
    Attempt,
    RunMessage,
    message_fields,
)
from adapters.settings import Settings
from contracts.errors import QueueOutOfMemory, QueueUnavailable
from contracts.values import frozen


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


# a sorted set: waiting Jobs, each with the time at which its entry expires
IDLE_JOBS = "rq:idle"
IDLE_EXPIRY_S = 20
SCALER_EXPIRY_S = 10  # a scaler that has not reported for this long is gone
CHUNK = 500  # messages per round trip; more do not make it faster
REMOVED_AT_ONCE = 1000  # messages per script, during which Redis serves no other client
# Blanks the named messages in one pass over each list and removes the blanks in another. One LREM per message would
# scan all messages before it: minutes for a large batch in the middle of a long queue.
_REMOVE = """
local named, missing = {}, #ARGV
for _, id in ipairs(ARGV) do named[id] = true end
for _, list in ipairs(KEYS) do
  local place, blanks, length = 0, 0, redis.call('LLEN', list)
  while missing > 0 and place < length do
    for _, id in ipairs(redis.call('LRANGE', list, place, place + 999)) do
      if named[id] then
        redis.call('LSET', list, place, '')
        missing, blanks = missing - 1, blanks + 1
      end
      place = place + 1
    end
  end
  if blanks > 0 then redis.call('LREM', list, blanks, '') end
end
"""


@frozen
class ScalerState:
    """State of the local scaler: the most Jobs it runs at a time, and whether it is paused."""

    capacity: int
    paused: bool


class RunQueue:
    """The lists of waiting messages, and traces of popped ones; without Redis every method raises QueueUnavailable.

    RQ's workers would clean up after dead ones, but no worker lives that long here.
    """

    def __init__(self, settings: Settings, patience_s: float = 5.0) -> None:
        self._queues = queues_of(settings, patience_s)
        self._lists = [queue.key for queue in self._queues]
        self._redis = self._queues[0].connection
        self._settings = settings
        self._scaler_key = f"rq:scaler:{settings.queue_names[0]}"

    def enqueue(self, messages: Sequence[RunMessage]) -> None:
        """Push messages to the back of their lists, in the order given."""
        with reachable():
            for queue in self._queues:
                pushed = [
                    message for message in messages if self._queues[message.is_bulk] is queue
                ]
                for chunk in portions(pushed, CHUNK):
                    self._push(queue, chunk)

    def _push(self, queue: Queue, messages: Sequence[RunMessage]) -> None:
        """Push in one round trip, like RQ's enqueue_many at a fifth of its cost: RQ writes the shared fields once."""
        shared = self._shared_fields(queue)
        with self._redis.pipeline() as pipeline:
            pipeline.sadd(Queue.redis_queues_keys, *self._lists)
            for message in messages:
                pipeline.hset(
                    f"rq:job:{message.job_id}", mapping=shared | message_fields(message)
                )
            pipeline.rpush(queue.key, *(message.job_id for message in messages))
            pipeline.execute()

    def _shared_fields(self, queue: Queue) -> dict[str, Any]:
        """Return the fields of a message as RQ stores it; messages of one push differ in `message_fields` only."""
        job = queue.create_job(
            RUN_FUNCTION,
            timeout=self._settings.run_timeout_s,
            result_ttl=KEPT_S,
            failure_ttl=KEPT_S,
            status=JobStatus.QUEUED,
        )
        job.enqueued_at = job.created_at
        return job.to_dict()

    def depths(self) -> dict[str, int]:
        """Count the waiting messages by name of the queue, in the order in which Jobs take from them."""
        with reachable(), self._redis.pipeline(transaction=False) as pipeline:
            for waiting in self._lists:
                pipeline.llen(waiting)
            return dict(zip(self._settings.queue_names, pipeline.execute(), strict=True))

    def depth(self) -> int:
        """Count the waiting messages."""
        return sum(self.depths().values())

    def refused(self) -> dict[str, int]:
        """Count the popped messages that were dropped, by cause, since Redis was last emptied."""
        with reachable():
            stored = cast("list[bytes | None]", self._redis.hmget(REFUSED_KEY, REFUSED))
        # other clients of Redis may have written it
        counts = (int(count) if count and count.isdigit() else 0 for count in stored)
        return dict(zip(REFUSED, counts, strict=True))

    def idle_jobs(self) -> int:
        """Count the Jobs that wait for a message with everything loaded."""
        with reachable():
            return self._redis.zcard(IDLE_JOBS)

    def waiting_ids(self) -> list[str]:
        """List the RQ ids of all waiting messages, the next one first."""
        with reachable():
            lists = [self._redis.lrange(waiting, 0, -1) for waiting in self._lists]
        return [as_words(job_id) for waiting in lists for job_id in waiting]

    def position(self, run_id: str, attempt: int) -> int | None:
        """Count the messages that are popped before this one; None when it does not wait."""
        job_id = Attempt(run_id, attempt).job_id
        with reachable(), self._redis.pipeline() as pipeline:
            for waiting in self._lists:
                pipeline.lpos(waiting, job_id)
                pipeline.llen(waiting)
            answers: list[Any] = pipeline.execute()
        before = 0
        for place, length in zip(answers[::2], answers[1::2], strict=True):
            if place is not None:
                return before + int(place)
            before += length
        return None

    def remove(self, job_ids: Sequence[str]) -> None:
        """Remove messages from their lists; missing ones are ignored."""
        with reachable():
            for chunk in portions(job_ids, REMOVED_AT_ONCE):
                self._redis.eval(_REMOVE, len(self._lists), *self._lists, *chunk)
                self._redis.delete(*(f"rq:job:{job_id}" for job_id in chunk))

    def popped_ids(self) -> set[str]:
        """Return the ids of all messages marked as being worked on, rightly or not."""
        popped = set[str]()
        with reachable():
            for queue in self._queues:
                moved = self._redis.lrange(queue.intermediate_queue_key, 0, -1)
                popped.update(map(as_words, moved), (of for of, _ in self._executions(queue)))
        return popped

    def _executions(self, queue: Queue) -> list[tuple[str, str]]:
        """List a queue's started messages as pairs of job_id and registry entry, <job_id>:<execution_id>."""
        entries = cast("list[bytes]", self._redis.zrange(queue.started_job_registry.key, 0, -1))
        return [(entry.rpartition(":")[0], entry) for entry in map(as_words, entries)]

    def forget(self, job_ids: set[str]) -> None:
        """Remove every trace of popped messages."""
        with reachable():
            for queue in self._queues:
                started = [entry for of, entry in self._executions(queue) if of in job_ids]
                for chunk in portions(started, CHUNK):
                    self._redis.delete(*(f"rq:execution:{entry}" for entry in chunk))
                    self._redis.zrem(queue.started_job_registry.key, *chunk)
                for chunk in portions(sorted(job_ids), CHUNK):
                    self._forget(queue.intermediate_queue, chunk)

    def _forget(self, moved: IntermediateQueue, job_ids: Sequence[str]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                executions = ExecutionRegistry.key_template.format(job_id)
                first_seen = moved.get_first_seen_key(job_id)
                pipeline.delete(f"rq:job:{job_id}", executions, first_seen)
                pipeline.lrem(moved.key, 0, job_id)
            pipeline.execute()

    def expire(self) -> None:
        """Drop dead workers, and finished and failed messages that were kept for long enough."""
        with reachable():
            for queue in self._queues:
                clean_worker_registry(queue)
                queue.finished_job_registry.cleanup()
                queue.failed_job_registry.cleanup()

    def scaler_state(self) -> ScalerState | None:
        """Return the last report of the local scaler; None when none runs."""
        with reachable():
            text = self._redis.get(self._scaler_key)
        return ScalerState(**json.loads(text)) if isinstance(text, bytes) else None

    def publish_scaler_state(self, state: ScalerState) -> None:
        """Store a report of the local scaler for SCALER_EXPIRY_S seconds."""
        with reachable():
            self._redis.set(self._scaler_key, json.dumps(asdict(state)), ex=SCALER_EXPIRY_S)


def mark_idle(redis: Redis, name: str, is_idle: bool) -> None:
    """Count a Job as waiting for IDLE_EXPIRY_S, or stop counting it; RedisError while Redis is away."""
    now = time.time()
    with redis.pipeline() as pipeline:
        pipeline.zadd(IDLE_JOBS, {name: now + IDLE_EXPIRY_S if is_idle else 0})
        pipeline.zremrangebyscore(IDLE_JOBS, "-inf", now)  # killed Jobs, too
        pipeline.expire(IDLE_JOBS, IDLE_EXPIRY_S)
        pipeline.execute()
