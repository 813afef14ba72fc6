"""The work horse, seen from its parent: how its outcome gets across, and how its death is noticed."""

import mmap
import os
import select
import signal
import sys
import time
from enum import IntEnum

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class HorseExit(IntEnum):
    """Exit codes of the work horse, since both databases may be away; any other code or signal means that it died."""

    SUCCEEDED = 0  # result and SUCCEEDED are committed
    FAILED = 10  # FAILED and its reason are committed
    OVERTAKEN = 11  # another process owns the run; nothing was written
    NOT_PERSISTED = 12  # the database was away for too long


class Lifeline:
    """A pipe whose end of file tells the parent that the work horse is gone, and two numbers that both of them see."""

    def __init__(self) -> None:
        self._parent_end, self._horse_end = os.pipe()
        # how much is done, and when all of it was
        self._seen = memoryview(mmap.mmap(-1, 16)).cast("d")

    def keep_horse_end(self) -> None:
        """To be called in the work horse after the fork."""
        os.close(self._parent_end)

    def keep_parent_end(self) -> None:
        """To be called in the parent after the fork: now only the horse's death can close the other end."""
        os.close(self._horse_end)

    @property
    def done(self) -> int:
        """How much of its work the horse has done."""
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

    def is_cut(self, wait_s: float) -> bool:
        """True as soon as the horse is gone, False when it still lives after `wait_s`."""
        is_gone = bool(select.select([self._parent_end], [], [], wait_s)[0])
        if is_gone:
            os.close(self._parent_end)
        return is_gone


def die_with(parent_pid: int) -> None:
    """Let the kernel kill this process when its parent dies, since nobody would keep its lease; on Linux only."""
    if sys.platform == "linux":
        import ctypes  # numpy loads it anyway, but only here

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)
