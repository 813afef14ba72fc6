"""The platform's programs as real processes: started, watched through their logs, and reaped without exception."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil

from tests.services.process_server import MODULES, NEEDS_NEW_PROCESS, ForkedProcess
from tests.services.waiting import slowness, wait_until

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_TAG = "TEST_PROCESS_TAG"  # inherited by all descendants, so that none is left behind


class Program:
    """One started program and its log."""

    def __init__(self, process: subprocess.Popen[bytes] | ForkedProcess, log_path: Path) -> None:
        self._process = process
        self._log_path = log_path
        self.pid = process.pid

    @property
    def log(self) -> str:
        """All output of the program so far."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def wait_for_line(self, pattern: str, timeout_s: float = 30.0, times: int = 1) -> str:
        """Wait for the `times`th line that matches the pattern and return it; AssertionError when the program exits."""

        def match() -> str | None:
            ended = self._process.poll() is not None
            lines = [line for line in self.log.splitlines() if re.search(pattern, line)]
            if len(lines) >= times:
                return lines[times - 1]
            assert not ended, (
                f"exit code {self._process.returncode} before {pattern!r} was logged:\n{self.log}"
            )
            return None

        return wait_until(match, timeout_s, f"{pattern!r} in the log", lambda: self.log) or ""

    def wait(self, timeout_s: float = 60.0) -> int:
        """Wait for the exit code, negative when a signal killed it; AssertionError with the log after `timeout_s`."""
        timeout_s *= slowness()
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"pid {self.pid} did not end within {timeout_s:g} s:\n{self.log}"
            ) from None

    def is_running(self) -> bool:
        """True until the program has exited."""
        return self._process.poll() is None

    def send(self, signum: signal.Signals) -> None:
        """Send a signal to this one process."""
        self._process.send_signal(signum)

    def children(self) -> list[int]:
        """Process ids of the program's living children."""
        try:
            return [
                child.pid
                for child in psutil.Process(self.pid).children()
                if child.status() != "zombie"
            ]
        except psutil.NoSuchProcess:
            return []


class ForkedJob(Program):
    """A Job that was forked from a warm template: signals are for the Job, the exit code is its own."""

    def __init__(self, environ: Mapping[str, str], log_path: Path) -> None:
        pid_file = log_path.with_suffix(".pid")
        command = [sys.executable, "-m", "tests.services.forked_job", str(pid_file)]
        super().__init__(_started(command, environ, log_path), log_path)
        wait_until(lambda: pid_file.exists() or not self.is_running(), 30, "a forked Job")
        self.pid = int(pid_file.read_text())

    def send(self, signum: signal.Signals) -> None:
        """Send a signal to the Job, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signum)


def _started(
    command: list[str], environ: Mapping[str, str], log_path: Path
) -> subprocess.Popen[bytes]:
    with log_path.open("wb") as log:
        return subprocess.Popen(
            command, cwd=PROJECT_ROOT, env=dict(environ), stdout=log, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


class Programs:
    """Starts the platform's programs with one test's settings; `way` is how Jobs are started, `plain` or `warm`."""

    way = "plain"

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._directory = directory
        self._tag = uuid4().hex
        self.environ = {
            **_own_environment(),
            "TMPDIR": str(directory),
            **environ,
            _TAG: self._tag,
        }
        self.started: list[Program] = []

    def start(self, module: str, *arguments: str, **settings: str) -> Program:
        """`python -m module arguments` from the checkout, with these settings on top of the test's."""
        environ = self.environ | settings
        if self.way == "warm" and module == "consumer":
            return self._note(ForkedJob(environ, self._log_path()))
        if self.way == "warm" or module not in MODULES or NEEDS_NEW_PROCESS & environ.keys():
            return self.run([sys.executable, "-m", module, *arguments], **settings)
        process = ForkedProcess(module, arguments, environ, self._log_path())
        return self._note(Program(process, self._log_path()))

    def run(self, command: list[str], **settings: str) -> Program:
        """Any command, watched and reaped like the platform's own programs."""
        return self._note(
            Program(
                _started(command, self.environ | settings, self._log_path()), self._log_path()
            )
        )

    def _log_path(self) -> Path:
        return self._directory / f"{len(self.started)}.log"

    def _note(self, program: Program) -> Program:
        self.started.append(program)
        return program

    def survivors(self) -> list[psutil.Process]:
        """Processes started here, descendants included, that are still alive."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        """Tagged, or of the session of one that was forked and so has no tag in its memory."""
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            sessions = {program.pid for program in self.started}
            return process.environ().get(_TAG) == self._tag or os.getsid(process.pid) in sessions
        except (psutil.Error, OSError):
            return False

    def reap(self) -> None:
        """Kill everything that was started here, descendants included."""
        while survivors := self.survivors():
            for process in survivors:
                _kill(process)  # repeated, since one may just have been starting another
        for program in self.started:
            program.wait(10)


def _own_environment() -> dict[str, str]:
    """The test process's environment without anything that could steer the platform."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _kill(process: psutil.Process) -> None:
    """Without psutil's own `kill`: it refuses a pid that was reused, and the next list of processes leaves that out."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
