"""Bodies that are too large, or that break off: a fault of the sender, never one of ours."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.services.ports import free_port
from tests.services.processes import PROJECT_ROOT, Programs
from tests.services.web_app import run_values, web_app
from web.api import MAX_BODY_BYTES

TOKEN = "a-token-of-16-or-more"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def guarded(platform_settings: dict[str, str]) -> Iterator[Flask]:
    """A platform whose login asks for a token."""
    with web_app(platform_settings | {"API_TOKENS": TOKEN}) as app:
        app.testing = False
        yield app


@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=x", "text/plain"])
def test_a_login_reads_no_more_than_a_token_needs(guarded: Flask, kind: str) -> None:
    body = (
        b"--x\r\nContent-Disposition: form-data; name=token\r\n\r\n"
        + b"x" * 100_000
        + b"\r\n--x--\r\n"
    )

    assert guarded.test_client().post("/login", data=body, content_type=kind).status_code == 413


def test_every_route_bounds_a_body_that_it_does_not_expect(client: FlaskClient) -> None:
    assert client.application.config["MAX_CONTENT_LENGTH"] == 256 * 1024


def test_chunks_that_break_their_format_or_the_bound_are_the_senders_fault(
    programs: Programs,
) -> None:
    port = str(free_port())
    web = programs.run(
        [sys.executable, "-m", "gunicorn", "web:create_app()", "--config", "web/gunicorn.conf.py"],
        PORT=port, WEB_HOST="127.0.0.1", WEB_CONCURRENCY="1", API_TOKENS=TOKEN,
    )  # fmt: skip
    web.wait_for_line("Booting worker")
    routes = {
        "/login": FORM,
        "/run_backtest": "application/json",
        "/api/runs/bulk": "application/x-ndjson",
    }

    malformed = {
        route: _chunked(port, route, kind, b"nonsense\r\n{}\r\n0\r\n\r\n")
        for route, kind in routes.items()
    }
    unended = {
        route: _chunked(port, route, kind, b"2\r\n{}XX0\r\n\r\n")
        for route, kind in routes.items()
    }
    spaces = b"%x\r\n" % TOO_MANY + b" " * TOO_MANY + b"\r\n0\r\n\r\n"
    too_large = {
        route: _chunked(port, route, kind, spaces) for route, kind in list(routes.items())[:2]
    }

    assert malformed == unended == dict.fromkeys(routes, b"400")
    assert too_large == {"/login": b"413", "/run_backtest": b"413"}


TOO_MANY = MAX_BODY_BYTES + 5_000  # bytes
BASE = {name: value for name, value in run_values().items() if name not in ("params", "charts")}
COMBINATIONS = [{"period": period, "oversold": 30, "overbought": 70} for period in (5, 14)]
STUDY = {"kind": "selection", "combinations": COMBINATIONS, "base": BASE}


@pytest.mark.parametrize(
    ("method", "path", "kind", "text"),
    [
        (
            "POST",
            "/api/runs/bulk",
            "application/x-ndjson",
            f"{json.dumps(run_values())}\n" * 1600,
        ),
        (
            "POST",
            "/api/studies?dry_run=true",
            "application/json",
            json.dumps(STUDY) + " " * TOO_MANY,
        ),
        (
            "PUT",
            "/api/prices/NEW/1d?dry_run=true",
            "text/csv",
            (PROJECT_ROOT / "data" / "AAPL.csv").read_text() + "\n" * TOO_MANY,
        ),
    ],
)
def test_three_routes_take_more_from_who_may_send_it(
    programs: Programs, method: str, path: str, kind: str, text: str
) -> None:
    port = free_port()
    programs.run(
        [sys.executable, "-m", "gunicorn", "web:create_app()", "--config", "web/gunicorn.conf.py"],
        PORT=str(port), WEB_HOST="127.0.0.1", WEB_CONCURRENCY="1", API_TOKENS=TOKEN,
    ).wait_for_line("Booting worker")  # fmt: skip
    headers = {"Content-Type": kind, "Expect": "100-continue"}

    def status(token: str, body: bytes | list[bytes]) -> int:
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request(method, path, body, headers | {"Authorization": f"Bearer {token}"})
            return connection.getresponse().status

    body = text.encode()
    assert len(body) > MAX_BODY_BYTES
    for sent in (body, [body[:1000], body[1000:]]):  # with its length, and in chunks
        assert status(TOKEN, sent) in (200, 202)
        assert status("somebody-else-s-token", sent) == 401


def _chunked(port: str, path: str, kind: str, chunks: bytes) -> bytes:
    """The status code of a POST with these bytes as its chunked body."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nAuthorization: Bearer {TOKEN}\r\n"
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as connection:
        connection.sendall(
            f"{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks
        )
        return connection.makefile("rb").readline().split()[1]
