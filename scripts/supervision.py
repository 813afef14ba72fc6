"""Supervised programs: restarted after growing pauses whenever they end by themselves."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
STEADY_S = 60.0  # after running for so long a program is restarted with the first pause again
PATIENCE_S = 30.0  # to end by itself; the scaler gives its Jobs 25 s to hand their runs back


@dataclass
class Program:
    """One program, in a new session, so that Ctrl-C does not reach it and it can be ended in order.

    A `command` that is text is run by a shell; `log` receives the output.
    """

    name: str
    command: str | Sequence[str]
    environment: Mapping[str, str]
    log: Path | None = None

    def __post_init__(self) -> None:
        self._pause_s = FIRST_PAUSE_S
        self._start()

    def _start(self) -> None:
        with self.log.open("ab") if self.log else nullcontext() as log:
            self._process = subprocess.Popen(
                self.command,
                shell=isinstance(self.command, str),
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self._due: float | None = None

    @property
    def has_ended(self) -> bool:
        """True while it does not run."""
        return self._process.poll() is not None

    def supervise(self) -> None:
        """Report when it has ended, and restart it when its pause is over; to be called often."""
        if not self.has_ended:
            return
        now = time.monotonic()
        if self._due is None:
            pause_s = FIRST_PAUSE_S if now - self._started_at > STEADY_S else self._pause_s
            self._due, self._pause_s = now + pause_s, min(2 * pause_s, LONGEST_PAUSE_S)
            code = self._process.returncode
            print(
                f"{self.name} ended with exit code {code}; it is restarted in {pause_s:g} s",
                flush=True,
            )
        elif now >= self._due:
            self._start()

    def wait_for_end(self) -> None:
        """Wait until it has ended; kill it after PATIENCE_S."""
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def end(programs: Sequence[Program]) -> None:
    """End all programs at the same time."""
    for program in programs:
        program._process.terminate()
    for program in programs:
        program.wait_for_end()
