"""The work horse, seen from its parent: how its outcome gets across, and how its death is noticed."""

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


class HorseExit(IntEnum):
    """Exit codes of the work horse, since both databases may be away; any other code or signal means that it died."""

    SUCCEEDED = 0  # result and SUCCEEDED are committed
    FAILED = 10  # FAILED and its reason are committed
    OVERTAKEN = 11  # another process owns the run; nothing was written
    NOT_PERSISTED = 12  # the database was away for too long


class Horse:
    """The forked process that does the work, and two numbers that it shows its parent.

    There is a pipe between them, whose other end only its death can close.
    """

    def __init__(self, work: Callable[["Horse"], int]) -> None:
        """Fork; in the new process `work` gives the exit code."""
        # how much is done, and when all of it was
        self._seen = memoryview(mmap.mmap(-1, 16)).cast("d")
        parent_pid, (self._parent_end, horse_end) = os.getpid(), os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(horse_end)
            return
        status: int = HorseExit.NOT_PERSISTED
        try:
            os.setpgrp()  # Ctrl-C in a terminal is for the parent, which hands the run back
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            _die_with(parent_pid)
            status = work(self)
        except BaseException:
            log.exception("work_horse_died")
        finally:
            os._exit(status)

    @property
    def done(self) -> int:
        """How much of its work it has done."""
        return int(self._seen[0])

    def say_done(self, done: int) -> None:
        """Tell the parent how much is done."""
        self._seen[0] = done

    @property
    def computed_at(self) -> float:
        """Since when, by the monotonic clock, only the result has to be written; 0 until then."""
        return self._seen[1]

    def say_computed(self) -> None:
        """Tell the parent that the time limit has been kept."""
        self._seen[1] = time.monotonic()

    def exit_code(self, wait_s: float) -> int | None:
        """Its exit code, as soon as it has one, negative when a signal killed it; None when it lives after `wait_s`."""
        if not select.select([self._parent_end], [], [], wait_s)[0]:
            return None
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _die_with(parent_pid: int) -> None:
    """Let the kernel kill this process when its parent dies, since nobody would keep its lease; on Linux only."""
    if sys.platform == "linux":
        import ctypes  # numpy loads it anyway, but only here

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)
