"""Bodies that are too large, or that break off: a fault of the sender, never one of ours."""

import socket
from collections.abc import Iterator
from urllib.parse import urlparse

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.services.live_web import served
from tests.services.web_app import web_app

TOKEN = "a-token-of-16-or-more"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """No body of these tests reaches the database."""
    return sqlite_url


@pytest.fixture
def guarded(platform_settings: dict[str, str]) -> Iterator[Flask]:
    """A platform whose login asks for a token."""
    with web_app(platform_settings | {"API_TOKENS": TOKEN}) as app:
        app.testing = False
        yield app


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_a_login_reads_no_more_than_a_token_needs(guarded: Flask, kind: str) -> None:
    body = b"--x\r\nContent-Disposition: form-data; name=token\r\n\r\n" + b"x" * 100_000 + b"\r\n--x--\r\n"

    assert guarded.test_client().post("/login", data=body, content_type=kind).status_code == 413


def test_every_route_bounds_a_body_that_it_does_not_expect(client: FlaskClient) -> None:
    assert client.application.config["MAX_CONTENT_LENGTH"] == 64 * 1024


def test_a_malformed_chunk_is_the_senders_fault(guarded: Flask) -> None:
    paths = {"/login": "application/x-www-form-urlencoded", "/run_backtest": "application/json"}
    with served(guarded) as url:
        codes = {path: _chunked(url, path, kind, b"nonsense\r\n{}\r\n0\r\n\r\n") for path, kind in paths.items()}

    assert codes == dict.fromkeys(paths, b"400")


def _chunked(url: str, path: str, kind: str, chunks: bytes) -> bytes:
    """The status code of a POST with these bytes as its chunked body."""
    server = urlparse(url)
    head = f"POST {path} HTTP/1.1\r\nHost: {server.netloc}\r\nContent-Type: {kind}\r\nAuthorization: Bearer {TOKEN}\r\n"
    with socket.create_connection((server.hostname, server.port), timeout=20) as connection:  # type: ignore[arg-type]
        connection.sendall(f"{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks)
        return connection.makefile("rb").readline().split()[1]
