"""The Redis side of a Job's process: one message is popped, shown as started, and put away.

Nothing here decides anything about a run, so that each step may fail without hurting it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from redis.client import Pipeline
from redis.exceptions import OutOfMemoryError, RedisError
from rq import Queue, Worker
from rq.job import Job
from rq.utils import now

from adapters.logs import set_run_id
from adapters.queue.connection import as_words
from adapters.queue.messages import KEPT_S, RUN_FUNCTION, attempt_of
from adapters.settings import Settings
from consumer.horse import HorseExit
from consumer.termination import termination

log = logging.getLogger(__name__)

WORKER_TTL_S = 60  # RQ keeps a silent worker for a minute longer


@contextmanager
def redis_may_fail(step: str) -> Iterator[None]:
    """Go on without Redis; the reconciler mends what is left behind there."""
    try:
        yield
    except RedisError as error:
        log.warning("redis_unreachable step=%s reason=%s", step, error)


class MessageWorker(Worker):
    """An RQ worker reduced to what one message needs."""

    def __init__(self, queue: Queue, settings: Settings, name: str) -> None:
        self._settings = settings
        self.outcome_is_good = False  # until there is one
        super().__init__(
            [queue],
            name=name,
            connection=queue.connection,
            serializer=queue.serializer,
            job_monitoring_interval=max(1, round(settings.heartbeat_s)),
            worker_ttl=WORKER_TTL_S,
            log_job_description=False,
        )

    # What RQ does around a job and a Job's process does not need

    def _set_connection(self, connection: Any) -> Any:
        """Keep our short socket timeout; RQ would wait minutes for a silent Redis while the lease runs out."""
        return connection

    def _set_ip_address(self, connection: Any) -> None:
        self.ip_address = "unknown"

    def _install_signal_handlers(self) -> None:
        """`termination` stands already, and RQ's handlers would finish the run instead of handing it back."""

    def subscribe(self) -> None:
        """No pub/sub: it costs up to a second at exit, and commands go through the database."""

    def check_for_suspension(self, burst: bool) -> None:
        """`rq suspend` is ignored: each Job would exit without popping, and the scaler start the next, for ever."""

    def run_maintenance_tasks(self) -> None:
        """Registries are cleaned by the reconciler, once for all."""

    def register_birth(self) -> None:
        """Enter the list of workers; a full Redis refuses that, and must be worked off all the same."""
        with redis_may_fail("birth"):
            super().register_birth()  # type: ignore[no-untyped-call]

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """What people see of this worker."""
        with redis_may_fail("state"):
            super().set_state(state, pipeline)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """RQ's sign of life, also after the run, when Redis may be gone."""
        with redis_may_fail("heartbeat"):
            super().heartbeat(timeout, pipeline)

    def register_death(self) -> None:
        """Leave the list of workers; the reconciler strikes off whoever cannot."""
        with redis_may_fail("farewell"):
            super().register_death()  # type: ignore[no-untyped-call]

    # The one message

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Pop exactly one message; None when there was none, when it is not one of ours, or when Redis failed."""
        queue = self.queues[0]
        termination.begin_work()
        with redis_may_fail("pop"):
            raw = self._pop(queue)
            self._say_popped()
            if raw is not None:
                job = self._accepted(raw, queue)
                return (job, queue) if job else None
            log.info("queue_empty queue=%s", queue.name)
            self.outcome_is_good = True
        return None

    def _pop(self, queue: Queue) -> bytes | str | None:
        try:
            return self.connection.lmove(queue.key, queue.intermediate_queue_key, "LEFT", "RIGHT")
        except OutOfMemoryError:  # a move needs room, taking away does not; the database remembers the run anyway
            return cast("bytes | str | None", self.connection.lpop(queue.key))

    def _say_popped(self) -> None:
        """Write the ready file, which only keeps the scaler's count right: no message is given up for it."""
        try:
            if self._settings.ready_file:
                self._settings.ready_file.write_text("popped\n", encoding="utf-8")
        except OSError as error:
            log.warning("ready_file_not_written reason=%s", error)

    def _accepted(self, raw: bytes | str, queue: Queue) -> Job | None:
        """The message, unless it is garbage, names another function, or has lost its body."""
        job_id = as_words(raw)
        try:
            run_id, attempt = attempt_of(job_id)
            set_run_id(run_id)
            job: Job = self.job_class.fetch(job_id, connection=self.connection, serializer=self.serializer)
            if job.func_name != RUN_FUNCTION or list(job.args) != [run_id, attempt]:
                raise ValueError(f"it asks for {job.get_call_string()!r:.100}")
        except RedisError:
            raise
        except Exception as error:  # whatever a stranger's message makes RQ or JSON raise
            log.warning("message_refused job_id=%r reason=%s", job_id[:100], error)
            self.outcome_is_good = True
            with redis_may_fail("refuse"):
                self.connection.lrem(queue.intermediate_queue_key, 1, raw)  # type: ignore[arg-type]  # bytes are a value
            return None
        # RQ would act on these for whoever can write to Redis
        job.webhooks, job.retries_left, job.repeats_left, job.group_id = [], None, None, None
        return job

    # What people see of it in Redis

    def show_start(self, job: Job) -> None:
        """Move the message from the intermediate list to the registry of started ones."""
        job.started_at = now()
        with redis_may_fail("start"):
            self.prepare_execution(job)
            self.prepare_job_execution(job, remove_from_intermediate_queue=True)

    def tidy(self, job: Job, queue: Queue, status: int, reason: str) -> None:
        """Move the message to the finished or failed ones, or away when another attempt has replaced it."""
        job.ended_at = now()
        with redis_may_fail("tidy"):
            try:
                self._put_away(job, queue, status, reason)
            except OutOfMemoryError:
                self._forget(job, queue)  # that needs no room, and makes some

    def _put_away(self, job: Job, queue: Queue, status: int, reason: str) -> None:
        if status == HorseExit.SUCCEEDED:
            self.handle_job_success(job, queue, queue.started_job_registry)
        elif status == HorseExit.FAILED:
            self.handle_job_failure(job, queue, exc_string=reason)
        else:
            self._forget(job, queue)

    def _forget(self, job: Job, queue: Queue) -> None:
        with self.connection.pipeline(transaction=False) as pipeline:  # a full Redis begins no transaction
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            self.cleanup_execution(job, pipeline=pipeline)
            pipeline.delete(job.key)
            pipeline.execute()

    def ignore(self, job: Job, queue: Queue) -> None:
        """Drop a message whose attempt is not waiting; its body may belong to a process that works on it now."""
        with redis_may_fail("ignore"), self.connection.pipeline(transaction=False) as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.expire(job.key, KEPT_S)
            pipeline.execute()

    def put_back(self, job: Job, queue: Queue) -> None:
        """Return a message that nothing was done for to the front of the queue."""
        with redis_may_fail("put_back"), self.connection.pipeline() as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.lpush(queue.key, job.id)
            pipeline.execute()
            self.outcome_is_good = True
            log.info("message_put_back")
