"""The Redis side of a Job's process: pop one message, mark it as started, and archive it, as RQ's tools expect it.

Nothing here decides anything about a run, so each step may fail without hurting it.
"""

import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import cast

from redis.client import Pipeline
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
from rq import Queue, Worker
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.results import Result
from rq.utils import now, utcformat
from rq.worker import WorkerStatus
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from adapters.logs import set_log_context
from adapters.queue.messages import (
    FOREIGN,
    KEPT_S,
    REFUSED_KEY,
    RUN_FUNCTION,
    Attempt,
    attempt_of,
)
from adapters.queue.run_queue import as_words
from adapters.settings import Settings
from consumer.job.child import ChildExit
from consumer.job.termination import termination

log = logging.getLogger(__name__)

MAX_REFUSED = 1_000  # foreign messages that one process deletes
FAILURE_TEXT = "failed; the database has the reason"
SILENCE_S = 60  # beyond a heartbeat, until RQ's tools treat a silent worker or execution as dead
PROBE_EXIT_S = (
    0.02  # for a waiting probe to exit by itself; killed with the container it would be an event
)


@contextmanager
def redis_may_fail(step: str) -> Iterator[None]:
    """Continue without Redis; the reconciler cleans up leftovers there."""
    try:
        yield
    except RedisError as error:
        log.warning("redis_unreachable step=%s reason=%s", step, error)


class ReadyFile:
    """The file that a readiness probe reads: a named pipe that blocks the probe until the pop, a plain file afterwards.

    A blocked probe costs nothing and notices the end of the pipe at once. Errors are only logged, since no message is
    given up for them.
    """

    def __init__(self, path: Path | None) -> None:
        """Create the pipe at `path`; None when there is no probe."""
        self._path = path
        self._pipe: FileIO | None = None
        try:
            if path:
                os.mkfifo(path)
                self._pipe = FileIO(path, "r+")
        except OSError as error:
            log.warning("ready_file_not_created reason=%s", error)

    def mark_popped(self) -> None:
        """Replace the pipe by a file, which the local scaler and later probes see."""
        try:
            if self._path:
                written = self._path.with_suffix(".new")
                written.write_text("popped\n", encoding="utf-8")
                written.replace(self._path)
        except OSError as error:
            log.warning("ready_file_not_written reason=%s", error)
        if self._pipe:
            self._pipe.close()

    def close(self) -> None:
        """Release a probe that still waits for a pop, and remove the pipe, on which a later one would block."""
        if self._path and self._pipe and not self._pipe.closed:
            with suppress(OSError):
                self._path.unlink()
            self._pipe.close()
            time.sleep(PROBE_EXIT_S)


