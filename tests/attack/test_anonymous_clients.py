"""Requests of anonymous clients cost others nothing: no disk, memory, thread, or trace in the log."""

from __future__ import annotations

import json
import re
import threading
from contextlib import closing, suppress
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from tests.attack.conftest import TOKEN
from tests.services.hostile import FILE, POST, answer, called, opened
from tests.services.web_app import run_values

if TYPE_CHECKING:
    import socket

    from tests.attack.conftest import Target

BODY = 63 * 2**20
FOREIGN = b"POST /login HTTP/1.1\r\nHost: elsewhere.example\r\nContent-Type: text/plain\r\n"
LARGE = b"POST /api/runs/bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LENGTH, CHUNKED = (
    b"Content-Length: 15000000\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nF00000\r\n",
)
BROKEN = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
)

SECOND = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
LINES = {
    "HTTP/1.0 with both lengths": (b"1.0", b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "HTTP/1.0 in chunks": (b"1.0", b"Transfer-Encoding: chunked"),
    "both lengths": (b"1.1", b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "chunked twice": (b"1.1", b"Transfer-Encoding: chunked, chunked"),
    "chunked in two lines": (
        b"1.1",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked",
    ),
    "chunked by another name": (b"1.1", b"Transfer-Encoding: xchunked"),
    "two lengths": (b"1.1", b"Content-Length: 5", b"Content-Length: 6"),
    "a length of 5,000 digits": (b"1.1", b"Content-Length: " + b"9" * 5000),
    "a length with a sign": (b"1.1", b"Content-Length: +5"),
    "a space before the colon": (b"1.1", b"Content-Length : 5"),
    "a folded line": (b"1.1", b"Content-Length:\r\n 5"),
    "two hosts": (b"1.1", b"Host: elsewhere.example", b"Content-Length: 5"),
}


@pytest.mark.parametrize("name", LINES)
def test_an_ambiguous_request_is_refused_and_its_connection_closed(
    target: Target, name: str
) -> None:
    version, *lines = LINES[name]
    head = b"\r\n".join(
        [b"POST /login HTTP/" + version, b"Host: localhost", b"Connection: keep-alive", *lines]
    )

    got = answer(target.port, head + b"\r\n\r\n0\r\n\r\n" + SECOND)

    assert got.partition(b" ")[2][:3] in (b"400", b"501")
    assert len(re.findall(rb"HTTP/1.. \d{3} ", got)) == 1


@pytest.mark.parametrize("line, times", [(b"x", 2**20), (b"X: y\r\n", 40_000), (b"X: y", 40_000)])
def test_heads_have_a_bound(target: Target, line: bytes, times: int) -> None:
    before = target.memory_mb()

    got = answer(
        target.port,
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: y\r\nX: " + line * times + b"\r\n\r\n",
    )

    # a client that has not read yet may see a connection reset
    assert got[9:12] in (b"431", b"400", b"")
    assert target.memory_mb() - before < 20


def test_a_broken_request_whose_client_has_left_is_no_trace_in_the_log(target: Target) -> None:
    for sent in (
        BROKEN,
        FILE * 5,
        POST + LENGTH,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 8_000,
    ) * 10:
        with opened(target.port, sent):
            pass
    called(target.port, 6)

    assert "Traceback" not in target.log


@pytest.mark.parametrize(
    "head", [FOREIGN + b"Content-Length: %d\r\n\r\n" % BODY, LARGE + LENGTH, LARGE + CHUNKED]
)
def test_bodies_of_anonymous_clients_are_neither_kept_nor_written(
    target: Target, head: bytes
) -> None:
    written, memory = target.written_mb(), target.memory_mb()

    with opened(target.port, *[head] * 30, address="127.0.0.8") as connections:
        senders = [threading.Thread(target=send, args=(each, BODY)) for each in connections]
        for each in senders:
            each.start()
        calls = target.measure_calls("30 bodies of 63 MiB from anonymous clients", 15)
        for each in senders:
            each.join()

    assert calls.failed == 0
    assert target.written_mb() - written < 10
    assert target.memory_mb() - memory < 50


def test_large_bodies_of_anonymous_clients_delay_nobody_else(target: Target) -> None:
    with opened(target.port, *[LARGE + CHUNKED[:-8]] * 20, address="127.0.0.8"):
        assert submitted(target.port) == 202


def submitted(port: int) -> int:
    """The status of a bulk submission with a token."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
        connection.request("POST", "/api/runs/bulk", json.dumps([run_values()]), headers)
        return connection.getresponse().status


def send(connection: socket.socket, size: int) -> None:
    """Send so many bytes, or until the other side hangs up."""
    with suppress(OSError):
        for _ in range(size // 2**16):
            connection.sendall(b"x" * 2**16)


def test_a_chunk_s_line_that_never_ends_costs_no_time(target: Target) -> None:
    before = target.cpu_s()

    with opened(target.port, POST + b"Transfer-Encoding: chunked\r\n\r\n5;") as [connection]:
        send(connection, 16 * 2**20)
        calls = target.measure_calls("a chunk's line of 16 MiB", 12)

    assert calls.failed == 0
    assert target.cpu_s() - before < 4
