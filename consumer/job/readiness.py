"""What a Job's readiness probe waits for: a named pipe that stays silent until the pop, and a file from then on.

A probe that reads it costs nothing while the Job waits, and hears the end of the pipe at once.
"""

import logging
import os
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path

log = logging.getLogger(__name__)

# for a probe that reads to end by itself; the end of a container would kill it, which is an event
FAREWELL_S = 0.02


class ReadyFile:
    """The file at `path`; None: nobody looks. What goes wrong is logged, since no message is given up for it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._silence: FileIO | None = None
        try:
            if path:
                os.mkfifo(path)
                self._silence = FileIO(path, "r+")
        except OSError as error:
            log.warning("ready_file_not_made reason=%s", error)

    def say_popped(self) -> None:
        """From here on it is a file, which the scaler and later probes find."""
        try:
            if self._path:
                written = self._path.with_suffix(".new")
                written.write_text("popped\n", encoding="utf-8")
                written.replace(self._path)
        except OSError as error:
            log.warning("ready_file_not_written reason=%s", error)
        if self._silence:
            self._silence.close()

    def take_leave(self) -> None:
        """Let a probe end that still waits for a pop; one that comes later finds no pipe, which nobody would end."""
        if self._path and self._silence and not self._silence.closed:
            with suppress(OSError):
                self._path.unlink()
            self._silence.close()
            time.sleep(FAREWELL_S)
