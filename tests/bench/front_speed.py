"""p99 of a hundred users' calls with and without five thousand hostile connections, alternating.

The connections are silent, half a head, half a body, or an answer that nobody reads, from five addresses and a process
of their own. Each user asks for each path once in a round, at a time of its own and on a connection of its own.
"""

import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.bench.services import platform, row
from tests.services.hostile import PATHS, call_s

BUDGET = "<= 3"
USERS, ROUNDS, ROUND_S = 100, 4, 10.0
HOSTILE = 5_000
Times = dict[str, list[float]]


def main() -> None:
    """Print the rows as one line of JSON."""
    quiet, under_load, coming = (defaultdict[str, list[float]](list) for _ in range(3))
    with platform(web_processes=2) as running:
        time_request(running.base_url, quiet.copy())  # each process' first answers
        for _ in range(ROUNDS):
            time_request(running.base_url, quiet)
            with hostile(running.base_url) as all_have_come:
                time_request(running.base_url, coming)
                all_have_come()
                time_request(running.base_url, under_load)
    rows = [
        row(
            f"{path} {when}: p99 of {len(calls[path])}",
            p99_ms(calls[path]),
            "ms",
            p99_ms(quiet[path]),
            budget=budget,
        )
        for when, calls, budget in (
            (f"with {HOSTILE:,} hostile connections, and without", under_load, BUDGET),
            ("while these connect", coming, None),
        )
        for path in PATHS
    ]
    print(json.dumps(rows))


@contextmanager
def hostile(url: str) -> Iterator[Callable[[], str]]:
    """Open hostile connections until the block ends; yield a function that waits for the last of them."""
    command = [
        sys.executable,
        "-m",
        "tests.services.hostile",
        url.rpartition(":")[2],
        str(HOSTILE),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as crowd:
        assert crowd.stdin and crowd.stdout
        yield crowd.stdout.readline
        crowd.stdin.close()


def time_request(url: str, seconds: Times) -> None:
    """Add how long each call of each user took, within one round."""
    with ThreadPoolExecutor(USERS * len(PATHS)) as users:
        done = {path: [users.submit(ask, url + path) for _ in range(USERS)] for path in PATHS}
    for path, answers in done.items():
        seconds[path] += [each.result() for each in answers]


def ask(url: str) -> float:
    """Seconds until the answer is there, of a call at some time of the round."""
    time.sleep(random.uniform(0, ROUND_S))
    return call_s(url)


def p99_ms(seconds: list[float]) -> float:
    """Milliseconds within which 99 of 100 answers have come."""
    return sorted(seconds)[len(seconds) * 99 // 100 - 1] * 1e3


if __name__ == "__main__":
    main()
