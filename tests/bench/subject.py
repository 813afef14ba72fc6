"""`python -m tests.bench.subject engine`: one subject of the benchmarks in this process.

A SIGTERM ends it through every `finally`, so that no server that it started is left behind.
"""

import signal
import sys
from importlib import import_module
from types import FrameType
from typing import NoReturn


def exit_on_sigterm() -> None:
    """From here on the first SIGTERM raises SystemExit; the next ones do not disturb the cleaning up."""
    signal.signal(signal.SIGTERM, _exit)


def _exit(signum: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signum)


if __name__ == "__main__":
    exit_on_sigterm()
    import_module(f"tests.bench.{sys.argv[1]}_speed").main()
