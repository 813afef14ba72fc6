"""Latency of POST /run_backtest at a steady 100 requests a second.

Real gunicorn with its default processes, MariaDB with a flush at each commit, Redis with its append-only file. Requests
are sent when they are due, even if earlier ones are not answered yet; a latency counts from that moment.
"""

import http.client
import json
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from adapters.settings import Settings
from tests.bench.services import platform, row

RATE = 100  # requests per second
SECONDS = 20
IDLE = 50  # submissions one after the other, of a machine with nothing else to do
CLIENTS = 32  # connections that are kept open
_mine = threading.local()


def main() -> None:
    """Print the rows as one line of JSON."""
    web_processes = Settings().web_concurrency
    with platform(web_processes) as running:
        latencies(running.base_url, seconds=3)  # warms up
        idle = statistics.median(send(running.base_url, time.perf_counter()) for _ in range(IDLE))
        measured = sorted(latencies(running.base_url, SECONDS))
    what = f"single submission at {RATE} requests/s, {web_processes} web processes"
    p99 = measured[len(measured) * 99 // 100]
    rows = [
        row(
            f"{what}: p99",
            p99,
            "ms",
            idle,
            budget="<= 3",
            note="against the median one after the other",
        ),
        row(f"{what}: median", measured[len(measured) // 2], "ms"),
    ]
    print(json.dumps(rows))


def latencies(base_url: str, seconds: int) -> list[float]:
    """Milliseconds from when each request was due to its answer."""
    start = time.perf_counter() + 0.5
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(
            pool.map(lambda number: send(base_url, start + number / RATE), range(seconds * RATE))
        )


def send(base_url: str, due: float) -> float:
    """One submission at its time, over this thread's connection."""
    time.sleep(max(0.0, due - time.perf_counter()))
    connection = _connection(base_url)
    connection.request(
        "POST", "/run_backtest", json.dumps(values()), {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 202, body
    return (time.perf_counter() - due) * 1e3


def _connection(base_url: str) -> http.client.HTTPConnection:
    if not hasattr(_mine, "connection"):
        address = urlsplit(base_url)
        _mine.connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=30
        )
    connection: http.client.HTTPConnection = _mine.connection
    return connection


def values() -> dict[str, Any]:
    """A run as the form sends it."""
    return {
        "ticker": "AAPL",
        "rule_type": "RSI",
        "params": {"period": 14, "oversold": 30, "overbought": 70},
        "start_date": "2004-01-01",
        "end_date": "2012-12-31",
    }


if __name__ == "__main__":
    main()
