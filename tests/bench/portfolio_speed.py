"""500 assets over ten years of days in one account, against vectorbt's shared cash on the same prices and signals.

Both read them from one file, and have to come to the same orders and equity. Warm times are the best of several
repetitions, in which the machine was least disturbed; cold ones are whole processes.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import portfolio_platform
from tests.bench.engine_speed import PEERS_PYTHON, ROOT, best
from tests.bench.portfolio_alone import legs_of, traded
from tests.bench.services import row

ASSETS, BARS = 500, 2520
FAST, SLOW = 20, 60
WARM_S, COLD_TIMES, MEMORY_MB = 0.5, 8, 400
ROUNDS, REPETITIONS = 3, 5
WHAT = f"{ASSETS} assets x {BARS:,} days, some 24,000 orders, shared cash, one core"


def main() -> None:
    """Print the rows as one line of JSON."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(every)})  # one core, for the processes that it starts, too
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        book = Path(folder) / "book.npz"
        write_book(book)
        measurements = measured(book)
    os.sched_setaffinity(0, every)
    print(json.dumps([*measurements, *portfolio_platform.rows()]))


def measured(book: Path) -> list[dict[str, Any]]:
    """The rows; ours and vectorbt's in turn, so that a busy minute of the machine does not hit one alone."""
    legs = legs_of(book)
    alone = [sys.executable, "-m", "tests.bench.portfolio_alone", str(book)]
    peer = [str(PEERS_PYTHON), "tests/bench/portfolio_peers.py", str(book)]
    # vectorbt compiles what its processes find ready from here on
    check_equal(printed(alone), printed(peer))
    warm, peer_warm, cold, peer_cold = zip(
        *(
            (
                best(lambda: traded(legs), REPETITIONS) / 1e3,
                printed([*peer, str(REPETITIONS)])["seconds"],
                best(lambda: printed(alone), REPETITIONS) / 1e3,
                best(lambda: printed(peer), 1) / 1e3,
            )
            for _ in range(ROUNDS)
        ),
        strict=True,
    )
    return [
        *warm_rows(min(warm), min(peer_warm)),
        cold_row(min(cold), min(peer_cold)),
        memory_row(printed(alone)),
    ]


def warm_rows(ours_s: float, peer_s: float) -> list[dict[str, Any]]:
    """In a process that has everything loaded."""
    return [
        row(f"{WHAT}: signals to fills and equity", ours_s, "s", WARM_S, budget="<= 1"),
        row(
            "", ours_s, "s", peer_s, note='against vectorbt in a warm process, `call_seq="auto"`'
        ),
    ]


def cold_row(ours_s: float, peer_s: float) -> dict[str, Any]:
    """Whole processes, which read prices and signals from the file."""
    what = "the same, process start to final equity"
    ratio, budget = peer_s / ours_s, f">= {COLD_TIMES}"
    return row(what, ours_s, "s", peer_s, ratio=ratio, budget=budget, note="against vectorbt")


def memory_row(alone: dict[str, float]) -> dict[str, Any]:
    """Row of the process's peak memory."""
    return row(
        "memory of that process, at most", alone["peak_mb"], "MB", MEMORY_MB, budget="<= 1"
    )


def write_book(book: Path) -> None:
    """Walks and the crossings of their moving averages, 1, -1 or 0, (bars, assets)."""
    closes = 100 * np.exp(
        np.random.default_rng(1).normal(0, 0.015, (BARS, ASSETS)).cumsum(axis=0)
    )
    above = mean(closes, FAST)[SLOW - FAST :] > mean(closes, SLOW)
    signals = np.zeros(closes.shape, dtype=np.int8)
    signals[SLOW:] = np.diff(above.astype(np.int8), axis=0)
    np.savez(
        book, closes=closes, signals=signals, times=np.datetime64("2014-01-01") + np.arange(BARS)
    )


def mean(closes: "np.ndarray[Any, np.dtype[np.float64]]", window: int) -> Any:
    """Moving averages, (bars - window + 1, assets)."""
    sums = np.vstack((np.zeros(closes.shape[1]), closes)).cumsum(axis=0)
    return (sums[window:] - sums[:-window]) / window


def printed(command: Sequence[str]) -> dict[str, float]:
    """Output of one complete process."""
    finished = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    values: dict[str, float] = json.loads(finished.stdout)
    return values


def check_equal(ours: dict[str, float], theirs: dict[str, float]) -> None:
    """Only the same work may be compared."""
    assert ours["orders"] == theirs["orders"], (ours, theirs)
    assert abs(ours["equity"] / theirs["equity"] - 1) < 1e-9, (ours, theirs)


if __name__ == "__main__":
    main()
