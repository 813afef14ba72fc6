"""The child process that computes a run: its exit code, its progress, and its death as the parent sees them."""

import logging
import mmap
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from enum import IntEnum

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class ChildExit(IntEnum):
    """Exit codes of the child process; any other code, or a signal, means that it died.

    The outcome travels as an exit code because database and Redis may both be away.
    """

    SUCCEEDED = 0  # result and SUCCEEDED are committed
    FAILED = 10  # FAILED and its reason are committed
    OVERTAKEN = 11  # another process owns the run; nothing was written
    NOT_PERSISTED = 12  # the database was away for too long


class ChildProcess:
    """A forked process that does the work, and two numbers in memory that it shares with its parent.

    Only the death of the child closes its end of the pipe between them, so the parent notices at once.
    """

    def __init__(self, work: Callable[["ChildProcess"], int]) -> None:
        """Fork; in the new process `work` returns the exit code."""
        # progress, and the time at which everything was computed
        self._shared = memoryview(mmap.mmap(-1, 16)).cast("d")
        parent_pid, (self._parent_end, child_end) = os.getpid(), os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(child_end)
            return
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

    def wait(self, timeout_s: float) -> int | None:
        """Wait for the exit code, negative when a signal killed it; None while it is alive after `timeout_s`."""
        if not select.select([self._parent_end], [], [], timeout_s)[0]:
            return None
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _die_with(parent_pid: int) -> None:
    """Let the kernel kill this process when its parent dies, since nobody would keep its lease; on Linux only."""
    if sys.platform == "linux":
        import ctypes  # numpy loads it anyway, but only here

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)
