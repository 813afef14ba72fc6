"""The work horse, seen from its parent: how its outcome gets across, and how its death is noticed."""

import mmap
import os
import select
import signal
import struct
import sys
import time
from contextlib import suppress
from enum import IntEnum

_NUMBER = struct.Struct("=q")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class HorseExit(IntEnum):
    """Exit codes of the work horse, since both databases may be away; any other code or signal means that it died."""

    SUCCEEDED = 0  # result and SUCCEEDED are committed
    FAILED = 10  # FAILED and its reason are committed
    OVERTAKEN = 11  # another process owns the run; nothing was written
    NOT_PERSISTED = 12  # the database was away for too long


class Lifeline:
    """A pipe from the work horse to its parent: a byte says "computed", the end of file that the horse is gone.

    Beside it lies a number that both see: how much of its work the horse has done.
    """

    def __init__(self) -> None:
        self._parent_end, self._horse_end = os.pipe()
        self._done = mmap.mmap(-1, _NUMBER.size)
        # in the parent: since then only the result has to be written
        self.computed_at: float | None = None

    def keep_horse_end(self) -> None:
        """To be called in the work horse after the fork."""
        os.close(self._parent_end)

    def keep_parent_end(self) -> None:
        """To be called in the parent after the fork: now only the horse's death can close the other end."""
        os.close(self._horse_end)

    @property
    def done(self) -> int:
        """How much of its work the horse has done."""
        return int(_NUMBER.unpack_from(self._done)[0])

    def say_done(self, done: int) -> None:
        """Tell the parent how much is done."""
        _NUMBER.pack_into(self._done, 0, done)

    def say_computed(self) -> None:
        """Tell the parent that the time limit has been kept."""
        with suppress(BrokenPipeError):
            os.write(self._horse_end, b"c")

    def is_cut(self, wait_s: float) -> bool:
        """True as soon as the horse is gone, False when it still lives after `wait_s`."""
        while select.select([self._parent_end], [], [], wait_s)[0]:
            if not os.read(self._parent_end, 1):
                os.close(self._parent_end)
                return True
            self.computed_at = time.monotonic()
        return False


def die_with(parent_pid: int) -> None:
    """Let the kernel kill this process when its parent dies, since nobody would keep its lease; on Linux only."""
    if sys.platform == "linux":
        import ctypes  # numpy loads it anyway, but only here

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)
