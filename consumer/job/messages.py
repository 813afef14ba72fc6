"""The Redis side of a Job's process: one message is popped, shown as started, and put away, all as RQ's tools read it.

Nothing here decides anything about a run, so that each step may fail without hurting it.
"""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
from adapters.queue.connection import as_words
from adapters.queue.messages import (
    FOREIGN,
    KEPT_S,
    REFUSED_KEY,
    RUN_FUNCTION,
    Attempt,
    attempt_of,
)
from adapters.settings import Settings
from consumer.job.child import HorseExit
from consumer.job.readiness import ReadyFile
from consumer.job.termination import termination

log = logging.getLogger(__name__)

MOST_REFUSED = 1_000  # messages that are not ours, which one process throws away
FAILED_WHY = "failed; the database has the reason"
SILENCE_S = 60  # beyond a heartbeat, until RQ's tools take a silent worker or execution for dead


@contextmanager
def redis_may_fail(step: str) -> Iterator[None]:
    """Go on without Redis; the reconciler cleans up what is left behind there."""
    try:
        yield
    except RedisError as error:
        log.warning("redis_unreachable step=%s reason=%s", step, error)


class MessageWorker:
    """What RQ's tools know as a worker: it takes one message, and says how far that has come."""

    def __init__(self, queues: Sequence[Queue], settings: Settings, name: str) -> None:
        self.name = name
        self._key = f"{Worker.redis_worker_namespace_prefix}{name}"
        self._lists = (
            REDIS_WORKER_KEYS,
            *(WORKERS_BY_QUEUE_KEY % queue.name for queue in queues),
        )
        self.queues = queues
        self._queue = queues[0]  # the one that the message was taken from
        self._redis = self._queue.connection
        self._ready = ReadyFile(settings.ready_file)
        termination.before_exit = self._ready.take_leave
        self._idle_s = settings.idle_s
        self._ttl_s = round(settings.heartbeat_s) + SILENCE_S
        self._born = utcformat(now())
        self._names = ",".join(queue.name for queue in queues)
        self._execution: Execution | None = None

    # The one message

    def pop(self) -> Job | None:
        """Take exactly one message; None when there was none of ours. RedisError when Redis failed.

        What is not ours is thrown away on the way to it, so that a flood of it costs no process each.
        """
        termination.may_own_message(True)
        for refused in range(MOST_REFUSED):
            raw = self._take()
            if not refused and (raw is not None or not self._idle_s):
                self._ready.say_popped()
            if raw is None:
                log.info("queue_empty queues=%s", self._names)
                break
            if job := self._accepted(raw):
                return job
            if termination.requested:
                break
        termination.may_own_message(False)
        return None

    def _take(self) -> bytes | str | None:
        """One id from the first queue that has any."""
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
        except (
            OutOfMemoryError
        ):  # a move needs room, taking away does not; the database remembers the run anyway
            return cast("bytes | str | None", self._redis.lpop(self._queue.key))
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            # raises the same when it is the queue itself that is no list
            self._redis.llen(self._queue.key)
            log.warning(
                "intermediate_list_replaced key=%s reason=%s",
                self._queue.intermediate_queue_key,
                error,
            )
            # a stranger's; it would stop the queue for good
            self._redis.delete(self._queue.intermediate_queue_key)
            return self._move_one()

    def _accepted(self, raw: bytes | str) -> Job | None:
        """The message, unless it is garbage, names another function, or has lost its body."""
        job_id = as_words(raw)
        set_log_context()  # without what the message before was about
        try:
            named = attempt_of(job_id)
            set_log_context(run_id=named.run_id, attempt=named.attempt)
            job = Job.fetch(job_id, connection=self._redis, serializer=self._queue.serializer)
            if job.func_name != RUN_FUNCTION or Attempt(*job.args) != named:
                raise ValueError(f"it asks for {job.get_call_string()!r:.100}")
        except RedisError:
            raise
        except Exception as error:  # whatever a stranger's message makes RQ or JSON raise
            log.warning("message_refused job_id=%r reason=%s", job_id[:100], error)
            self.strike_off(raw, FOREIGN)
            return None
        return job

    @property
    def is_ticket(self) -> bool:
        """Whether the message came from the batches' list, where it stands for whatever run's turn it is."""
        return self._queue is not self.queues[0]

    def exchange(self, ticket: Job, worked_on: Attempt, ticket_waits: bool) -> Job:
        """The message of the run that is worked on; the ticket goes back to the front if its own run waits."""
        job_id = worked_on.job_id
        log.info("turn_taken ticket=%s", ticket.id)
        with redis_may_fail("exchange"), self._redis.pipeline() as pipeline:
            pipeline.lrem(self._queue.intermediate_queue_key, 1, ticket.id)
            if ticket_waits:
                pipeline.lpush(self._queue.key, ticket.id)
            else:  # nobody will ask for it, unless somebody works on it just now
                pipeline.expire(ticket.key, KEPT_S)
            for queue in self.queues:  # a single retry waits in the people's
                pipeline.lrem(queue.key, 1, job_id)
            pipeline.execute()
            with suppress(NoSuchJobError):
                return Job.fetch(
                    job_id, connection=self._redis, serializer=self._queue.serializer
                )
        return self._queue.create_job(
            RUN_FUNCTION, args=[worked_on.run_id, worked_on.attempt], job_id=job_id
        )

    def strike_off(self, raw: bytes | str, cause: str) -> None:
        """Drop a message and count it; its body may belong to a process that works on it now."""
        with (
            redis_may_fail(f"strike_off_{cause}"),
            self._redis.pipeline(transaction=False) as pipeline,
        ):
            pipeline.lrem(self._queue.intermediate_queue_key, 1, raw)  # type: ignore[arg-type]  # bytes are a value
            pipeline.expire(Job.key_for(as_words(raw)), KEPT_S)
            pipeline.hincrby(REFUSED_KEY, cause)
            pipeline.execute()

    def put_back(self, job: Job) -> bool:
        """Return a message that nothing was done for to its queue; whether it is there."""
        with redis_may_fail("put_back"), self._redis.pipeline() as pipeline:
            pipeline.lrem(self._queue.intermediate_queue_key, 1, job.id)
            pipeline.rpush(self._queue.key, job.id)
            pipeline.execute()
            log.info("message_put_back")
            return True
        return False

    # What people see of it in Redis

    def show_start(self, job: Job) -> None:
        """Enter the list of workers, and move the message from the intermediate list to the started ones."""
        with redis_may_fail("start"), self._redis.pipeline() as pipeline:
            execution = Execution.create(job, self._ttl_s, pipeline, self.name)
            job.prepare_for_execution(self.name, pipeline)
            pipeline.lrem(self._queue.intermediate_queue_key, 1, job.id)
            self._show_worker(pipeline)
            pipeline.execute()
            self._execution = execution

    def show_life(self, job: Job) -> None:
        """RQ's heartbeat of the worker and of what it works on."""
        if self._execution is None:
            return
        with redis_may_fail("heartbeat"), self._redis.pipeline() as pipeline:
            self._execution.heartbeat(job.started_job_registry, self._ttl_s, pipeline)
            pipeline.expire(self._execution.worker_executions_key, self._ttl_s)
            self._show_worker(pipeline)
            pipeline.execute()

    def _show_worker(self, pipeline: Pipeline) -> None:
        """Write the whole entry each time, so that it comes back into a Redis that was emptied."""
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

    def tidy(self, job: Job, status: int) -> None:
        """Move the message to the finished or failed ones, or away when another attempt has replaced it."""
        with redis_may_fail("tidy"):
            with suppress(OutOfMemoryError):  # to forget it needs no room, and makes some
                if status in (HorseExit.SUCCEEDED, HorseExit.FAILED):
                    self._keep(job, FAILED_WHY if status == HorseExit.FAILED else None)
                    return
            self._forget(job)

    def _keep(self, job: Job, failure: str | None) -> None:
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
            self._leave(job, pipeline)
            pipeline.execute()

    def _forget(self, job: Job) -> None:
        # a full Redis begins no transaction
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.delete(job.key)
            self._leave(job, pipeline)
            pipeline.execute()

    def _leave(self, job: Job, pipeline: Pipeline) -> None:
        """Strike off the message, its execution and the worker; the reconciler does so for whoever cannot."""
        pipeline.lrem(self._queue.intermediate_queue_key, 1, job.id)
        if self._execution:
            self._execution.delete(job, pipeline)
        for workers in self._lists:
            pipeline.srem(workers, self._key)
        pipeline.delete(self._key)
