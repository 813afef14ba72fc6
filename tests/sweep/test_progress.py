"""The bar on a terminal, plain lines elsewhere."""

import io
from itertools import count

from backtests.output import Progress, describe, duration

EMPTY = {"pending": 4, "running": 0, "completed": 0, "failed": 0}
HALF = {"pending": 1, "running": 1, "completed": 1, "failed": 1}
ENDED = {"pending": 0, "running": 0, "completed": 3, "failed": 1}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_says_what_waits_runs_is_done_and_failed() -> None:
    text = describe(HALF, rate=0.5)

    assert text == "[#####-----] 2/4 waiting 1 running 1 done 1 failed 1 0.5/s ETA 4 s"


def test_a_terminal_gets_one_line_that_is_rewritten() -> None:
    terminal = Terminal()
    progress = Progress(terminal)

    progress.show(EMPTY)
    progress.show(ENDED)
    progress.end()

    assert terminal.getvalue().count("\r") == 2
    assert terminal.getvalue().count("\n") == 1


def test_elsewhere_a_line_is_written_every_ten_seconds_and_at_the_end() -> None:
    log, clock = io.StringIO(), count(0, 2)
    progress = Progress(log, now=lambda: float(next(clock)))

    for counts in [EMPTY] * 12 + [ENDED]:
        progress.show(counts)

    lines = log.getvalue().splitlines()
    assert len(lines) < 8
    assert lines[-1].startswith("[##########] 4/4")
    assert "\r" not in log.getvalue()


def test_the_rate_is_that_of_the_last_seconds() -> None:
    log, clock = Terminal(), count(0, 10)
    progress = Progress(log, now=lambda: float(next(clock)))

    progress.show({"pending": 100, "running": 0, "completed": 0, "failed": 0})
    progress.show({"pending": 80, "running": 0, "completed": 20, "failed": 0})

    assert "2.0/s ETA 40 s" in log.getvalue()


def test_durations_are_short() -> None:
    assert [duration(seconds) for seconds in (45, 720, 12_600)] == ["45 s", "12 min", "3.5 h"]
