"""`python -m consumer.local_scaler`: on one machine what KEDA is to a cluster: one process per queued message."""

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

from adapters.queue.run_queue import TOLD_S, RunQueue, ScalerState
from adapters.settings import Settings
from consumer.program import run_program
from consumer.scaler.children import Children
from consumer.scaler.scaling import ScaledJob, jobs_to_start, read_scaled_job
from contracts.errors import InvalidSettings, QueueUnavailable

log = logging.getLogger(__name__)

# within one of KEDA's polls, which go through an API server: here a look costs one round trip to Redis, 0.3 % of a core
# at 50 ms, and a Job starts so soon that looking less often would be most of a click's wait
LOOKS_PER_POLL = 20
GRACE_S = 25.0  # for processes that hand their runs back; afterwards they are killed
SCRATCH = "backtest-scaler-"  # folders of ready files begin so, among all temporary ones
# after a process that failed without taking a message: the next one will hardly do better at once
REST_S = 5.0


class LocalScaler:
    """Looks at both lists every `look_s` and whenever a Job ends; starts, reaps and stops Jobs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue = RunQueue(settings)
        self._lists = tuple(f"rq:queue:{name}" for name in settings.queue_names)
        self._children = Children(settings.scaler_start)
        self._started = 0
        self._rest_until = 0.0
        self._told: ScalerState | None = None
        self._tell_at = 0.0
        self._redis_is_away = self._was_paused = False
        self._scratch = _scratch_folder()
        self.scaled_job = self._read_manifest()

    def _read_manifest(self) -> ScaledJob:
        path = self._settings.scaler_manifest
        self._manifest_stamp = _changed_at(path)
        scaled_job = read_scaled_job(path)
        log.info("manifest_read path=%s max_jobs=%d", path, scaled_job.max_jobs)
        if set(scaled_job.list_names) != set(self._lists):
            both = map(",".join, (scaled_job.list_names, self._lists))
            log.warning("manifest_differs its_lists=%s used=%s", *both)
        limits_s = scaled_job.deadline_s, self._settings.run_timeout_s
        if limits_s[0] < limits_s[1]:
            log.warning("manifest_differs its_deadline_s=%g run_timeout_s=%d", *limits_s)
        return scaled_job

    @property
    def capacity(self) -> int:
        """Processes at the same time: never above the manifest's limit nor the machine's cores."""
        return min(
            self.scaled_job.max_jobs, self._settings.scaler_max_processes or os.cpu_count() or 1
        )

    @property
    def look_s(self) -> float:
        """From one look at the lists to the next."""
        return self.scaled_job.polling_s / LOOKS_PER_POLL

    def run(self) -> int:
        """Scale until SIGTERM or SIGINT, then pass it on and wait for the children; the exit code."""
        self._wakeup, written = os.pipe()
        os.set_blocking(written, False)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        # a Job has ended: the signal itself wakes the loop
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        asked: list[int] = []
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda signum, frame: asked.append(signum))
        log.info("scaler_started lists=%s capacity=%d", ",".join(self._lists), self.capacity)
        while not asked:
            self._reap()
            self._children.end_overdue(self.scaled_job)
            self._scale()
            self._pause()
        self._stop_children()
        self._scratch.cleanup()
        return 0

    def _pause(self) -> None:
        """Until the next look, or until a Job has ended."""
        spoken, _, _ = select.select(
            [self._wakeup, *self._children.speaking], [], [], self.look_s
        )
        if self._wakeup in spoken:
            os.read(self._wakeup, 4096)

    def _reap(self) -> None:
        for child, exit_code in self._children.reap():
            if child.is_pending and exit_code > 0:
                self._rest("job_failed_at_start", f"exit code {exit_code}")
            child.ready_file.unlink(missing_ok=True)
            log.info(
                "job_ended pid=%d exit_code=%d seconds=%.2f running=%d",
                child.pid,
                exit_code,
                time.monotonic() - child.started_at,
                len(self._children),
            )

    def _rest(self, event: str, reason: object) -> None:
        self._rest_until = time.monotonic() + REST_S
        log.error("%s next_in_s=%.0f reason=%s", event, REST_S, reason)

    def _scale(self) -> None:
        self._reread_manifest()
        self._children.warm_up(self.scaled_job)
        pending = self._children.pending  # before the lists: who pops in between is counted once
        waiting, paused = self._waiting(), self._is_paused()
        self._tell(ScalerState(self.capacity, paused))
        if paused or not waiting or time.monotonic() < self._rest_until:
            return
        wanted = jobs_to_start(
            waiting,
            len(self._children),
            pending,
            self.scaled_job.list_length,
            self.capacity,
        )
        try:
            for _ in range(wanted):
                self._started += 1
                ready_file = Path(self._scratch.name) / str(self._started)
                self._children.start(self.scaled_job, ready_file)
        except (
            OSError
        ) as error:  # the machine has no process, memory or file descriptor left for it
            self._rest("job_not_started", error)

    def _reread_manifest(self) -> None:
        try:
            if _changed_at(self._settings.scaler_manifest) != self._manifest_stamp:
                self.scaled_job = self._read_manifest()
                self._children.drop_template()
        except (OSError, InvalidSettings) as error:
            log.warning("manifest_unreadable kept=previous reason=%s", error)

    def _waiting(self) -> int:
        try:
            waiting = self._queue.depth()
        except QueueUnavailable as error:
            if not self._redis_is_away:
                log.warning("redis_unreachable polling_every_s=%g reason=%s", self.look_s, error)
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
            log.info("scaler_%s running=%d", word, len(self._children))
        self._was_paused = paused
        return paused

    def _tell(self, state: ScalerState) -> None:
        """Keep what pages say of this scaler true; Redis forgets it when nobody tells it again."""
        if state == self._told and time.monotonic() < self._tell_at:
            return
        with suppress(QueueUnavailable):  # noticed when the lists were looked at
            self._queue.tell_of_scaler(state)
            self._told, self._tell_at = state, time.monotonic() + TOLD_S / 3

    def _stop_children(self) -> None:
        log.info("scaler_stopping running=%d", len(self._children))
        self._children.drop_template()
        self._children.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while running := len(self._children):
            if time.monotonic() > deadline:
                log.warning("jobs_killed running=%d after_s=%.0f", running, GRACE_S)
                self._children.signal(signal.SIGKILL)
                deadline = math.inf
            self._pause()
            self._reap()


def _changed_at(path: Path) -> float:
    """0 for a file that is gone."""
    return path.stat().st_mtime if path.exists() else 0.0


def _scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that is locked for as long as this process lives; those of scalers that were killed are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        with suppress(OSError):  # its scaler lives, or it is another user's
            os.close(_locked(left))
            shutil.rmtree(left)
    own = tempfile.TemporaryDirectory(prefix=SCRATCH)
    _locked(own.name)
    return own


def _locked(folder: str | Path) -> int:
    """A file descriptor that holds the only lock of a folder; BlockingIOError when another process does."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def main() -> int:
    """Scale until a signal ends it."""
    return run_program("scaler", lambda settings: LocalScaler(settings).run())


if __name__ == "__main__":
    sys.exit(main())
