"""SIGTERM and SIGINT in each phase of a Job's process.

Imports nothing heavy, since the handlers must stand before all other imports: a process that is PID 1 ignores SIGTERM
until it has a handler, so a terminated pod could otherwise pop a message and be killed with it.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn


class Termination:
    """The request to stop, and the child process that has to die for it."""

    def __init__(self) -> None:
        self.requested = False
        self._child_pid = 0
        self._ends_at_once = True
        # called in the process that pops, whatever ends it
        self.before_exit: Callable[[], None] = lambda: None

    def install(self) -> None:
        """Handle SIGTERM and SIGINT from here on; until a pop begins they end the process."""
        signal.signal(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGINT, self._handle)

    def defer(self) -> None:
        """From a pop on: let a signal only set `requested` and kill the child, since the process may own a message."""
        self._ends_at_once = False
        self._exit_if_requested()

    def resume(self) -> None:
        """Let a signal end the process again, since it owns no message."""
        self._ends_at_once = True
        self._exit_if_requested()

    def _exit_if_requested(self) -> None:
        if self.requested:
            self._exit(0)

    def exit(self, exit_code: int) -> NoReturn:
        """End the process without the interpreter's cleanup.

        The cleanup removes the handlers and then takes tens of milliseconds; a signal during them would turn a
        finished run into a failed Job.
        """
        for stream in (sys.stdout, sys.stderr):
            # its reader is gone, or it was closed from the beginning
            with suppress(OSError, AttributeError):
                stream.flush()
        self._exit(exit_code)

    def _exit(self, exit_code: int) -> NoReturn:
        before_exit, self.before_exit = self.before_exit, lambda: None
        try:
            before_exit()  # a second signal does not wait for it
        finally:
            os._exit(exit_code)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self.requested = True
        if self._ends_at_once:
            self._exit(0)
        self.kill_child()

    def set_child(self, pid: int) -> None:
        """Set the process that has to die for a stop, 0 for none; kill it if a stop was requested already."""
        self._child_pid = pid
        if self.requested:
            self.kill_child()

    def kill_child(self) -> None:
        """Kill the child process, if there is one; what it had not committed does not exist."""
        if self._child_pid:
            with suppress(ProcessLookupError):
                os.kill(self._child_pid, signal.SIGKILL)


termination = Termination()
