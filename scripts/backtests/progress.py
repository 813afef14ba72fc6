"""Progress of a batch on stderr: a bar that moves on a terminal, a plain line now and then elsewhere."""

import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import TextIO

from backtests.transport import Json

SAMPLES = 30  # over which the rate is taken, about one a second
LINE_EVERY_S = 10.0  # without a terminal
BAR = 10  # characters
Counts = Mapping[str, int]  # runs by state


class Progress:
    """Display of a batch's progress; `now` is replaced in tests. when_stopped: message after Ctrl-C."""

    when_stopped = "stopped; the same command resumes it"

    def __init__(
        self, stream: TextIO = sys.stderr, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._now = stream, now
        self._ended: deque[tuple[float, int]] = deque(maxlen=SAMPLES)
        self._on_terminal = stream.isatty()
        self._last_line = -LINE_EVERY_S
        self._is_on_bar = False

    def show(self, counts: Counts) -> None:
        """Show the counts of a batch; without a terminal every LINE_EVERY_S, and when all have ended."""
        text = describe(counts, self._rate(counts))
        if self._on_terminal:
            columns = shutil.get_terminal_size().columns - 1
            bar = text[:columns].ljust(columns)
            print(f"\r{bar}", end="", file=self._stream, flush=True)
            self._is_on_bar = True
        elif self._now() - self._last_line >= LINE_EVERY_S or not living(counts):
            self._last_line = self._now()
            self.say(text)

    def show_batch(self, batch: Json) -> None:
        """Show the counts of a batch or a study, which has none before its first runs."""
        self.show(Counter(batch["counts"]))

    def say(self, text: str) -> None:
        """Print a line."""
        self.end()
        print(text, file=self._stream, flush=True)

    def end(self) -> None:
        """End the line of the bar, so that the next output begins below it."""
        if self._is_on_bar:
            self._stream.write("\n")
            self._is_on_bar = False

    def _rate(self, counts: Counts) -> float | None:
        """Return the runs that end per second over the last SAMPLES; None until two samples differ."""
        self._ended.append((self._now(), counts["completed"] + counts["failed"]))
        (start, before), (end, after) = self._ended[0], self._ended[-1]
        return (after - before) / (end - start) if end > start and after > before else None


def living(counts: Counts) -> int:
    """Count the runs that have not ended yet."""
    return counts["pending"] + counts["running"]


def describe(counts: Counts, rate: float | None) -> str:
    """Format `[######----] 60/100 waiting 30 running 10 done 58 failed 2 4.1/s ETA 10 s`; mostly under 80 columns."""
    total, left = sum(counts.values()), living(counts)
    filled = BAR * (total - left) // total if total else 0
    speed = f" {rate:.1f}/s ETA {duration(left / rate)}" if rate and left else ""
    return (
        f"[{'#' * filled}{'-' * (BAR - filled)}] {total - left}/{total} waiting {counts['pending']} "
        f"running {counts['running']} done {counts['completed']} failed {counts['failed']}{speed}"
    )


def duration(seconds: float) -> str:
    """Format seconds as `45 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
