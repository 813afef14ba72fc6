"""What SIGTERM means in each phase of a Job's process; imports nothing heavy, since it must stand before all imports.

A process that is PID 1 ignores SIGTERM until it has a handler of its own, so a handler that came after the imports
would let a terminated pod pop a message and be killed with it.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn


class Termination:
    """The request to stop, and the process that has to die for it."""

    def __init__(self) -> None:
        self.requested = False
        self._horse_pid = 0
        self._idle = True
        # in the process that pops, whatever ends it
        self.before_exit: Callable[[], None] = lambda: None

    def install(self) -> None:
        """From here on SIGTERM and SIGINT are handled here; while nothing has been popped they end the process."""
        signal.signal(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGINT, self._handle)

    def may_own_message(self, may: bool) -> None:
        """While the process may own one, a signal only leaves a note and stops the work horse; else it ends it."""
        self._idle = not may
        if self.requested:
            self._exit(0)

    def leave(self, exit_code: int) -> NoReturn:
        """End the process with its outcome, without the interpreter's own farewell.

        That would take the handlers away while it tidies up for tens of milliseconds, and a signal that came then would
        turn a finished run into a failed Job.
        """
        for stream in (sys.stdout, sys.stderr):
            # its reader is gone, or it was closed from the beginning
            with suppress(OSError, AttributeError):
                stream.flush()
        self._exit(exit_code)

    def _exit(self, exit_code: int) -> NoReturn:
        before_exit, self.before_exit = self.before_exit, lambda: None
        try:
            before_exit()  # for which a second signal does not wait
        finally:
            os._exit(exit_code)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self.requested = True
        if self._idle:
            self._exit(0)
        self.stop_horse()

    def watch(self, horse_pid: int) -> None:
        """Name the process that has to die for a stop, 0 for none; a stop that came just before reaches it too."""
        self._horse_pid = horse_pid
        if self.requested:
            self.stop_horse()

    def stop_horse(self) -> None:
        """Kill the work horse, if there is one; what it had not committed does not exist."""
        if self._horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self._horse_pid, signal.SIGKILL)


termination = Termination()
