"""p99 of ordinary requests, each on a connection of its own, beside a thousand silent and two hundred slow ones."""

import json
import time
from urllib.request import urlopen

from tests.bench.services import platform, row
from tests.services.slow_clients import silent_and_slow

BUDGET_MS = 100
ASKED = 300
PATHS = ("/health", "/api/rules", "/runs")


def main() -> None:
    """Print the rows as one line of JSON."""
    with platform(web_processes=2, CONNECTIONS_PER_ADDRESS="3000") as running:
        alone = {path: p99_ms(running.base_url + path) for path in PATHS}
        with silent_and_slow(int(running.base_url.rpartition(":")[2])) as count:
            beside = {path: p99_ms(running.base_url + path) for path in PATHS}
    rows = [
        row(
            f"{path} beside {count:,} silent and slow connections: p99 of {ASKED}",
            beside[path],
            "ms",
            BUDGET_MS,
            budget="<= 1",
            note=f"{alone[path]:.1f} ms alone",
        )
        for path in PATHS
    ]
    print(json.dumps(rows))


def p99_ms(url: str) -> float:
    """Milliseconds within which 99 of 100 answers have come; one after the other."""
    for _ in range(20):  # each process' first answers
        answer_ms(url)
    return sorted(answer_ms(url) for _ in range(ASKED))[ASKED * 99 // 100 - 1]


def answer_ms(url: str) -> float:
    """Milliseconds until the whole answer is there."""
    begun = time.perf_counter()
    with urlopen(url, timeout=30) as answer:
        answer.read()
    return (time.perf_counter() - begun) * 1e3


if __name__ == "__main__":
    main()
