"""The list of waiting runs: how a message is put there, and what waits. Redis can be lost at any moment."""

from collections.abc import Sequence
from typing import Any, cast

from rq import Queue
from rq.job import JobStatus

from adapters.queue.connection import as_words, queue_of, reachable
from adapters.queue.messages import KEPT_S, RUN_FUNCTION, RunMessage, job_id_of, own_fields
from adapters.settings import Settings

CHUNK = 500  # messages per round trip; more do not make it faster
REMOVED_AT_ONCE = 1000  # messages per script, for which Redis serves nobody else
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
                pipeline.hset(f"rq:job:{message.job_id}", mapping=common | own_fields(message))
            for message in messages:
                push = pipeline.lpush if message.at_front else pipeline.rpush
                push(self._queue.key, message.job_id)
            pipeline.execute()

    def _written_by_rq(self, message: RunMessage) -> dict[str, Any]:
        """A message as RQ itself stores it; messages of one push differ in `own_fields` only."""
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
