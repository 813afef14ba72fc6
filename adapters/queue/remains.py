"""What dead processes leave behind in Redis, and its removal; RQ's own workers would do it, but none runs for long."""

from collections.abc import Collection
from typing import cast

from rq import Queue
from rq.executions import ExecutionRegistry
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.worker_registration import clean_worker_registry

from adapters.queue.connection import as_words, queues_of, reachable
from adapters.settings import Settings

_CHUNK = 500  # messages per round trip


class QueueRemains:
    """Messages that were popped; every method raises QueueUnavailable while Redis is away."""

    def __init__(self, settings: Settings) -> None:
        self._queues = queues_of(settings)
        self._redis = self._queues[0].connection
        self._intermediates = [
            IntermediateQueue(queue.key, self._redis) for queue in self._queues
        ]

    def popped_ids(self) -> set[str]:
        """Ids of all messages that are marked as being worked on, rightly or not."""
        popped: set[str] = set()
        with reachable():
            for queue, intermediate in zip(self._queues, self._intermediates, strict=True):
                popped |= {
                    as_words(job_id) for job_id in self._redis.lrange(intermediate.key, 0, -1)
                }
                popped |= {entry.rpartition(":")[0] for entry in self._executions(queue)}
        return popped

    def _executions(self, queue: Queue) -> list[str]:
        """Entries of a queue's registry of started messages: <job_id>:<execution_id>."""
        entries = cast("list[bytes]", self._redis.zrange(queue.started_job_registry.key, 0, -1))
        return [as_words(entry) for entry in entries]

    def forget(self, job_ids: Collection[str]) -> None:
        """Remove every trace of popped messages."""
        wanted, ordered = set(job_ids), sorted(job_ids)
        with reachable():
            for queue in self._queues:
                self._forget_executions(queue, wanted)
            for start in range(0, len(ordered), _CHUNK):
                self._forget(ordered[start : start + _CHUNK])

    def _forget_executions(self, queue: Queue, job_ids: set[str]) -> None:
        executions = [
            entry for entry in self._executions(queue) if entry.rpartition(":")[0] in job_ids
        ]
        for start in range(0, len(executions), _CHUNK):
            chunk = executions[start : start + _CHUNK]
            self._redis.delete(*(f"rq:execution:{entry}" for entry in chunk))
            self._redis.zrem(queue.started_job_registry.key, *chunk)

    def _forget(self, job_ids: list[str]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.delete(
                    as_words(Job.key_for(job_id)), ExecutionRegistry.key_template.format(job_id)
                )
                for intermediate in self._intermediates:
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
