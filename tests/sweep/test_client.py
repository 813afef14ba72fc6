"""The client waits as the server asks, tries again while nobody answers, and gives up in words."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, Response, request

from scripts.sweep.client import TRIES, Client
from scripts.sweep.faults import BadSweep, Unreachable
from scripts.sweep.sweep import PlannedRun
from tests.services.live_web import served
from tests.services.ports import free_port

RUNS = [PlannedRun({"ticker": f"T{number}"}, f"line {number + 2}") for number in range(3)]


@contextmanager
def server_that(answer: Callable[[], Response]) -> Iterator[str]:
    """The address of a server whose every POST is answered so."""
    app = Flask(__name__)
    app.add_url_rule("/api/runs/bulk", "bulk", answer, methods=["POST"])
    with served(app) as url:
        yield url


def answers(*codes: int) -> Callable[[], Response]:
    """A view that answers these codes one after another, then 202."""
    left = list(codes)

    def view() -> Response:
        code = left.pop(0) if left else 202
        sent = len(request.get_data().splitlines())
        body: dict[str, Any] = {"new": sent, "existing": {}} if code == 202 else {"error": "not now"}
        return Response(json.dumps(body), code, {"Retry-After": "4"})

    return view


def patient(url: str, pauses: list[float]) -> Client:
    return Client(url, sleep=pauses.append, jitter=lambda: 0.5)


def test_a_full_queue_is_waited_for_as_long_as_it_says_and_a_little_more() -> None:
    pauses: list[float] = []
    with server_that(answers(*[429] * 10)) as url:
        sent = list(patient(url, pauses).submit("b", RUNS))

    assert sent == [(3, 3)]
    assert pauses == [5.0] * 10


def test_a_server_that_comes_back_is_waited_for() -> None:
    pauses: list[float] = []
    with server_that(answers(503, 502, 503)) as url:
        list(patient(url, pauses).submit("b", RUNS))

    assert pauses == [1.0, 2.0, 4.0]


def test_a_server_that_stays_away_is_unreachable() -> None:
    pauses: list[float] = []
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(Unreachable, match=r"cannot be reached: .*refused"):
        list(patient(url, pauses).submit("b", RUNS))

    assert len(pauses) == TRIES - 1


def test_an_answer_that_is_cut_off_is_asked_for_again() -> None:
    pauses: list[float] = []
    complete = answers()

    def view() -> Response:
        return complete() if pauses else Response(iter([b'{"new": ']), 202, {"Content-Length": "100"})

    with server_that(view) as url:
        sent = list(patient(url, pauses).submit("b", RUNS))

    assert (sent, pauses) == ([(3, 3)], [1.0])


@pytest.mark.parametrize("url", ["127.0.0.1:5000", "localhost:5000", "ftp://host", ""])
def test_an_address_that_is_not_http_is_refused_at_once(url: str) -> None:
    with pytest.raises(BadSweep, match="does not begin with http:// or https://"):
        Client(url)


def test_a_servers_own_fault_is_not_repeated() -> None:
    pauses: list[float] = []
    with server_that(answers(500)) as url, pytest.raises(Unreachable, match="HTTP 500"):
        list(patient(url, pauses).submit("b", RUNS))

    assert pauses == []


def test_the_servers_faults_are_told_by_the_files_lines() -> None:
    def view() -> Response:
        body = {"error": "1 of 3 runs", "errors": {"2.ticker": "unknown", "2.fee_rate": "too high"}}
        return Response(json.dumps(body), 400)

    with server_that(view) as url, pytest.raises(BadSweep) as raised:
        Client(url).plan("b", RUNS)

    assert raised.value.faults == ["line 3: ticker: unknown", "line 3: fee_rate: too high"]


def test_a_token_is_sent() -> None:
    seen: list[str | None] = []

    def view() -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response('{"new": 0, "existing": {}}')

    with server_that(view) as url:
        Client(url, token="secret").plan("b", RUNS)

    assert seen == ["Bearer secret"]
