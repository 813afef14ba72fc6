"""Idle, slow and greedy connections hold no thread of the web tier: others are answered as if they were not there."""

import re
import select
import socket
import sys
import time
from urllib.request import Request, urlopen

from tests.faults.injection_point import INJECTION
from tests.services.ports import free_port
from tests.services.processes import Programs
from tests.services.slow_clients import HEAD, opened, silent_and_slow
from tests.services.waiting import slowness, wait_until


def started(programs: Programs, **settings: str) -> int:
    port = free_port()
    programs.run(
        [sys.executable, "-m", "gunicorn", "web:create_app()", "--config", "web/gunicorn.conf.py"],
        PORT=str(port), WEB_HOST="127.0.0.1", **settings,
    ).wait_for_line("Booting worker")  # fmt: skip
    wait_until(lambda: probe(port) is not None)
    return port


def probe(port: int) -> float | None:
    """Seconds until /health has answered on a connection of its own; None when nobody listens yet."""
    begun = time.perf_counter()
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=20) as answer:
            assert answer.status == 200
    except OSError:
        return None
    return time.perf_counter() - begun


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has hung up; what it had sent before is read away."""
    try:
        while select.select([connection], [], [], 0)[0]:
            if not connection.recv(65536):
                return True
    except ConnectionError:
        return True
    return False


def test_silent_and_slow_connections_delay_nobody(programs: Programs) -> None:
    port = started(programs, WEB_CONCURRENCY="2", CONNECTIONS_PER_ADDRESS="2000")

    with silent_and_slow(port):
        answered_s = [probe(port) or 20 for _ in range(100)]

    # each silent one would hold one for longer; the first call comes while 1,200 connections are taken up
    assert max(answered_s[1:]) < 4 * slowness(), "somebody waited for a thread"
    assert answered_s[0] < 20


def test_a_request_has_a_deadline_and_silence_is_allowed(programs: Programs) -> None:
    port = started(programs, WEB_CONCURRENCY="1", FAULT_CONSTANT="web.front:BODY_S=2", PYTHONPATH=str(INJECTION))
    with opened(port, b"", b"GET / HTTP/1.1\r\n", HEAD) as (silent, headers, body):
        begun = time.monotonic()
        while not (is_closed(headers) and is_closed(body)):
            assert time.monotonic() - begun < 30
            for each in (headers, body):
                if not is_closed(each):
                    each.send(b"X" if each is body else b"X: y\r\n")  # never silent, never done
            time.sleep(0.5)

        assert not is_closed(silent)


def test_an_address_that_opens_too_many_loses_those_silent_longest(programs: Programs) -> None:
    port = started(programs, WEB_CONCURRENCY="1", CONNECTIONS_PER_ADDRESS="20")

    with opened(port, *[b""] * 60) as held:
        assert probe(port) is not None
        wait_until(lambda: [is_closed(each) for each in held].count(False) <= 20)
        assert [is_closed(each) for each in held] == sorted((is_closed(each) for each in held), reverse=True)


def test_only_a_trusted_proxy_is_believed_and_nobody_s_script_name(programs: Programs) -> None:
    ask = {"X-Forwarded-Proto": "https", "Script-Name": "/elsewhere", "SCRIPT_NAME": "/elsewhere"}

    def is_secure(port: int) -> bool:
        with urlopen(Request(f"http://127.0.0.1:{port}/api/rules", headers=ask), timeout=20) as answer:
            return "Strict-Transport-Security" in answer.headers

    assert is_secure(started(programs, WEB_CONCURRENCY="1", TRUSTED_PROXY="127.0.0.1"))
    assert not is_secure(started(programs, WEB_CONCURRENCY="1"))


def test_all_processes_of_a_server_count_their_answers_together(programs: Programs) -> None:
    port = started(programs, WEB_CONCURRENCY="3")
    for _ in range(30):  # each on a connection of its own, which whichever process is first takes
        assert probe(port) is not None

    scrapes = [urlopen(f"http://127.0.0.1:{port}/metrics").read().decode() for _ in range(6)]

    counts = {re.findall(r'count\{method="GET",route="/health",status="200"\} (\S+)', text)[0] for text in scrapes}
    assert len(counts) == 1
    assert float(counts.pop()) >= 30
