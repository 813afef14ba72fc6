"""What dead processes leave behind in Redis, and its removal; RQ's own workers would do it, but none runs for long."""

from collections.abc import Collection
from typing import cast

from rq.executions import ExecutionRegistry
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.worker_registration import clean_worker_registry

from adapters.queue.connection import as_words, queue_of, reachable
from adapters.settings import Settings

_CHUNK = 500  # messages per round trip


class QueueRemains:
    """Messages that were popped; every method raises QueueUnavailable while Redis is away."""

    def __init__(self, settings: Settings) -> None:
        self._queue = queue_of(settings)
        self._redis = self._queue.connection
        self._started = StartedJobRegistry(queue=self._queue)
        self._intermediate = IntermediateQueue(self._queue.key, self._redis)

    def popped_ids(self) -> set[str]:
        """Ids of all messages that are marked as being worked on, rightly or not."""
        with reachable():
            popped = self._redis.lrange(self._intermediate.key, 0, -1)
            started = self._executions()
        return {entry.rpartition(":")[0] for entry in started} | {as_words(job_id) for job_id in popped}

    def _executions(self) -> list[str]:
        """Entries of the registry of started messages: <job_id>:<execution_id>."""
        entries = cast("list[bytes]", self._redis.zrange(self._started.key, 0, -1))
        return [as_words(entry) for entry in entries]

    def forget(self, job_ids: Collection[str]) -> None:
        """Remove every trace of popped messages."""
        wanted, ordered = set(job_ids), sorted(job_ids)
        with reachable():
            executions = [entry for entry in self._executions() if entry.rpartition(":")[0] in wanted]
            for start in range(0, len(executions), _CHUNK):
                chunk = executions[start : start + _CHUNK]
                self._redis.delete(*(f"rq:execution:{entry}" for entry in chunk))
                self._redis.zrem(self._started.key, *chunk)
            for start in range(0, len(ordered), _CHUNK):
                self._forget(ordered[start : start + _CHUNK])

    def _forget(self, job_ids: list[str]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.lrem(self._intermediate.key, 0, job_id)
                pipeline.delete(
                    as_words(Job.key_for(job_id)),
                    ExecutionRegistry.key_template.format(job_id),
                    self._intermediate.get_first_seen_key(job_id),
                )
            pipeline.execute()

    def expire(self) -> None:
        """Drop dead workers, and finished and failed messages that were kept for long enough."""
        with reachable():
            clean_worker_registry(self._queue)
            FinishedJobRegistry(queue=self._queue).cleanup()
            FailedJobRegistry(queue=self._queue).cleanup()
