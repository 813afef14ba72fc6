"""The front of the web tier: deadlines, limits of connections, trusted headers, and the end of its processes."""

import hashlib
import json
import random
import re
import signal
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest

from tests.faults.injection_point import Fault, limited
from tests.services.hostile import FILE, HALF_BODY, answer, is_closed, opened
from tests.services.ports import free_port
from tests.services.processes import Program, Programs
from tests.services.waiting import wait_until


def started(programs: Programs, host: str = "127.0.0.1", **settings: str) -> tuple[Program, int]:
    port = free_port()
    web = programs.run(
        [sys.executable, "-m", "gunicorn", "web:create_app()", "--config", "web/gunicorn.conf.py"],
        PORT=str(port), WEB_HOST=host, **settings,
    )  # fmt: skip
    web.wait_for_line("Booting worker")
    wait_until(lambda: is_up(port, host))
    return web, port


def is_up(port: int, host: str = "127.0.0.1") -> bool:
    try:
        with closing(HTTPConnection(host, port, timeout=20)) as connection:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
    except OSError:
        return False


def test_a_request_has_a_deadline_and_silence_is_allowed(programs: Programs) -> None:
    _, port = started(programs, WEB_CONCURRENCY="1", **limited("seconds for a request's body", 2))
    with opened(port, b"", b"GET / HTTP/1.1\r\n", HALF_BODY) as (silent, headers, body):
        begun = time.monotonic()
        while not (is_closed(headers) and is_closed(body)):
            assert time.monotonic() - begun < 30
            for each in (headers, body):
                if not is_closed(each):
                    each.send(b"X" if each is body else b"X: y\r\n")  # never silent, never done
            time.sleep(0.5)

        assert not is_closed(silent)


def test_who_does_not_read_an_answer_is_hung_up_on(programs: Programs) -> None:
    web, port = started(
        programs, WEB_CONCURRENCY="1", **limited("seconds that a connection may idle", 1)
    )

    with opened(port, FILE * 100):
        wait_until(lambda: connected(web, port) == 1, 10)
        wait_until(lambda: connected(web, port) == 0, 30)


def connected(web: Program, port: int) -> int:
    """Connections that its processes have on the port."""
    open_connections = [
        each for pid in web.children() for each in psutil.Process(pid).net_connections("tcp")
    ]
    return sum(
        each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port
        for each in open_connections
    )


def test_an_address_that_opens_too_many_loses_those_silent_longest(programs: Programs) -> None:
    _, port = started(programs, WEB_CONCURRENCY="1", CONNECTIONS_PER_ADDRESS="20")

    with opened(port, *[b""] * 60) as connections:
        assert is_up(port)
        wait_until(lambda: [is_closed(each) for each in connections].count(False) <= 20)
        assert [is_closed(each) for each in connections] == sorted(
            (is_closed(each) for each in connections), reverse=True
        )


def test_where_a_process_has_too_many_the_address_with_most_loses_them(
    programs: Programs,
) -> None:
    _, port = started(programs, WEB_CONCURRENCY="1", **limited("connections of a process", 20))

    with (
        opened(port, *[b""] * 15, address="127.0.0.2") as many,
        opened(port, *[b""] * 9, address="127.0.0.3") as few,
    ):
        wait_until(lambda: sum(map(is_closed, many)) >= 4)
        assert is_up(port)
        assert not any(map(is_closed, few))
        assert [is_closed(each) for each in many[-10:]] == [False] * 10


def test_only_a_trusted_proxy_is_believed_and_nobody_s_script_name(programs: Programs) -> None:
    ask = {"X-Forwarded-Proto": "https", "Script-Name": "/elsewhere", "SCRIPT_NAME": "/elsewhere"}

    def is_secure(port: int) -> bool:
        with urlopen(
            Request(f"http://127.0.0.1:{port}/api/rules", headers=ask), timeout=20
        ) as got:
            return "Strict-Transport-Security" in got.headers

    assert is_secure(started(programs, WEB_CONCURRENCY="1", TRUSTED_PROXY="127.0.0.1")[1])
    assert not is_secure(started(programs, WEB_CONCURRENCY="1")[1])


PREFIX_PARTS = ["backtests", "a.b", ".well-known", "x_1", "~ann", "v2", "UPPER", "..."]
NO_PREFIXES = [
    "bt",
    "//evil.test",
    "/a//b",
    "/..",
    "/a/../b",
    "/.",
    "https://evil.test",
    "/a b",
    "/a?b",
    "/a%2e",
    "/<b>",
    "/\\b",
]


