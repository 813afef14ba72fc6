"""The forking RQ worker of a Job: pops one message, claims its run, keeps the lease while a work horse runs it.

RQ brings the message format and the registries. What decides is the database: the parent claims before the fork and
settles the outcome after it. All of Redis is the parent's business and may fail at any point without hurting the run.
"""

import logging
import os
import time
from uuid import uuid4

from rq import Queue
from rq.job import Job
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from adapters.queue.messages import attempt_of
from adapters.settings import Settings
from adapters.store.runs import Attempt, Claim, claim, extend_lease
from consumer.horse import HorseExit, Lifeline, die_with
from consumer.messages import MessageWorker, redis_may_fail
from consumer.persistence import persist
from consumer.settlement import Settlement
from consumer.termination import termination
from contracts.errors import LeaseLost, StaleMessage

log = logging.getLogger(__name__)

CLAIM_PATIENCE_S = 120.0  # a popped message is worth waiting for; afterwards the reconciler enqueues it again
OVERTIME_S = 5.0  # beyond its time limit a work horse may take so long to stop by itself
WRITING_S = 1500.0  # for a result, and then for its failure, a work horse waits 600 s each; beyond that it hangs


class RunWorker(MessageWorker):
    """One message, one run, one outcome."""

    def __init__(self, queue: Queue, engine: Engine, settings: Settings, name: str) -> None:
        self._engine = engine
        self._held: Claim | None = None
        self._deadline = 0.0
        self._timed_out = False
        super().__init__(queue, settings, name)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Claim the run, let a work horse run it, settle the outcome."""
        waiting = Attempt(*attempt_of(job.id))
        try:
            self._held = self._claim(waiting)
        except StaleMessage as error:
            log.info("message_stale attempt=%d reason=%s", waiting.attempt, error)
            self.outcome_is_good = True
            self.ignore(job, queue)
        except OperationalError as error:
            log.error("claim_failed attempt=%d reason=%s", waiting.attempt, error.orig)
            if termination.requested:
                self.put_back(job, queue)
        else:
            self._run(self._held, job, queue)

    def _claim(self, waiting: Attempt) -> Claim:
        token, lease_s = str(uuid4()), self._settings.lease_s
        held = persist(
            self._engine,
            lambda connection: claim(connection, waiting, token, lease_s, self.name),
            CLAIM_PATIENCE_S,
            lambda: termination.requested,
        )
        log.info("run_claimed attempt=%d worker=%s", waiting.attempt, self.name)
        return held

    def _run(self, held: Claim, job: Job, queue: Queue) -> None:
        # a signal that came between pop and claim finds no work horse to kill
        status = HorseExit.NOT_PERSISTED if termination.requested else self._work(job, queue)
        settlement = Settlement(self._engine, self._settings, held)
        verdict = settlement.settle(status, stopped=termination.requested, timed_out=self._timed_out)
        self.outcome_is_good = verdict.is_good
        self.tidy(job, queue, status, verdict.reason)

    def _work(self, job: Job, queue: Queue) -> int:
        """Exit code of the work horse; negative when a signal killed it."""
        self._deadline = time.monotonic() + self._settings.run_timeout_s + OVERTIME_S
        self._engine.dispose()  # a connection must not live in two processes
        self._lifeline = Lifeline()
        self.fork_work_horse(job, queue)
        self._lifeline.keep_parent_end()
        termination.watch(self.horse_pid)
        self.show_start(job)
        while not self._lifeline.is_cut(self._pause_s()):
            self._beat(job)
        _, status = os.waitpid(self.horse_pid, 0)
        termination.watch(0)
        self._horse_pid = 0
        return os.waitstatus_to_exitcode(status)

    def _pause_s(self) -> float:
        return max(0.1, min(self._settings.heartbeat_s, self._deadline - time.monotonic()))

    def _beat(self, job: Job) -> None:
        """Extend the lease, and stop the work horse when the run is not ours any more or takes too long."""
        if self._lifeline.computed_at:
            self._deadline = self._lifeline.computed_at + WRITING_S
        if time.monotonic() > self._deadline:
            self._timed_out = not self._lifeline.computed_at
            termination.stop_horse()
        assert self._held
        try:
            with self._engine.begin() as connection:
                extend_lease(connection, self._held, self._settings.lease_s)
        except LeaseLost as error:
            log.warning("lease_lost attempt=%d reason=%s", self._held.attempt, error)
            termination.stop_horse()
        except OperationalError as error:
            log.warning("heartbeat_missed attempt=%d reason=%s", self._held.attempt, error.orig)
        with redis_may_fail("heartbeat"):
            if self.execution:
                self.maintain_heartbeats(job)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """The forked process: run the claimed backtest; it needs no Redis."""
        parent_pid = self.pid
        status = HorseExit.NOT_PERSISTED
        try:
            self.setup_work_horse_signals()  # type: ignore[no-untyped-call]
            self._is_horse = True
            self._lifeline.keep_horse_end()
            assert self._held and parent_pid
            die_with(parent_pid)
            from consumer.task import run_backtest  # numpy and the engine are loaded by the work horse only

            status = run_backtest(self._held, self._engine, self._settings, self._lifeline.say_computed)
        except BaseException:
            log.exception("work_horse_died")
        finally:
            os._exit(status)
