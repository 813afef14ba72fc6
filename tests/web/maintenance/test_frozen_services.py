"""A database or a Redis that keeps its connections and answers nothing: probes and pages say so within seconds."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from adapters.database import REACH_S, committed, connect_database
from tests.services.fixtures import settings_of
from tests.services.mariadb_server import MariaDBServer
from tests.services.ports import free_port
from tests.services.processes import Programs
from tests.services.tcp_proxy import TcpProxy
from tests.services.waiting import slowness, wait_until

CLIENTS = 24  # three times as many as threads


@pytest.fixture
def url(
    programs: Programs,
    mariadb_url: str,
    mariadb_server: MariaDBServer,
    mariadb_proxy: TcpProxy,
    redis_proxy: TcpProxy,
) -> str:
    """One web process of eight threads, whose pool is full of connections."""
    settings = settings_of(
        mariadb_server.url(port=mariadb_proxy.port), f"redis://127.0.0.1:{redis_proxy.port}/0"
    )
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "web:create_app()",
        "--config",
        "web/gunicorn.conf.py",
    ]
    programs.run(command, PORT=str(port), WEB_CONCURRENCY="1", **settings).wait_for_line(
        "Booting worker"
    )
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: fetch(f"{url}/ready").code == 200)
    assert {answer.code for answer in at_once(url)} == {200}
    return url


class Answer(NamedTuple):
    code: int
    body: bytes
    seconds: float


def fetch(url: str) -> Answer:
    """The answer; code 0 when nobody listens yet."""
    begun = time.perf_counter()
    try:
        with urlopen(url, timeout=300) as answer:
            code, body = answer.status, answer.read()
    except HTTPError as error:
        code, body = error.code, error.read()
    except OSError:
        code, body = 0, b""
    return Answer(code, body, time.perf_counter() - begun)


def at_once(url: str) -> list[Answer]:
    with ThreadPoolExecutor(CLIENTS) as threads:
        return list(threads.map(fetch, [f"{url}/runs"] * CLIENTS))


def test_a_frozen_database_holds_up_neither_probes_nor_pages_for_long(
    url: str, mariadb_proxy: TcpProxy
) -> None:
    mariadb_proxy.freeze()
    probes: dict[str, list[Answer]] = {"/health": [], "/ready": []}
    with ThreadPoolExecutor(1) as thread:
        pages = thread.submit(at_once, url)
        while not pages.done():
            for path, answers in probes.items():
                answers.append(fetch(url + path))
    later = at_once(url)
    mariadb_proxy.restore()

    assert {answer.code for answer in probes["/health"]} == {200}
    assert max(answer.seconds for answer in probes["/health"]) < 1 * slowness()
    assert {answer.code for answer in probes["/ready"]} == {503}
    assert all(b'"database":"unreachable' in answer.body for answer in probes["/ready"])
    assert max(answer.seconds for answer in probes["/ready"]) < 4 * slowness()
    assert {answer.code for answer in (*pages.result(), *later)} == {503}
    assert max(answer.seconds for answer in pages.result()) < 20 * slowness()
    # one of them tries, the others do not wait
    assert median(answer.seconds for answer in later) < 2 * slowness()
    wait_until(lambda: fetch(f"{url}/runs").code == 200)


def test_a_frozen_redis_is_named_soon_and_web_stays_ready(
    url: str, redis_proxy: TcpProxy
) -> None:
    redis_proxy.freeze()

    ready, page = fetch(f"{url}/ready"), fetch(f"{url}/runs")

    assert (ready.code, page.code) == (200, 200)
    assert b'"redis":"unreachable' in ready.body
    assert max(ready.seconds, page.seconds) < 4 * slowness()


def test_a_statement_on_a_shared_connection_may_take_longer_than_its_ping(
    mariadb_url: str,
) -> None:
    engine = connect_database(mariadb_url, pool_size=1)

    for _ in ("a new connection", "a used one"):
        with engine.connect() as connection:
            assert connection.execute(text(f"SELECT SLEEP({REACH_S + 1})")).scalar() == 0
    engine.dispose()


def test_a_change_without_a_connection_is_tried_once() -> None:
    engine = connect_database(f"mysql+pymysql://user:password@127.0.0.1:{free_port()}/nowhere")
    tries: list[object] = []
    event.listen(engine, "do_connect", lambda *arguments: tries.append(arguments))

    with pytest.raises(OperationalError):
        committed(engine, lambda connection: None)

    assert len(tries) == 1