def test_links_carry_the_prefix_that_a_trusted_proxy_names_and_no_other(
    programs: Programs,
) -> None:
    _, port = started(programs, WEB_CONCURRENCY="1", TRUSTED_PROXY="127.0.0.1")
    chosen = random.Random(47)
    prefixes = [
        "".join(f"/{each}" for each in chosen.choices(PREFIX_PARTS, k=k)) for k in range(1, 6)
    ]

    def page(prefix: str, port: int) -> tuple[int, str]:
        with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            headers = {"X-Forwarded-Prefix": prefix, "Accept": "text/html"}
            connection.request("GET", "/runs", headers=headers)
            got = connection.getresponse()
            return got.status, got.read().decode()

    for prefix in prefixes:
        for ending in ("", "/"):
            assert f'action="{prefix}/search"' in page(prefix + ending, port)[1], prefix
    assert 'action="/search"' in page("/", port)[1]
    for bad in NO_PREFIXES:
        status, text = page(bad, port)
        assert (status, "correct it in the proxy" in text) == (400, True), bad
        assert 'action="/search"' in text, bad

    _, other = started(programs, WEB_CONCURRENCY="1")
    assert [page(each, other)[0] for each in (*prefixes, *NO_PREFIXES)] == [200] * 17
    assert all('action="/search"' in page(each, other)[1] for each in prefixes)


def test_all_processes_of_a_server_count_their_answers_together(programs: Programs) -> None:
    _, port = started(programs, WEB_CONCURRENCY="3")
    for _ in range(30):  # each on a new connection, which any of the processes may accept
        assert is_up(port)

    scrapes = [urlopen(f"http://127.0.0.1:{port}/metrics").read().decode() for _ in range(6)]

    counts = {
        re.findall(r'count\{method="GET",route="/health",status="200"\} (\S+)', text)[0]
        for text in scrapes
    }
    assert len(counts) == 1
    assert float(counts.pop()) >= 30


def test_a_killed_process_takes_nobody_along_and_is_replaced(programs: Programs) -> None:
    web, port = started(programs, WEB_CONCURRENCY="2")

    psutil.Process(web.children()[0]).kill()

    assert all(is_up(port) for _ in range(20))
    web.wait_for_line("Booting worker", times=3)


def test_what_a_killed_server_counted_in_is_gone_at_the_next_start(programs: Programs) -> None:
    web, _ = started(programs, WEB_CONCURRENCY="1")
    [left] = folders_of(web)
    for pid in (web.pid, *web.children()):
        psutil.Process(pid).kill()
    web.wait()

    other, _ = started(programs, WEB_CONCURRENCY="1")

    assert not left.exists()
    assert len(folders_of(other)) == 1
    other.send(signal.SIGTERM)
    assert other.wait() == 0
    assert folders_of(other) == []


def folders_of(web: Program) -> list[Path]:
    return list(Path("/dev/shm").glob(f"web-metrics-{web.pid}"))


def test_a_stopping_server_answers_the_requests_that_it_has_and_waits_for_no_others(
    programs: Programs, tmp_path: Path
) -> None:
    fault = Fault(tmp_path, "while readiness asks the database", "pause")
    web, port = started(programs, WEB_CONCURRENCY="1", **fault.environ)

    with opened(port, b"", b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n") as (_, probe):
        fault.wait()
        web.send(signal.SIGTERM)
        web.wait_for_line("shutting down")
        fault.let_go()

        status, _, rest = probe.makefile("rb").read().partition(b"\r\n")
        assert status.split()[1] in (b"200", b"503")
        assert b'"redis"' in rest
        assert web.wait(15) == 0


def test_requests_that_come_together_are_answered_in_turn(programs: Programs) -> None:
    _, port = started(programs, WEB_CONCURRENCY="1")
    paths = ("/health", "/nowhere", "/api/rules", "/health")

    got = answer(
        port,
        b"".join(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths),
    )

    assert re.findall(rb"HTTP/1.1 (\d+) ", got) == [b"200", b"404", b"200", b"200"]


@pytest.mark.parametrize("version", [11, 10])
def test_a_file_that_is_written_while_it_is_sent_arrives_whole(
    programs: Programs, version: int
) -> None:
    _, port = started(programs, WEB_CONCURRENCY="1")
    series = json.load(urlopen(f"http://127.0.0.1:{port}/api/prices/AAPL/1d"))["versions"][0][
        "data_hash"
    ]

    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection._http_vsn, connection._http_vsn_str = version, f"HTTP/1.{version % 10}"
        connection.request(
            "GET", f"/api/prices/AAPL/1d/{series}.csv", headers={"Host": "localhost"}
        )

        assert hashlib.sha256(connection.getresponse().read()).hexdigest() == series


def test_it_listens_on_ipv6(programs: Programs) -> None:
    _, port = started(programs, "::1", WEB_CONCURRENCY="1")

    def status(host: str) -> int:
        with closing(HTTPConnection("::1", port, timeout=20)) as connection:
            connection.request("GET", "/api/rules", headers={"Host": host})
            return connection.getresponse().status

    assert status(f"[::1]:{port}") == 200
    assert status("[2001:db8::1]") == 400
