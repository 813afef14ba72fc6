"""The client waits as the server asks, tries again while nobody answers, and gives up in words."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from threading import Thread
from typing import Any

import numpy as np
import pytest
from flask import Flask, Response, request

from backtests import BadInput, Client, Refused, Unreachable
from tests.services.live_web import served
from tests.services.ports import free_port

RUNS = [{"ticker": f"T{number}"} for number in range(3)]


@contextmanager
def server_that(answer: Callable[[], Response]) -> Iterator[str]:
    """The address of a server whose every POST is answered so."""
    app = Flask(__name__)
    app.add_url_rule("/api/runs/bulk", "bulk", answer, methods=["POST"])
    app.add_url_rule("/run_backtest", "one", answer, methods=["POST"])
    app.add_url_rule("/api/metrics", "metrics", answer)
    with served(app) as url:
        yield url


def answers(*codes: int) -> Callable[[], Response]:
    """A view that answers these codes one after another, then 202."""
    left = list(codes)

    def view() -> Response:
        code = left.pop(0) if left else 202
        sent = len(request.get_data().splitlines())
        body: dict[str, Any] = (
            {"new": sent, "run_ids": ["id"] * sent, "existing": {}}
            if code == 202
            else {"error": "not now"}
        )
        return Response(json.dumps(body), code, {"Retry-After": "4"})

    return view


def patient(url: str, pauses: list[float]) -> Client:
    return Client(url, sleep=pauses.append, jitter=lambda: 0.5)


def test_a_full_queue_is_waited_for_as_long_as_it_says_and_a_little_more() -> None:
    pauses: list[float] = []
    with server_that(answers(*[429] * 10)) as url:
        sent = patient(url, pauses).submit(RUNS, "b")

    assert sent == ("b", ["id"] * 3, 3)
    assert pauses == [5.0] * 10


def test_a_server_that_comes_back_is_waited_for() -> None:
    pauses: list[float] = []
    with server_that(answers(503, 502, 503)) as url:
        patient(url, pauses).submit(RUNS, "b")

    assert pauses == [1.0, 2.0, 4.0]


def test_an_address_where_nobody_has_ever_answered_is_given_up_within_three_seconds() -> None:
    for url, reason in (
        (f"http://127.0.0.1:{free_port()}", "refused"),
        ("http://nowhere.invalid", ""),
    ):
        pauses: list[float] = []

        with pytest.raises(Unreachable, match=f"{url} cannot be reached: .*{reason}"):
            patient(url, pauses).metrics()

        assert 0 < sum(pauses) <= 3


def test_a_server_that_has_answered_once_may_restart() -> None:
    pauses: list[float] = []
    with server_that(answers()) as url:
        client = patient(url, pauses)
        client.submit(RUNS, "b")

    with pytest.raises(Unreachable, match="refused"):
        client.submit(RUNS, "b")

    assert 20 < sum(pauses) <= 30


def test_a_server_that_stays_away_is_unreachable_after_the_patience_that_was_requested() -> None:
    pauses: list[float] = []
    with (
        server_that(answers(*[503] * 50)) as url,
        pytest.raises(Unreachable, match="cannot be reached: HTTP 503: .*not now"),
    ):
        Client(url, patience_s=9, sleep=pauses.append, jitter=lambda: 0.5).submit(RUNS, "b")

    assert pauses == [1.0, 2.0, 4.0]


def test_a_page_in_the_place_of_an_answer_is_not_the_platform() -> None:
    fault = "/api/metrics answers with b'<h1>Welcome"
    with (
        server_that(lambda: Response("<h1>Welcome</h1>")) as url,
        pytest.raises(Unreachable, match=fault),
    ):
        patient(url, []).metrics()


def test_an_answer_that_is_cut_off_is_requested_again() -> None:
    pauses: list[float] = []
    complete = answers()

    def view() -> Response:
        return (
            complete()
            if pauses
            else Response(iter([b'{"new": ']), 202, {"Content-Length": "100"})
        )

    with server_that(view) as url:
        sent = patient(url, pauses).submit(RUNS, "b")

    assert (sent.new, pauses) == (3, [1.0])


@pytest.mark.parametrize("url", ["127.0.0.1:5000", "localhost:5000", "ftp://host", ""])
def test_an_address_that_is_not_http_is_refused_at_once(url: str) -> None:
    with pytest.raises(BadInput, match="does not begin with http:// or https://"):
        Client(url)


@contextmanager
def refusing_unread() -> Iterator[str]:
    """The address of a server that answers one request with 413 and closes before it has read the body, as gunicorn."""

    def refuse() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(
                b'HTTP/1.1 413 Too Large\r\nContent-Length: 22\r\n\r\n{"error": "too large"}'
            )

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=refuse)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_body_that_is_refused_before_it_is_read_is_not_taken_for_a_lost_connection() -> None:
    with refusing_unread() as url, pytest.raises(Refused, match="too large"):
        Client(url, patience_s=0).load_prices("A", os.urandom(20_000_000))


def test_a_servers_own_fault_is_not_repeated() -> None:
    pauses: list[float] = []
    with server_that(answers(500)) as url, pytest.raises(Unreachable, match="HTTP 500"):
        patient(url, pauses).submit(RUNS, "b")

    assert pauses == []


def test_faults_are_numbered_over_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    def view() -> Response:
        body = {"error": "1 of 2 runs", "errors": {"1.ticker": "unknown"}}
        return Response(json.dumps(body), 400)

    monkeypatch.setattr("backtests.client.RUNS_PER_CALL", 2)
    with server_that(view) as url, pytest.raises(Refused) as raised:
        Client(url).plan(RUNS, "b")

    assert (raised.value.code, raised.value.errors) == (
        400,
        {"1.ticker": "unknown", "3.ticker": "unknown"},
    )
    assert str(raised.value) == "1.ticker: unknown\n3.ticker: unknown"


def test_a_token_is_sent() -> None:
    seen: list[str | None] = []

    def view() -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response('{"new": 0, "existing": {}, "on_other_prices": 0}')

    with server_that(view) as url:
        Client(url, token="secret").plan(RUNS)

    assert seen == ["Bearer secret"]


def test_a_submission_that_is_sent_again_has_the_key_of_the_first_time() -> None:
    keys: list[str | None] = []

    def view() -> Response:
        keys.append(request.headers.get("Idempotency-Key"))
        return Response('{"run_id": "r"}', 503 if len(keys) == 1 else 202)

    with server_that(view) as url:
        client = patient(url, [])
        run_ids = [client.submit(RUNS[0]) for _ in range(2)]

    assert run_ids == ["r", "r"]
    assert keys[0] == keys[1] != keys[2]


def test_a_run_that_takes_too_long_is_a_timeout() -> None:
    app = Flask(__name__)
    app.add_url_rule("/status/r", "status", lambda: {"status": "running"})

    with (
        served(app) as url,
        pytest.raises(TimeoutError, match=r"run r is still running after 0.01 s"),
    ):
        Client(url, sleep=lambda seconds: None).wait("r", timeout_s=0.01)


def test_a_refusal_that_is_not_about_the_runs_is_reported_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths: list[str] = []

    def view() -> Response:
        paths.append(request.path)
        return Response('{"error": "a token is needed"}', 401)

    monkeypatch.setattr("backtests.client.RUNS_PER_CALL", 1)
    with server_that(view) as url, pytest.raises(Refused, match=r"^a token is needed$"):
        Client(url).plan(RUNS)

    assert len(paths) == 1


def test_a_page_that_refuses_is_quoted() -> None:
    for page in ("<h1>Forbidden</h1>", '["no"]', '{"errors": ["no"]}'):
        with (
            server_that(lambda page=page: Response(page, 403)) as url,
            pytest.raises(Refused) as raised,
        ):
            Client(url).metrics()

        assert str(raised.value) == f"HTTP 403: {page}"


def test_an_answer_that_names_another_address_is_followed_by_a_get_on_the_same_host_only() -> (
    None
):
    app, paths = Flask(__name__), list[str]()

    @app.route("/<path:path>", methods=["GET", "POST", "DELETE"])
    def moved(path: str) -> Response:
        paths.append(f"{request.method} {request.host.partition(':')[0]}/{path}")
        if path == "api/metrics/":
            return Response('{"metrics": ["m"]}')
        host = "other.invalid" if path == "api/tickers" else request.host
        return Response("moved", 301, {"Location": f"http://{host}/{path}/"})

    with served(app) as url:
        client, is_moved = Client(url, token="secret"), "answers HTTP 301: http://{}/{}/"
        followed = client.metrics()
        with pytest.raises(Unreachable, match=is_moved.format("other.invalid", "api/tickers")):
            client.tickers()
        with pytest.raises(Unreachable, match=is_moved.format(".*", "run_backtest")):
            client.submit(RUNS[0])
        with pytest.raises(Unreachable, match=is_moved.format(".*", "api/prices/A/1d/abc")):
            client.delete_prices("A", "1d", "abc")

    assert followed == ["m"]
    assert [each.split()[0] for each in paths] == ["GET", "GET", "GET", "POST", "DELETE"]


def test_dates_and_numbers_of_numpy_may_be_in_a_request() -> None:
    sent: list[Any] = []

    def view() -> Response:
        sent.append(request.get_json())
        return Response('{"run_id": "r"}', 202)

    with server_that(view) as url:
        Client(url).submit(
            {"params": {"period": np.arange(14, 15)[0]}, "start_date": date(2005, 1, 3)}
        )

    assert sent == [{"params": {"period": 14}, "start_date": "2005-01-03"}]


def test_a_spent_budget_is_not_waited_for() -> None:
    def view() -> Response:
        body = json.dumps({"error": "6 of 8 are used"})
        return Response(body, 429, {"Retry-After": "7200"})

    pauses: list[float] = []
    with server_that(view) as url, pytest.raises(Refused, match="6 of 8 are used"):
        patient(url, pauses).submit(RUNS, "b")

    assert pauses == []
