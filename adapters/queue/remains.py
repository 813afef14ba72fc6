"""What dead processes leave behind in Redis, and its removal; RQ's own workers would do it, but none runs for long."""

from collections.abc import Sequence
from typing import cast

from rq import Queue
from rq.executions import ExecutionRegistry
from rq.worker_registration import clean_worker_registry

from adapters.database import portions
from adapters.queue.connection import as_words, queues_of, reachable
from adapters.settings import Settings

CHUNK = 500  # messages per round trip


class QueueRemains:
    """Messages that were popped; every method raises QueueUnavailable while Redis is away."""

    def __init__(self, settings: Settings) -> None:
        self._queues = queues_of(settings)
        self._redis = self._queues[0].connection

    def popped_ids(self) -> set[str]:
        """Ids of all messages that are marked as being worked on, rightly or not."""
        popped = set[str]()
        with reachable():
            for queue in self._queues:
                popped.update(
                    map(as_words, self._redis.lrange(queue.intermediate_queue_key, 0, -1))
                )
                popped.update(job_id for job_id, _ in self._executions(queue))
        return popped

    def _executions(self, queue: Queue) -> list[tuple[str, str]]:
        """Entries of a queue's registry of started messages, <job_id>:<execution_id>, each after its job_id."""
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
                self._forget(chunk)

    def _forget(self, job_ids: Sequence[str]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.delete(f"rq:job:{job_id}", ExecutionRegistry.key_template.format(job_id))
                for intermediate in (queue.intermediate_queue for queue in self._queues):
                    pipeline.lrem(intermediate.key, 0, job_id)
                    pipeline.delete(intermediate.get_first_seen_key(job_id))
            pipeline.execute()

    def expire(self) -> None:
        """Drop dead workers, and finished and failed messages that were kept for long enough."""
        with reachable():
            for queue in self._queues:
                clean_worker_registry(queue)
                queue.finished_job_registry.cleanup()
                queue.failed_job_registry.cleanup()
