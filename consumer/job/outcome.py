"""Record the outcome of a run whose child process has exited, and enqueue its next attempt."""

import logging
from collections.abc import Callable

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from adapters.logs import log_context
from adapters.queue.messages import RunMessage
from adapters.queue.run_queue import RunQueue
from adapters.runs.new_runs import mark_enqueued
from adapters.runs.states import Claim, fail, hand_back, lose
from adapters.settings import Settings
from consumer.job.child import ChildExit
from consumer.job.persistence import persist
from consumer.job.termination import termination
from contracts.errors import LeaseLost, QueueUnavailable
from contracts.status import ErrorType, RunStatus

log = logging.getLogger(__name__)

# below the pod's grace period; afterwards the lease runs out and the reconciler takes over
PATIENCE_S = 20.0


def record_outcome(
    engine: Engine, settings: Settings, claim: Claim, exit_code: int, timed_out: bool
) -> bool:
    """Record what the child process could not (a stop, a time limit, its death), and enqueue a next attempt at once.

    Returns True where the Job has done its duty: the run succeeded, was handed back, or belongs to another process.
    """
    if exit_code in (ChildExit.SUCCEEDED, ChildExit.FAILED, ChildExit.OVERTAKEN):
        return exit_code != ChildExit.FAILED
    stopped = termination.requested
    reason, write = _outcome(settings, claim, exit_code, stopped, timed_out)
    try:
        status = persist(engine, write, PATIENCE_S)
    except LeaseLost as error:
        log.info("run_overtaken reason=%s", error)
        return True
    except OperationalError as error:
        log.error("outcome_not_persisted reason=%s", error.orig)
        return False
    if stopped:
        log.info("run_handed_back status=%s", status)
    elif timed_out:
        log.warning("run_timed_out")
    else:
        log.warning("run_lost reason=%s status=%s", reason, status)
    if status is not RunStatus.PENDING:
        return False
    _enqueue_next(engine, settings, claim)
    return stopped


def _outcome(
    settings: Settings, claim: Claim, exit_code: int, stopped: bool, timed_out: bool
) -> tuple[str, Callable[[Connection], RunStatus | None]]:
    """Return the reason why the child process ended, and the write that records it."""
    if stopped:
        return "handed back", lambda connection: hand_back(
            connection, claim, settings.max_handbacks
        )
    if timed_out:
        reason = f"the run took longer than its time limit of {settings.run_timeout_s} s and was killed"
        return reason, lambda connection: fail(connection, claim, ErrorType.TIMEOUT, reason)
    cause = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    reason = f"its process died ({cause})"
    return reason, lambda connection: lose(connection, claim, settings.max_losses, reason)


def _enqueue_next(engine: Engine, settings: Settings, claim: Claim) -> None:
    messages = [RunMessage.of(claim.request, claim.attempt + 1)]
    try:
        RunQueue(settings).enqueue(messages)
        persist(engine, lambda connection: mark_enqueued(connection, messages), PATIENCE_S)
    except (QueueUnavailable, OperationalError) as error:
        with log_context(attempt=claim.attempt + 1):
            log.warning("enqueue_postponed reason=%s", error)
