"""`python -m consumer.local_scaler`: KEDA's part on a single machine: start one process per queued message."""

import fcntl
import logging
import math
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from adapters.logs import run_program
from adapters.queue.run_queue import SCALER_EXPIRY_S, RunQueue, ScalerState
from adapters.settings import Settings
from consumer.job_processes import JobProcesses, ScaledJob, jobs_to_start, read_scaled_job
from consumer.sealed.seal import can_seal
from contracts.errors import InvalidSettings, QueueUnavailable

log = logging.getLogger(__name__)

# per poll of KEDA, which goes through an API server: here one costs a round trip to Redis, 0.3 % of a core every 50 ms,
# and a Job starts so soon that rarer polls would be most of the wait after a click
POLLS_PER_KEDA_POLL = 20
GRACE_S = 25.0  # for processes to hand their runs back; afterwards they are killed
SCRATCH_PREFIX = "backtest-scaler-"  # of the temporary folders with ready files
# pause after a process that failed without taking a message, since the next one would probably fail, too
RETRY_S = 5.0


def _warn_of_unsealed(settings: Settings) -> None:
    """Log one line where strategies in Python run without the seal, or not at all because nothing can seal them."""
    if settings.python_rules == "trusted":
        log.warning("python_unsealed strategies in Python run unsealed: PYTHON_RULES=trusted")
    elif settings.python_rules == "sealed" and not can_seal():
        what = "run unsealed" if settings.is_private else "are refused"
        log.warning("python_unsealed strategies in Python %s: no seccomp, or no libseccomp", what)


