"""The local scaler's Jobs: one process each, forked from a warm template where that works, else a plain process.

Their number follows from KEDA's `accurate` strategy with the numbers of the ScaledJob manifest.
"""

import ctypes
import logging
import math
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

import yaml

from adapters.settings import PROJECT_ROOT, environment_with
from contracts.errors import InvalidSettings
from contracts.values import Json, frozen

log = logging.getLogger(__name__)

FORKED_COMMAND = ("python", "-m", "consumer")  # the only command that the template replaces
MAX_FORKS = 1000  # of one template, so that it cannot leak for long
ANSWER_S = 5.0  # a template that has not forked by then hangs
# from the start of a template that failed, or is not ready by then, to the start of the next
TEMPLATE_RETRY_S = 60.0
EXIT_UNKNOWN = 255  # of a Job whose template died before it could report the code
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@frozen
class ScaledJob:
    """The manifest's terms for a scaler."""

    list_names: tuple[str, ...]
    polling_s: float  # between two polls of the lists by KEDA
    list_length: int  # messages per Job
    max_jobs: int
    deadline_s: float  # for a Job, from its start
    grace_s: float  # to end by itself at its deadline
    command: tuple[str, ...]
    # of the container, but only values written in the manifest; no logins
    environment: dict[str, str]


def read_scaled_job(path: Path) -> ScaledJob:
    """Read the ScaledJob of a manifest; InvalidSettings names the file and what it lacks."""
    try:
        return _parse(yaml.safe_load(path.read_text(encoding="utf-8"))["spec"])
    except OSError as error:
        raise InvalidSettings(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidSettings(
            f"{path}: not a ScaledJob with a redis trigger ({error!r})"
        ) from None


def _parse(spec: Json) -> ScaledJob:
    triggers = [each["metadata"] for each in spec["triggers"] if each["type"] == "redis"]
    job = spec["jobTargetRef"]
    pod = job["template"]["spec"]
    container = pod["containers"][0]
    return ScaledJob(
        list_names=tuple(each["listName"] for each in triggers),
        polling_s=float(spec.get("pollingInterval", 30)),  # KEDA's default
        list_length=int(triggers[0].get("listLength", 5)),  # KEDA's default
        max_jobs=int(spec.get("maxReplicaCount", 100)),  # KEDA's default
        deadline_s=float(job.get("activeDeadlineSeconds", math.inf)),
        grace_s=float(pod.get("terminationGracePeriodSeconds", 30)),  # Kubernetes' default
        command=tuple(container["command"]),
        environment={
            each["name"]: each["value"]
            for each in container.get("env", [])
            # this machine's Redis has its own users
            if "value" in each and not each["name"].startswith("REDIS_")
        },
    )


def jobs_to_start(
    waiting: int, unfinished: int, pending: int, list_length: int, max_jobs: int
) -> int:
    """Return the number of Jobs that KEDA's `accurate` strategy creates at one poll.

    waiting: messages in the lists. unfinished: Jobs that have not ended. pending: those of them that have not popped,
    and so are still going to take a message (KEDA 2.20, pkg/scaling/executor/scale_jobs.go).
    """
    needed = min(-(-waiting // list_length), max_jobs)
    if needed + unfinished - pending > max_jobs:
        return max(0, max_jobs - unfinished)
    return max(0, needed - pending)


@dataclass(slots=True)
class JobProcess:
    """A Job's process, and the file that it writes after its pop."""

    pid: int
    ready_file: Path
    started_at: float
    is_overdue: bool = False

    @property
    def is_pending(self) -> bool:
        """True until it has popped a message."""
        return not self.ready_file.is_file()


class Template:
    """The scaler's side of the process that forks Jobs (consumer/job/template.py)."""

    def __init__(self, environment: dict[str, str], exit_codes: dict[int, int]) -> None:
        self._socket, template_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(ANSWER_S)
        with template_end:
            command = [sys.executable, "-m", "consumer.job.template"]
            self.pid = _spawn(command, environment, template_end.fileno())
        self.is_ready = False
        self.forks = 0
        self._exit_codes = exit_codes  # by the pid of each Job that has ended

    def fileno(self) -> int:
        """Descriptor for select: readable when there is an answer."""
        return self._socket.fileno()

    def fork(self, ready_file: Path) -> int | None:
        """Fork a Job and return its pid; None when the template has exited or hangs."""
        with suppress(OSError):  # a broken pipe, or a timeout
            self._socket.send(str(ready_file).encode())
            while answer := self._read():
                if answer[0] == "started":
                    self.forks += 1
                    return int(answer[1])
        return None

    def read_answers(self) -> None:
        """Record all answers since the last call."""
        with suppress(OSError):
            while select.select([self._socket], [], [], 0)[0] and self._read():
                pass

    def _read(self) -> list[str]:
        """Read and record the next answer; empty when the template has exited."""
        words = self._socket.recv(64).decode().split()
        match words:
            case ["ready"]:
                self.is_ready = True
                log.info("template_ready pid=%d", self.pid)
            case ["ended", pid, code]:
                self._exit_codes[int(pid)] = int(code)
        return words

    def kill(self) -> None:
        """Kill the template; its Jobs continue as children of this process."""
        with suppress(ProcessLookupError, ChildProcessError):  # it was waited for already
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.read_answers()
        self._socket.close()


class JobProcesses:
    """All running Jobs, forked and plain ones."""

    def __init__(self, scaler_start: str) -> None:
        self._uses_template = scaler_start == "warm" and sys.platform == "linux"
        self._template: Template | None = None
        self._next_template_at = 0.0
        self._jobs: dict[int, JobProcess] = {}
        self._exit_codes: dict[int, int] = {}  # exit codes since the last `reap`
        if self._uses_template:  # Jobs of a dead template become children of this process
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def pending(self) -> int:
        """Number of Jobs that have not popped a message yet."""
        return sum(job.is_pending for job in self._jobs.values())

    @property
    def descriptors(self) -> list[int]:
        """Descriptors that tell of ended Jobs of a template, for which this process gets no SIGCHLD."""
        return [self._template.fileno()] if self._template else []

    def warm_up(self, scaled_job: ScaledJob) -> None:
        """Start a template where one can be used, and replace one that is not ready in time; it takes a second."""
        may_fork = self._uses_template and scaled_job.command == FORKED_COMMAND
        is_ready = self._template is not None and self._template.is_ready
        if is_ready or not may_fork or time.monotonic() < self._next_template_at:
            return
        if self._template:
            log.warning(
                "template_timed_out pid=%d not_ready_after_s=%.0f",
                self._template.pid,
                TEMPLATE_RETRY_S,
            )
            self.drop_template()
        self._next_template_at = time.monotonic() + TEMPLATE_RETRY_S
        try:
            self._template = Template(scaled_job.environment, self._exit_codes)
        except OSError as error:
            log.warning("template_start_failed next_in_s=%.0f reason=%s", TEMPLATE_RETRY_S, error)

    def drop_template(self) -> None:
        """Kill the template, if there is one; its Jobs continue."""
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
        """Start one Job; OSError when the machine has no process, memory or descriptor left for it."""
        way, pid = "warm", self._fork(ready_file)
        if pid is None:
            program, *arguments = scaled_job.command
            program = sys.executable if program == "python" else program
            environment = {**scaled_job.environment, "READY_FILE": str(ready_file)}
            way, pid = "plain", _spawn([program, *arguments], environment, subprocess.DEVNULL)
        self._jobs[pid] = JobProcess(pid, ready_file, time.monotonic())
        log.info("job_started pid=%d way=%s running=%d", pid, way, len(self))

    def _fork(self, ready_file: Path) -> int | None:
        template = self._template
        if not template or not template.is_ready:
            return None
        pid = template.fork(ready_file)
        if pid is None or template.forks >= MAX_FORKS:
            self.drop_template()
        return pid

    def reap(self) -> Iterator[tuple[JobProcess, int]]:
        """Each Job that has ended since the last call, with its exit code; negative when a signal killed it."""
        # first, since the template reports a code before it releases the pid
        gone = [pid for pid in self._jobs if not _send(pid, 0)]
        self._exit_codes.update(_wait_for_children())
        if self._template:
            self._template.read_answers()
            if self._template.pid in self._exit_codes:
                self.drop_template()
        for pid in self._jobs.keys() & (self._exit_codes.keys() | gone):
            yield self._jobs.pop(pid), self._exit_codes.get(pid, EXIT_UNKNOWN)
        self._exit_codes.clear()

    def end_overdue(self, scaled_job: ScaledJob) -> None:
        """Stop each Job at its deadline, and kill it after its grace period, since a frozen one handles no signal."""
        for job in self._jobs.values():
            overdue_s = time.monotonic() - job.started_at - scaled_job.deadline_s
            if overdue_s > scaled_job.grace_s:
                _send(job.pid, signal.SIGKILL)
            elif overdue_s > 0 and not job.is_overdue:
                job.is_overdue = True
                log.warning("job_overdue pid=%d deadline_s=%g", job.pid, scaled_job.deadline_s)
                _send(job.pid, signal.SIGTERM)

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to every Job."""
        for pid in self._jobs:
            _send(pid, signum)


def _spawn(command: list[str], environment: dict[str, str], stdin: int) -> int:
    """Start a process in its own session, with `environment` on top of this one's; return its pid."""
    environment = environment_with(environment)
    process = subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdin=stdin, start_new_session=True
    )
    # `_wait_for_children` waits for it; Popen would take the exit code when it is garbage-collected
    process.returncode = 0
    return process.pid


def _wait_for_children() -> Iterator[tuple[int, int]]:
    """Pid and exit code of each ended child of this process, adopted ones of a template or a dead Job included."""
    with suppress(ChildProcessError):  # there is no child
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended[0], os.waitstatus_to_exitcode(ended[1])


def _send(pid: int, signum: int) -> bool:
    """Send a signal, or with 0 only check; False when there is no such process."""
    with suppress(ProcessLookupError):
        os.kill(pid, signum)
        return True
    return False
