"""What becomes of a run when its work horse is gone: recorded in the database, and its next attempt enqueued."""

import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from adapters.logs import log_context
from adapters.queue.messages import RunMessage
from adapters.queue.run_queue import RunQueue
from adapters.runs.new_runs import mark_enqueued
from adapters.runs.states import Claim, fail, hand_back, lose
from adapters.settings import Settings
from consumer.job.child import HorseExit
from consumer.job.persistence import persist
from consumer.job.termination import termination
from contracts.errors import LeaseLost, QueueUnavailable
from contracts.status import ErrorType, RunStatus

log = logging.getLogger(__name__)

# below the pod's grace period; afterwards the lease runs out and the reconciler takes over
PATIENCE_S = 20.0


def settle(engine: Engine, settings: Settings, held: Claim, status: int, timed_out: bool) -> bool:
    """Record what the work horse could not: a stop, a time limit, a death; whether that is a good end of its Job.

    A next attempt is enqueued at once.
    """
    if status in (HorseExit.SUCCEEDED, HorseExit.FAILED, HorseExit.OVERTAKEN):
        return status != HorseExit.FAILED
    stopped = termination.requested
    reason, write = _outcome(settings, held, status, stopped, timed_out)
    try:
        after = persist(engine, write, PATIENCE_S)
    except LeaseLost as error:
        log.info("run_overtaken reason=%s", error)
        return True
    except OperationalError as error:
        log.error("outcome_not_persisted reason=%s", error.orig)
        return False
    if stopped:
        log.info("run_handed_back status=%s", after)
    elif timed_out:
        log.warning("run_timed_out")
    else:
        log.warning("run_lost reason=%s status=%s", reason, after)
    if after is not RunStatus.PENDING:
        return False
    _enqueue_next(engine, settings, held)
    return stopped


def _outcome(
    settings: Settings, held: Claim, status: int, stopped: bool, timed_out: bool
) -> tuple[str, Callable[[Connection], RunStatus | None]]:
    """What has happened, and the write that records it."""
    if stopped:
        give_back = partial(hand_back, held=held, max_handbacks=settings.max_handbacks)
        return "handed back", give_back
    if timed_out:
        reason = f"the run took longer than its time limit of {settings.run_timeout_s} s and was killed"
        return reason, partial(fail, held=held, error_type=ErrorType.TIMEOUT, message=reason)
    cause = f"signal {-status}" if status < 0 else f"exit code {status}"
    reason = f"its process died ({cause})"
    return reason, partial(lose, lost=held, max_losses=settings.max_losses, reason=reason)


def _enqueue_next(engine: Engine, settings: Settings, held: Claim) -> None:
    messages = [RunMessage.of(held.request, held.attempt + 1)]
    try:
        RunQueue(settings).enqueue(messages)
        persist(engine, partial(mark_enqueued, messages=messages), PATIENCE_S)
    except (QueueUnavailable, OperationalError) as error:
        with log_context(attempt=held.attempt + 1):
            log.warning("enqueue_postponed reason=%s", error)
