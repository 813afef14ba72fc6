"""Connections that a web tier must bear: silent ones, half requests, and answers that nobody reads."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

IDLE, SLOW = 1000, 66  # of each of three kinds
HEAD = (
    b"POST /run_backtest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
)
HALF_HEAD, HALF_BODY = b"GET / HTTP/1.1\r\nHost: local", HEAD + b'{"ticker"'
UNREAD = b"GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3


@contextmanager
def opened(port: int, *sent: bytes) -> Iterator[list[socket.socket]]:
    """A connection for each of some texts, which it has sent; all are closed at the end."""
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in sent]
        for connection, text in zip(connections, sent, strict=True):
            connection.sendall(text)
        yield connections


@contextmanager
def silent_and_slow(port: int) -> Iterator[int]:
    """A thousand silent connections and two hundred slow ones at once; how many they are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        with opened(port, *[b""] * IDLE, *[HALF_HEAD, HALF_BODY, UNREAD] * SLOW) as connections:
            yield len(connections)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
