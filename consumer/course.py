"""The course of the one attempt of this process: when its parts began, and the last lines of its log.

Both are shared with the child process, so that they outlive it.
"""

import faulthandler
import logging
import mmap
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from contracts.timeline import CLAIMED, MARKS

LOG_BYTES = 64 * 1024
_LOADED_AT = time.monotonic()  # where there is no /proc, of a process that has just begun


class Course:
    """Marks and log of an attempt; until `begin`, marks are dropped."""

    def __init__(self) -> None:
        self._times: memoryview[float] | None = None
        self._log: BinaryIO | None = None

    def begin(self) -> None:
        """Begin in a process that has imported its modules; its log goes on wherever it goes, too."""
        self._times = memoryview(mmap.mmap(-1, 8 * len(MARKS))).cast("d")
        self.mark("imports", process_start())
        self.mark("picked up")
        with suppress(OSError):  # a full disk: the attempt has no stored log
            self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            faulthandler.enable(self._log)  # for a child process that a signal ends
            root = logging.getLogger()
            root.addHandler(_Copy(self._log.fileno(), root.handlers[0].formatter))

    def mark(self, part: str, at: float | None = None) -> None:
        """Note that a part begins, now or at a time of the monotonic clock; only its first beginning counts."""
        if self._times and not self._times[MARKS.index(part)]:
            self._times[MARKS.index(part)] = at or time.monotonic()

    def marks(self) -> dict[str, float]:
        """Return the beginnings in seconds from the claim."""
        times = dict(zip(MARKS, self._times or (), strict=False))
        return {name: round(at - times[CLAIMED], 6) for name, at in times.items() if at}

    def log_text(self) -> str:
        """Return the last lines of the log, as many as fit into `LOG_BYTES`."""
        if not self._log:
            return ""
        descriptor = self._log.fileno()
        size = os.fstat(descriptor).st_size
        text = os.pread(descriptor, LOG_BYTES, max(0, size - LOG_BYTES)).decode(errors="replace")
        return text if size <= LOG_BYTES else text.partition("\n")[2]


class _Copy(logging.Handler):
    """Copy of the log in a file; parent and child share its position, so that neither overwrites the other."""

    def __init__(self, descriptor: int, formatter: logging.Formatter | None) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Append a line."""
        with suppress(OSError):
            os.write(self._descriptor, f"{self.format(record)}\n".encode(errors="replace"))


def process_start() -> float:
    """Return when this process started, by the monotonic clock, to a hundredth of a second."""
    try:
        started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(started) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return _LOADED_AT
    return time.monotonic() - age_s


course = Course()
