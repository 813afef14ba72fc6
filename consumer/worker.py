"""The forking RQ worker of a Job: pops one message, claims its run, keeps the lease while a work horse runs it.

RQ brings the message format and the registries. What decides is the database: the parent claims before the fork and
settles the outcome after it. All of Redis is the parent's business and may fail at any point without hurting the run.
"""

import logging
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.job import Job
from rq.utils import now
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from adapters.logs import set_run_id
from adapters.queue import RUN_FUNCTION, as_words, attempt_of
from adapters.runs import Attempt, Claim, claim, extend_lease
from adapters.settings import Settings
from consumer.horse import HorseExit
from consumer.lease import persist
from consumer.settlement import Settlement
from consumer.termination import termination
from contracts.errors import LeaseLost, StaleMessage

log = logging.getLogger(__name__)

CLAIM_PATIENCE_S = 120.0  # a popped message is worth waiting for; afterwards the reconciler enqueues it again
OVERTIME_S = 5.0  # beyond its time limit a work horse may take so long to stop by itself
WORKER_TTL_S = 60


@contextmanager
def redis_may_fail(step: str) -> Iterator[None]:
    """Go on without Redis; the reconciler mends what is left behind there."""
    try:
        yield
    except RedisError as error:
        log.warning("redis_unreachable step=%s reason=%s", step, error)


class RunWorker(Worker):
    """One message, one run, one outcome."""

    def __init__(self, queue: Queue, engine: Engine, settings: Settings, name: str) -> None:
        self._engine = engine
        self._settings = settings
        self._held: Claim | None = None
        self._deadline = 0.0
        self.outcome_is_good = True  # until a run failed, or could not be persisted
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

    # The one message

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Pop exactly one message; None when there was none, or when it is not one of ours."""
        queue = self.queues[0]
        raw = self.connection.lmove(queue.key, queue.intermediate_queue_key, "LEFT", "RIGHT")
        if self._settings.ready_file:
            self._settings.ready_file.write_text("popped\n", encoding="utf-8")
        if raw is None:
            log.info("queue_empty queue=%s", queue.name)
            return None
        job = self._acceptable(raw, queue)
        return (job, queue) if job else None

    def _acceptable(self, raw: bytes | str, queue: Queue) -> Job | None:
        """The message, unless it is garbage, names another function, or has lost its body."""
        job_id = as_words(raw)
        try:
            run_id, attempt = attempt_of(job_id)
            set_run_id(run_id)
            job: Job = self.job_class.fetch(job_id, connection=self.connection, serializer=self.serializer)
            if job.func_name != RUN_FUNCTION or list(job.args) != [run_id, attempt]:
                raise ValueError(f"it names {job.func_name!r}")
        except RedisError:
            raise
        except Exception as error:  # whatever a stranger's message makes RQ or JSON raise
            log.warning("message_refused job_id=%r reason=%s", job_id[:100], error)
            self.connection.lrem(queue.intermediate_queue_key, 1, raw)  # type: ignore[arg-type]  # bytes are a value too
            return None
        return job

    # The one run

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Claim the run, let a work horse run it, settle the outcome."""
        waiting = Attempt(*attempt_of(job.id))
        try:
            self._held = self._claim(waiting)
        except StaleMessage as error:
            log.info("message_stale attempt=%d reason=%s", waiting.attempt, error)
            self._forget(job, queue)
        except OperationalError as error:
            log.error("claim_failed attempt=%d reason=%s", waiting.attempt, error.orig)
            self.outcome_is_good = False
        else:
            self._run(self._held, job, queue)

    def _claim(self, waiting: Attempt) -> Claim:
        token, lease_s = str(uuid4()), self._settings.lease_s
        held = persist(
            self._engine, lambda connection: claim(connection, waiting, token, lease_s, self.name), CLAIM_PATIENCE_S
        )
        log.info("run_claimed attempt=%d worker=%s", waiting.attempt, self.name)
        return held

    def _run(self, held: Claim, job: Job, queue: Queue) -> None:
        settlement = Settlement(self._engine, self._settings, held)
        if termination.requested:  # the signal came between pop and claim
            settlement.hand_back()
            self._forget(job, queue)
            return
        status = self._work(job, queue)
        verdict = settlement.settle(status, stopped=termination.requested, overtime=time.monotonic() > self._deadline)
        self.outcome_is_good = verdict.is_good
        with redis_may_fail("tidy"):
            self._tidy(job, queue, status, verdict.reason)

    def _work(self, job: Job, queue: Queue) -> int:
        """Exit code of the work horse; negative when a signal killed it."""
        self._deadline = time.monotonic() + self._settings.run_timeout_s + OVERTIME_S
        self._engine.dispose()  # a connection must not live in two processes
        alive, self._horse_end = os.pipe()
        self.fork_work_horse(job, queue)
        os.close(self._horse_end)  # now only the work horse holds it, so that its death is an end of file
        termination.watch(self.horse_pid)
        with redis_may_fail("prepare"):
            self.prepare_execution(job)
            self.prepare_job_execution(job, remove_from_intermediate_queue=True)
        while not select.select([alive], [], [], self._pause_s())[0]:
            self.maintain_heartbeats(job)
        os.close(alive)
        _, status, _ = self.wait_for_horse()
        termination.watch(0)
        self._horse_pid = 0
        return os.waitstatus_to_exitcode(status or 0)

    def _pause_s(self) -> float:
        return max(0.1, min(self._settings.heartbeat_s, self._deadline - time.monotonic()))

    def maintain_heartbeats(self, job: Job) -> None:
        """Extend the lease, and stop the work horse when the run is not ours any more or takes too long."""
        assert self._held
        try:
            with self._engine.begin() as connection:
                extend_lease(connection, self._held, self._settings.lease_s)
        except LeaseLost as error:
            log.warning("lease_lost attempt=%d reason=%s", self._held.attempt, error)
            termination.stop_horse()
        except OperationalError as error:
            log.warning("heartbeat_missed attempt=%d reason=%s", self._held.attempt, error.orig)
        if time.monotonic() > self._deadline:
            termination.stop_horse()
        with redis_may_fail("heartbeat"):
            if self.execution:
                super().maintain_heartbeats(job)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """The forked process: run the claimed backtest; it needs no Redis."""
        self.setup_work_horse_signals()  # type: ignore[no-untyped-call]
        self._is_horse = True
        status = HorseExit.NOT_PERSISTED
        try:
            from consumer.task import run_backtest  # numpy and the engine are loaded by the work horse only

            assert self._held
            status = run_backtest(self._held, self._engine, self._settings)
        except BaseException:
            log.exception("work_horse_died")
        finally:
            os._exit(status)

    # What is left in Redis for people to look at

    def _tidy(self, job: Job, queue: Queue, status: int, reason: str) -> None:
        job.ended_at = now()
        if status == HorseExit.SUCCEEDED:
            self.handle_job_success(job, queue, queue.started_job_registry)
        elif status == HorseExit.FAILED:
            self.handle_job_failure(job, queue, exc_string=reason)
        else:
            self._forget(job, queue)

    def _forget(self, job: Job, queue: Queue) -> None:
        """Remove a message that another attempt has replaced."""
        with redis_may_fail("forget"), self.connection.pipeline() as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            self.cleanup_execution(job, pipeline=pipeline)
            job.delete(pipeline=pipeline, remove_from_queue=False)
            pipeline.execute()
