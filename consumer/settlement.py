"""What becomes of a run when its work horse is gone: recorded in the database, and its next attempt enqueued."""

import logging

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from adapters.logs import log_context
from adapters.queue.messages import RunMessage
from adapters.queue.run_queue import RunQueue
from adapters.runs.new_runs import mark_enqueued
from adapters.runs.states import Claim, fail, hand_back, lose
from adapters.settings import Settings
from consumer.horse import HorseExit
from consumer.persistence import persist
from contracts.errors import LeaseLost, QueueUnavailable
from contracts.status import ErrorType, RunStatus
from contracts.values import frozen

log = logging.getLogger(__name__)

# below the pod's grace period; afterwards the lease runs out and the reconciler takes over
PATIENCE_S = 20.0


@frozen
class Verdict:
    """How a Job's process ended, and why."""

    is_good: bool
    reason: str


SETTLED: dict[int, Verdict] = {  # by the work horse itself
    HorseExit.SUCCEEDED: Verdict(True, "succeeded"),
    HorseExit.FAILED: Verdict(False, "failed; the database has the reason"),
    HorseExit.OVERTAKEN: Verdict(True, "overtaken"),
}


class Settlement:
    """The parent's last writes about the run that it holds."""

    def __init__(self, engine: Engine, settings: Settings, held: Claim) -> None:
        self._engine = engine
        self._settings = settings
        self._held = held

    def settle(self, status: int, *, stopped: bool, timed_out: bool) -> Verdict:
        """Record what the work horse could not: a stop, a time limit, a death."""
        if verdict := SETTLED.get(status):
            return verdict
        try:
            if stopped:
                return self._hand_back()
            return self._time_out() if timed_out else self._lose(status)
        except LeaseLost as error:
            log.info("run_overtaken reason=%s", error)
            return Verdict(True, str(error))
        except OperationalError as error:
            log.error("outcome_not_persisted reason=%s", error.orig)
            return Verdict(False, "the database does not answer")

    def _hand_back(self) -> Verdict:
        """Give the run back as its next attempt, and enqueue that at once."""
        limit = self._settings.max_handbacks
        status = persist(
            self._engine, lambda connection: hand_back(connection, self._held, limit), PATIENCE_S
        )
        log.info("run_handed_back status=%s", status)
        self._enqueue_next(status)
        return Verdict(status is RunStatus.PENDING, "handed back")

    def _lose(self, status: int) -> Verdict:
        cause = f"signal {-status}" if status < 0 else f"exit code {status}"
        reason = f"its process died ({cause})"
        limit = self._settings.max_losses
        after = persist(
            self._engine,
            lambda connection: lose(connection, self._held, limit, reason),
            PATIENCE_S,
        )
        log.warning("run_lost cause=%s status=%s", cause, after)
        self._enqueue_next(after)
        return Verdict(False, reason)

    def _time_out(self) -> Verdict:
        reason = f"the run took longer than its time limit of {self._settings.run_timeout_s} s and was killed"
        persist(
            self._engine,
            lambda connection: fail(connection, self._held, ErrorType.TIMEOUT, reason),
            PATIENCE_S,
        )
        log.warning("run_timed_out")
        return Verdict(False, reason)

    def _enqueue_next(self, status: RunStatus) -> None:
        if status is not RunStatus.PENDING:
            return
        message = RunMessage.of(self._held.request, self._held.attempt + 1)
        try:
            RunQueue(self._settings).enqueue([message])
            persist(
                self._engine, lambda connection: mark_enqueued(connection, [message]), PATIENCE_S
            )
        except (QueueUnavailable, OperationalError) as error:
            with log_context(attempt=message.attempt):
                log.warning("enqueue_postponed reason=%s", error)