class LocalScaler:
    """Polls both lists every `poll_s` and whenever a Job ends; starts, reaps and stops Jobs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue = RunQueue(settings)
        self._lists = tuple(f"rq:queue:{name}" for name in settings.queue_names)
        self._jobs = JobProcesses(settings.scaler_start)
        self._started = 0
        self._retry_at = 0.0
        self._published: ScalerState | None = None
        self._publish_at = 0.0
        self._redis_is_away = self._was_paused = False
        self._scratch = _scratch_folder()
        self.scaled_job = self._read_manifest()
        _warn_of_unsealed(settings)

    def _read_manifest(self) -> ScaledJob:
        path = self._settings.scaler_manifest
        self._manifest_stamp = _changed_at(path)
        scaled_job = read_scaled_job(path)
        log.info("manifest_read path=%s max_jobs=%d", path, scaled_job.max_jobs)
        if set(scaled_job.list_names) != set(self._lists):
            both = map(",".join, (scaled_job.list_names, self._lists))
            log.warning("manifest_differs lists=%s used_lists=%s", *both)
        limits_s = scaled_job.deadline_s, self._settings.run_timeout_s
        if limits_s[0] < limits_s[1]:
            log.warning("manifest_differs deadline_s=%g run_timeout_s=%d", *limits_s)
        return scaled_job

    @property
    def capacity(self) -> int:
        """Maximum of processes at the same time: the manifest's limit, and the setting's or the number of cores."""
        return min(
            self.scaled_job.max_jobs, self._settings.scaler_max_processes or os.cpu_count() or 1
        )

    @property
    def poll_s(self) -> float:
        """Seconds between two polls of the lists."""
        return self.scaled_job.polling_s / POLLS_PER_KEDA_POLL

    def run(self) -> int:
        """Scale until SIGTERM or SIGINT, then stop the Jobs and wait for them; return the exit code."""
        self._wakeup, written = os.pipe()
        os.set_blocking(written, False)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        # the signal that a Job has ended wakes the loop
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        stop_signals: list[int] = []
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda signum, frame: stop_signals.append(signum))
        log.info("scaler_started lists=%s capacity=%d", ",".join(self._lists), self.capacity)
        while not stop_signals:
            self._reap()
            self._jobs.end_overdue(self.scaled_job)
            self._scale()
            self._pause()
        self._stop_jobs()
        self._scratch.cleanup()
        return 0

    def _pause(self) -> None:
        """Wait for the next poll, or until a Job has ended."""
        readable, _, _ = select.select(
            [self._wakeup, *self._jobs.descriptors], [], [], self.poll_s
        )
        if self._wakeup in readable:
            os.read(self._wakeup, 4096)

    def _reap(self) -> None:
        for job, exit_code in self._jobs.reap():
            if job.is_pending and exit_code > 0:
                self._back_off("job_failed_early", f"exit code {exit_code}")
            job.ready_file.unlink(missing_ok=True)
            log.info(
                "job_ended pid=%d exit_code=%d seconds=%.2f running=%d",
                job.pid,
                exit_code,
                time.monotonic() - job.started_at,
                len(self._jobs),
            )

    def _back_off(self, event: str, reason: object) -> None:
        self._retry_at = time.monotonic() + RETRY_S
        log.error("%s next_in_s=%.0f reason=%s", event, RETRY_S, reason)

    def _scale(self) -> None:
        self._reread_manifest()
        self._jobs.warm_up(self.scaled_job)
        # before the lists are read, so that a Job that pops in between counts once
        pending = self._jobs.pending
        waiting, paused = self._waiting(), self._is_paused()
        self._publish(ScalerState(self.capacity, paused))
        if paused or not waiting or time.monotonic() < self._retry_at:
            return
        count = jobs_to_start(
            waiting,
            len(self._jobs),
            pending,
            self.scaled_job.list_length,
            self.capacity,
        )
        try:
            for _ in range(count):
                self._started += 1
                ready_file = Path(self._scratch.name) / str(self._started)
                self._jobs.start(self.scaled_job, ready_file)
        except OSError as error:  # the machine has no process, memory or descriptor left
            self._back_off("job_start_failed", error)

    def _reread_manifest(self) -> None:
        try:
            if _changed_at(self._settings.scaler_manifest) != self._manifest_stamp:
                self.scaled_job = self._read_manifest()
                self._jobs.drop_template()
        except (OSError, InvalidSettings) as error:
            log.warning("manifest_unreadable kept=previous reason=%s", error)

    def _waiting(self) -> int:
        try:
            waiting = self._queue.depth()
        except QueueUnavailable as error:
            if not self._redis_is_away:
                log.warning("redis_unreachable polling_every_s=%g reason=%s", self.poll_s, error)
            self._redis_is_away = True
            return 0
        if self._redis_is_away:
            log.info("redis_reachable waiting=%d", waiting)
        self._redis_is_away = False
        return waiting

    def _is_paused(self) -> bool:
        paused = self._settings.scaler_pause_file.exists()
        if paused != self._was_paused:
            word = "paused" if paused else "resumed"
            log.info("scaler_%s running=%d", word, len(self._jobs))
        self._was_paused = paused
        return paused

    def _publish(self, state: ScalerState) -> None:
        """Publish the state for the pages; in Redis it expires unless it is renewed."""
        if state == self._published and time.monotonic() < self._publish_at:
            return
        with suppress(QueueUnavailable):  # the polling of the lists has logged it
            self._queue.publish_scaler_state(state)
            self._published, self._publish_at = state, time.monotonic() + SCALER_EXPIRY_S / 3

    def _stop_jobs(self) -> None:
        log.info("scaler_stopping running=%d", len(self._jobs))
        self._jobs.drop_template()
        self._jobs.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while running := len(self._jobs):
            if time.monotonic() > deadline:
                log.warning("jobs_killed running=%d after_s=%.0f", running, GRACE_S)
                self._jobs.signal(signal.SIGKILL)
                deadline = math.inf
            self._pause()
            self._reap()


def _changed_at(path: Path) -> float:
    """Time of the last change; 0 for a file that does not exist."""
    return path.stat().st_mtime if path.exists() else 0.0


def _scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """Create a folder that this process keeps locked; delete those of scalers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*"):
        with suppress(OSError):  # its scaler is alive, or it belongs to another user
            os.close(_lock(folder))
            shutil.rmtree(folder)
    scratch = tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX)
    _lock(scratch.name)
    return scratch


def _lock(folder: str | Path) -> int:
    """Lock a folder and return the descriptor that holds the lock; BlockingIOError when another process has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def main() -> int:
    """Scale until a signal ends it."""
    return run_program("scaler", lambda settings: LocalScaler(settings).run())


if __name__ == "__main__":
    sys.exit(main())
