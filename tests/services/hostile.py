"""An anonymous client at a web tier's port: connections from several addresses, and ordinary calls meanwhile."""

import resource
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple
from urllib.request import urlopen

PATIENCE_S = 20.0
MANY_FILES = 16_384
# for anybody; of 200 KB
FILE = b"GET /static/a/js/lightweight-charts.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /run_backtest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HALF_HEAD, HALF_BODY = (
    b"GET / HTTP/1.1\r\nHost: local",
    POST + b'Content-Length: 5000\r\n\r\n{"ticker"',
)
PATHS = ("/health", "/api/rules", "/runs")


@contextmanager
def many_files() -> Iterator[None]:
    """Thousands of connections from this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MANY_FILES), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def opened(port: int, *sent: bytes, address: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """A connection from an address for each of some texts, which it has sent; all are closed at the end."""
    with many_files(), ExitStack() as stack:
        connections = []
        for text in sent:
            connection = socket.create_connection(("127.0.0.1", port), PATIENCE_S, (address, 0))
            connections.append(stack.enter_context(connection))
            with suppress(ConnectionError):  # it may have been refused already
                connection.sendall(text)
        yield connections


def answer(port: int, *sent: bytes) -> bytes:
    """Everything that the other side sends until it closes, or is silent for a second."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection,
        suppress(ConnectionError),
    ):
        for text in sent:
            connection.sendall(text)
        return b"".join(iter(lambda: _receive(connection), b""))
    return b""


def _receive(connection: socket.socket) -> bytes:
    return connection.recv(65536) if select.select([connection], [], [], 1.0)[0] else b""


def is_closed(connection: socket.socket) -> bool:
    """True once the other side has closed; pending data is discarded."""
    try:
        while select.select([connection], [], [], 0)[0]:
            if not connection.recv(65536):
                return True
    except ConnectionError:
        return True
    return False


class Called(NamedTuple):
    """Durations and failures of ordinary calls."""

    seconds: list[float]
    failed: int

    @property
    def slowest_s(self) -> float:
        return max(self.seconds)


def call_s(url: str) -> float:
    """Seconds until the whole answer is there; OSError when it does not come."""
    begun = time.perf_counter()
    with urlopen(url, timeout=PATIENCE_S) as got:
        got.read()
    return time.perf_counter() - begun


def called(port: int, times: int) -> Called:
    """Calls of ordinary pages, one after the other, each on a connection of its own."""
    seconds, failed = [], 0
    for number in range(times):
        begun = time.perf_counter()
        try:
            call_s(f"http://127.0.0.1:{port}{PATHS[number % len(PATHS)]}")
        except OSError:
            failed += 1
        seconds.append(time.perf_counter() - begun)
    return Called(seconds, failed)


def main() -> None:
    """`python -m tests.services.hostile PORT COUNT`: so many of all kinds from five addresses, until its input ends."""
    port, count = map(int, sys.argv[1:])
    kinds = [(b"", HALF_HEAD, HALF_BODY, FILE)[number % 4] for number in range(count // 5)]
    with ExitStack() as stack:
        for number in range(2, 7):
            stack.enter_context(opened(port, *kinds, address=f"127.0.0.{number}"))
        print("open", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
