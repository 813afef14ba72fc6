"""The child process that computes a run, as its parent sees it: its progress, its end, and the outcome to record."""

import logging
import mmap
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from enum import IntEnum

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from adapters.database import persist
from adapters.logs import log_context
from adapters.queue.messages import RunMessage
from adapters.queue.run_queue import RunQueue
from adapters.runs.changes import mark_enqueued
from adapters.runs.states import Claim, fail, hand_back, lose
from adapters.settings import Settings
from consumer.job.termination import termination
from contracts.errors import LeaseLost, QueueUnavailable
from contracts.status import ErrorType, RunStatus

log = logging.getLogger(__name__)

# how long an outcome waits for the database, below the pod's grace period; afterwards the lease expires and the
# reconciler takes over
PATIENCE_S = 20.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class ChildExit(IntEnum):
    """Exit codes of the child process; any other code, or a signal, means that it died.

    The outcome travels as an exit code because database and Redis may both be away.
    """

    SUCCEEDED = 0  # result and SUCCEEDED are committed
    FAILED = 10  # FAILED and its reason are committed
    OVERTAKEN = 11  # another process owns the run; nothing was written
    NOT_PERSISTED = 12  # the database was down for too long


class ChildProcess:
    """A forked process that does the work, and three numbers in memory that it shares with its parent.

    Only the death of the child closes its end of the pipe between them, so the parent notices at once.
    """

    def __init__(self, work: Callable[["ChildProcess"], int]) -> None:
        """Fork; in the new process `work` returns the exit code."""
        # progress, the time at which everything was computed, and the recorded CPU seconds
        self._shared = memoryview(mmap.mmap(-1, 24)).cast("d")
        parent_cpu_s = cpu_seconds()
        parent_pid, (self._parent_end, child_end) = os.getpid(), os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(child_end)
            self._parent_cpu_s = 0.0
            return
        self._parent_cpu_s = parent_cpu_s
        exit_code: int = ChildExit.NOT_PERSISTED
        try:
            os.setpgrp()  # Ctrl-C in a terminal is for the parent, which hands the run back
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            _die_with(parent_pid)
            exit_code = work(self)
        except BaseException:
            log.exception("child_died")
        finally:
            os._exit(exit_code)

    @property
    def progress(self) -> int:
        """Units of work, such as combinations of a grid, that are done."""
        return int(self._shared[0])

    def report_progress(self, done: int) -> None:
        """Record for the parent how many units of work are done."""
        self._shared[0] = done

    @property
    def computed_at(self) -> float:
        """Time by the monotonic clock at which only the result was left to be written; 0 until then."""
        return self._shared[1]

    def mark_computed(self) -> None:
        """Record for the parent that the computation has ended, and with it the time limit."""
        self._shared[1] = time.monotonic()

    def unrecorded_cpu_s(self) -> float:
        """Return the Job's CPU seconds that are not recorded yet; in the child or, after its end, in its parent."""
        return self._parent_cpu_s + cpu_seconds() - self._shared[2]

    def mark_recorded(self, cpu_s: float) -> None:
        """Note that so many more CPU seconds are recorded."""
        self._shared[2] += cpu_s

    def wait(self, timeout_s: float) -> int | None:
        """Wait for the exit code, negative when a signal killed it; None while it is alive after `timeout_s`."""
        if not select.select([self._parent_end], [], [], timeout_s)[0]:
            return None
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def cpu_seconds() -> float:
    """Return the CPU seconds of this process, and of its ended children with theirs."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _die_with(parent_pid: int) -> None:
    """Let the kernel kill this process when its parent dies, since nobody would keep its lease; on Linux only."""
    if sys.platform == "linux":
        import ctypes  # numpy loads it anyway, but only here

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)


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