class MessageWorker:
    """A worker in the eyes of RQ's tools: it takes one message and records that message's progress."""

    def __init__(self, queues: Sequence[Queue], settings: Settings, name: str) -> None:
        self.name = name
        self._key = f"{Worker.redis_worker_namespace_prefix}{name}"
        self._lists = (
            REDIS_WORKER_KEYS,
            *(WORKERS_BY_QUEUE_KEY % queue.name for queue in queues),
        )
        self.queues = queues
        self._queue = queues[0]  # the one that the message was popped from
        self._redis = self._queue.connection
        self._ready = ReadyFile(settings.ready_file)
        termination.before_exit = self._ready.close
        self._idle_s = settings.idle_s
        self._ttl_s = round(settings.heartbeat_s) + SILENCE_S
        self._born = utcformat(now())
        self._names = ",".join(queue.name for queue in queues)
        self._execution: Execution | None = None

    # The one message

    def pop(self) -> Job | None:
        """Take exactly one of our messages; None when there is none. RedisError when Redis failed.

        Foreign messages before it are deleted, so that a flood of them does not cost a process each.
        """
        termination.defer()
        for refused in range(MAX_REFUSED):
            raw = self._pop_id()
            if not refused and (raw is not None or not self._idle_s):
                self._ready.mark_popped()
            if raw is None:
                log.info("queue_empty queues=%s", self._names)
                break
            if job := self._fetch_message(raw):
                return job
            if termination.requested:
                break
        termination.resume()
        return None

    def _pop_id(self) -> bytes | str | None:
        """Pop an id from the first queue that has any."""
        for queue in self.queues:
            self._queue = queue
            if (raw := self._move_one()) is not None:
                return raw
        return None

    def _move_one(self) -> bytes | str | None:
        try:
            return self._redis.lmove(
                self._queue.key, self._queue.intermediate_queue_key, "LEFT", "RIGHT"
            )
        except OutOfMemoryError:
            # a move needs memory, a pop does not; the database has the run anyway
            return cast("bytes | str | None", self._redis.lpop(self._queue.key))
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            # raises the same error when the queue itself is not a list
            self._redis.llen(self._queue.key)
            log.warning(
                "intermediate_list_replaced key=%s reason=%s",
                self._queue.intermediate_queue_key,
                error,
            )
            # a foreign value, which would stop the queue forever
            self._redis.delete(self._queue.intermediate_queue_key)
            return self._move_one()

    def _fetch_message(self, raw: bytes | str) -> Job | None:
        """Fetch the message; None, and drop it, when it is garbage, names another function, or has lost its body."""
        job_id = as_words(raw)
        set_log_context()  # the context of a refused message before this one ends here
        try:
            attempt = attempt_of(job_id)
            set_log_context(run_id=attempt.run_id, attempt=attempt.attempt)
            job = Job.fetch(job_id, connection=self._redis, serializer=self._queue.serializer)
            if job.func_name != RUN_FUNCTION or Attempt(*job.args) != attempt:
                raise ValueError(f"it calls {job.get_call_string()!r:.100}")
        except RedisError:
            raise
        except Exception as error:  # any error that a foreign message causes in RQ or JSON
            log.warning("message_refused job_id=%r reason=%s", job_id[:100], error)
            self.drop(raw, FOREIGN)
            return None
        return job

    @property
    def is_ticket(self) -> bool:
        """True for a message from the batches' list, which entitles to the next run in fair order."""
        return self._queue is not self.queues[0]

    def exchange(self, ticket: Job, attempt: Attempt, ticket_waits: bool) -> Job:
        """Return the message of the claimed attempt; put the ticket back to the front if its own run still waits."""
        job_id = attempt.job_id
        log.info("ticket_exchanged ticket=%s", ticket.id)
        with redis_may_fail("exchange"), self._redis.pipeline() as pipeline:
            pipeline.lrem(self._queue.intermediate_queue_key, 1, ticket.id)
            if ticket_waits:
                pipeline.lpush(self._queue.key, ticket.id)
            else:  # it is unused, unless another process is working on it
                pipeline.expire(ticket.key, KEPT_S)
            for queue in self.queues:  # the retry of a single run waits in the interactive list
                pipeline.lrem(queue.key, 1, job_id)
            pipeline.execute()
            with suppress(NoSuchJobError):
                return Job.fetch(
                    job_id, connection=self._redis, serializer=self._queue.serializer
                )
        return self._queue.create_job(
            RUN_FUNCTION, args=[attempt.run_id, attempt.attempt], job_id=job_id
        )

    def drop(self, raw: bytes | str, cause: str) -> None:
        """Drop a message and count it; its body only expires, since another process may be working on it."""
        with (
            redis_may_fail(f"drop_{cause}"),
            self._redis.pipeline(transaction=False) as pipeline,
        ):
            pipeline.lrem(self._queue.intermediate_queue_key, 1, raw)  # type: ignore[arg-type]  # bytes are a value
            pipeline.expire(Job.key_for(as_words(raw)), KEPT_S)
            pipeline.hincrby(REFUSED_KEY, cause)
            pipeline.execute()

    def put_back(self, job: Job) -> bool:
        """Return an unprocessed message to its queue; False when Redis failed."""
        with redis_may_fail("put_back"), self._redis.pipeline() as pipeline:
            pipeline.lrem(self._queue.intermediate_queue_key, 1, job.id)
            pipeline.rpush(self._queue.key, job.id)
            pipeline.execute()
            log.info("message_returned")
            return True
        return False

    # The worker and its message in RQ's tools

    def mark_started(self, job: Job) -> None:
        """Register the worker, and move its message from the intermediate list to the started ones."""
        with redis_may_fail("start"), self._redis.pipeline() as pipeline:
            execution = Execution.create(job, self._ttl_s, pipeline, self.name)
            job.prepare_for_execution(self.name, pipeline)
            pipeline.lrem(self._queue.intermediate_queue_key, 1, job.id)
            self._write_worker(pipeline)
            pipeline.execute()
            self._execution = execution

    def send_heartbeat(self, job: Job) -> None:
        """Send RQ's heartbeat of the worker and of its execution."""
        if self._execution is None:
            return
        with redis_may_fail("heartbeat"), self._redis.pipeline() as pipeline:
            self._execution.heartbeat(job.started_job_registry, self._ttl_s, pipeline)
            pipeline.expire(self._execution.worker_executions_key, self._ttl_s)
            self._write_worker(pipeline)
            pipeline.execute()

    def _write_worker(self, pipeline: Pipeline) -> None:
        """Write the whole entry each time, so that it reappears in a Redis that was emptied."""
        pipeline.hset(
            self._key,
            mapping={
                "birth": self._born, "last_heartbeat": utcformat(now()), "state": WorkerStatus.BUSY,
                "queues": self._names, "hostname": socket.gethostname(), "pid": os.getpid(), "ip_address": "unknown",
            },
        )  # fmt: skip
        pipeline.expire(self._key, self._ttl_s)
        for workers in self._lists:
            pipeline.sadd(workers, self._key)

    def archive(self, job: Job, exit_code: int) -> None:
        """Move the message to the finished or failed ones; delete it when another attempt has replaced it."""
        with redis_may_fail("archive"):
            with suppress(OutOfMemoryError):  # deleting needs no memory, and frees some
                if exit_code in (ChildExit.SUCCEEDED, ChildExit.FAILED):
                    self._register(job, FAILURE_TEXT if exit_code == ChildExit.FAILED else None)
                    return
            self._delete(job)

    def _register(self, job: Job, failure: str | None) -> None:
        registry = job.failed_job_registry if failure else job.finished_job_registry
        kind = Result.Type.FAILED if failure else Result.Type.SUCCESSFUL
        job.ended_at = now()
        with self._redis.pipeline() as pipeline:
            job.set_status(JobStatus.FAILED if failure else JobStatus.FINISHED, pipeline)
            job.save(pipeline, include_meta=False, include_result=False)
            job.cleanup(KEPT_S, pipeline, remove_from_queue=False)
            registry.add(job, ttl=KEPT_S, pipeline=pipeline)
            Result.create(
                job, kind, KEPT_S, exc_string=failure, worker_name=self.name, pipeline=pipeline
            )
            self._unregister(job, pipeline)
            pipeline.execute()

    def _delete(self, job: Job) -> None:
        # a full Redis accepts no transaction
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.delete(job.key)
            self._unregister(job, pipeline)
            pipeline.execute()

    def _unregister(self, job: Job, pipeline: Pipeline) -> None:
        """Remove the message, its execution and the worker; the reconciler does it for a process that died."""
        pipeline.lrem(self._queue.intermediate_queue_key, 1, job.id)
        if self._execution:
            self._execution.delete(job, pipeline)
        for workers in self._lists:
            pipeline.srem(workers, self._key)
        pipeline.delete(self._key)
