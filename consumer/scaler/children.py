"""The local scaler's Jobs: one process each, forked from a warm template where that works, else started plainly."""

import ctypes
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.settings import PROJECT_ROOT, environment_with
from consumer.scaler.scaling import ScaledJob

log = logging.getLogger(__name__)

FORKED_COMMAND = ("python", "-m", "consumer")  # what the template can stand in for
MAX_FORKS = 1000  # of one template, so that nothing can grow in it
ANSWER_S = 5.0  # a template that forks nothing for so long hangs
# from the start of a template that is of no use, or not ready by then, to that of the next
TEMPLATE_REST_S = 60.0
EXIT_UNKNOWN = 255  # of a Job whose template died before it could say
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(slots=True)
class Child:
    """A Job's process, and the file that it writes after its pop."""

    pid: int
    ready_file: Path
    started_at: float
    is_overdue: bool = False

    @property
    def is_pending(self) -> bool:
        """Whether it is still going to take a message."""
        return not self.ready_file.is_file()


class Template:
    """The process that forks Jobs (consumer/scaler/template.py), seen from the scaler."""

    def __init__(self, environment: dict[str, str], codes: dict[int, int]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(ANSWER_S)
        with theirs:
            command = [sys.executable, "-m", "consumer.scaler.template"]
            self.pid = _spawn(command, environment, theirs.fileno())
        self.is_ready = False
        self.forks = 0
        self._codes = codes  # by the pid of each Job that has ended

    def fileno(self) -> int:
        """For select: readable when it has something to say."""
        return self._socket.fileno()

    def fork(self, ready_file: Path) -> int | None:
        """The pid of a new Job; None when the template is gone, or of no use any more."""
        with suppress(OSError):  # a broken pipe, or a timeout
            self._socket.send(str(ready_file).encode())
            while answer := self._read():
                if answer[0] == "started":
                    self.forks += 1
                    return int(answer[1])
        return None

    def hear(self) -> None:
        """Note what it has said since the last call."""
        with suppress(OSError):
            while select.select([self._socket], [], [], 0)[0] and self._read():
                pass

    def _read(self) -> list[str]:
        """The next thing that it says, once that is noted; empty when it is gone."""
        words = self._socket.recv(64).decode().split()
        match words:
            case ["ready"]:
                self.is_ready = True
                log.info("template_ready pid=%d", self.pid)
            case ["ended", pid, code]:
                self._codes[int(pid)] = int(code)
        return words

    def kill(self) -> None:
        """End it; its Jobs go on as children of ours."""
        with suppress(ProcessLookupError, ChildProcessError):  # it was waited for already
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.hear()
        self._socket.close()


class Children:
    """Jobs by their pid, however they were started."""

    def __init__(self, way: str) -> None:
        self._wants_template = way == "warm" and sys.platform == "linux"
        self._template: Template | None = None
        self._next_template_at = 0.0
        self._children: dict[int, Child] = {}
        self._codes: dict[int, int] = {}  # exit codes since the last reaping
        if self._wants_template:  # Jobs whose template has died become children of ours
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def __len__(self) -> int:
        return len(self._children)

    @property
    def pending(self) -> int:
        """How many are still going to take a message."""
        return sum(child.is_pending for child in self._children.values())

    @property
    def speaking(self) -> list[int]:
        """File descriptors to wait for beside SIGCHLD, which the Jobs of a template do not send us."""
        return [self._template.fileno()] if self._template else []

    def warm_up(self, scaled_job: ScaledJob) -> None:
        """See that there is a template that gets ready in time, where there can be one; that takes it a second."""
        is_wanted = self._wants_template and scaled_job.command == FORKED_COMMAND
        is_there = self._template is not None and self._template.is_ready
        if is_there or not is_wanted or time.monotonic() < self._next_template_at:
            return
        if self._template:
            log.warning(
                "template_hung pid=%d not_ready_after_s=%.0f", self._template.pid, TEMPLATE_REST_S
            )
            self.drop_template()
        self._next_template_at = time.monotonic() + TEMPLATE_REST_S
        try:
            self._template = Template(scaled_job.environment, self._codes)
        except OSError as error:
            log.warning("template_not_started next_in_s=%.0f reason=%s", TEMPLATE_REST_S, error)

    def drop_template(self) -> None:
        """End the template, if there is one; its Jobs go on."""
        if not self._template:
            return
        if self._template.is_ready:
            self._next_template_at = 0.0
        self._template.kill()
        log.info(
            "template_ended pid=%d was_ready=%s", self._template.pid, self._template.is_ready
        )
        self._template = None

    def start(self, scaled_job: ScaledJob, ready_file: Path) -> None:
        """Start one Job; OSError when the machine has no room for it."""
        way, pid = "warm", self._fork(ready_file)
        if pid is None:
            program, *arguments = scaled_job.command
            program = sys.executable if program == "python" else program
            environment = {**scaled_job.environment, "READY_FILE": str(ready_file)}
            way, pid = "plain", _spawn([program, *arguments], environment, subprocess.DEVNULL)
        self._children[pid] = Child(pid, ready_file, time.monotonic())
        log.info("job_started pid=%d way=%s running=%d", pid, way, len(self))

    def _fork(self, ready_file: Path) -> int | None:
        template = self._template
        if not template or not template.is_ready:
            return None
        pid = template.fork(ready_file)
        if pid is None or template.forks >= MAX_FORKS:
            self.drop_template()
        return pid

    def reap(self) -> Iterator[tuple[Child, int]]:
        """Each Job that has ended since the last call, with its exit code; negative when a signal killed it."""
        # first: the template tells the code before
        gone = [pid for pid in self._children if not _send(pid, 0)]
        self._codes.update(_own_ended())
        if self._template:
            self._template.hear()
            if self._template.pid in self._codes:
                self.drop_template()
        for pid in self._children.keys() & (self._codes.keys() | gone):
            yield self._children.pop(pid), self._codes.get(pid, EXIT_UNKNOWN)
        self._codes.clear()

    def end_overdue(self, scaled_job: ScaledJob) -> None:
        """Stop each Job at its deadline, and kill it after its grace, since a frozen one hears no signal."""
        for child in self._children.values():
            overdue_s = time.monotonic() - child.started_at - scaled_job.deadline_s
            if overdue_s > scaled_job.grace_s:
                _send(child.pid, signal.SIGKILL)
            elif overdue_s > 0 and not child.is_overdue:
                child.is_overdue = True
                log.warning("job_overdue pid=%d deadline_s=%g", child.pid, scaled_job.deadline_s)
                _send(child.pid, signal.SIGTERM)

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to every Job."""
        for pid in self._children:
            _send(pid, signum)


def _spawn(command: list[str], environment: dict[str, str], stdin: int) -> int:
    """The pid of a new process in a session of its own, with this on top of our environment."""
    environment = environment_with(environment)
    process = subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdin=stdin, start_new_session=True
    )
    # `_own_ended` waits for it; Popen would take the exit code away when it is forgotten
    process.returncode = 0
    return process.pid


def _own_ended() -> Iterator[tuple[int, int]]:
    """Pid and exit code of each of our own children that has ended, those left by a template or a dead Job included."""
    with suppress(ChildProcessError):  # none is left
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended[0], os.waitstatus_to_exitcode(ended[1])


def _send(pid: int, signum: int) -> bool:
    """Whether there is such a process, which then gets the signal; 0 is none."""
    with suppress(ProcessLookupError):
        os.kill(pid, signum)
        return True
    return False
