"""Thousands of connections that send nothing or too much, or read nothing: other calls are answered soon."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.services.hostile import FILE, HALF_BODY, HALF_HEAD, called, opened
from tests.services.waiting import slowness

if TYPE_CHECKING:
    from tests.attack.conftest import Target

pytestmark = pytest.mark.attack

# until another call is answered; one that waits for a thread held by anonymous clients waits longer
SOON_S = 5.0

MOST_MB = 800  # of both processes; a pod has 1 GiB


def test_others_are_answered_without_an_attack(target: Target) -> None:
    called(target.port, 30)

    assert_calls_succeed(target, "nobody")


@pytest.mark.parametrize(
    ("what", "sent"),
    [
        ("60 pipelines of 117 requests, unread", [FILE * 117] * 60),
        ("900 connections: silent, half a head, half a body", [b"", HALF_HEAD, HALF_BODY] * 300),
    ],
)
def test_connections_that_wait(target: Target, what: str, sent: list[bytes]) -> None:
    with opened(target.port, *sent):
        assert_calls_succeed(target, what)


@pytest.mark.parametrize(
    "text", [b"", HALF_HEAD, HALF_BODY], ids=["silent", "half a head", "half a body"]
)
def test_one_address_with_more_connections_than_it_may_have(
    target: Target, text: bytes, request: pytest.FixtureRequest
) -> None:
    with opened(target.port, *[text] * 8600, address="127.0.0.7"):
        assert_calls_succeed(
            target, f"8,600 connections of one address, {request.node.callspec.id}"
        )


def test_answers_that_nobody_reads(target: Target) -> None:
    with ExitStack() as stack:
        for number in range(2, 7):
            stack.enter_context(
                opened(target.port, *[FILE * 3] * 900, address=f"127.0.0.{number}")
            )
        assert_calls_succeed(target, "4,500 unread answers to 5 addresses")


def test_downloads_that_nobody_reads(target: Target) -> None:
    path = target.large_download()
    request_bytes = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    with opened(target.port, *[request_bytes] * 40):
        assert_calls_succeed(target, "40 unread downloads of 8 MB")


def assert_calls_succeed(target: Target, what: str) -> None:
    calls = target.measure_calls(what)
    assert calls.failed == 0
    assert calls.slowest_s < SOON_S * slowness()
    assert target.memory_mb() < MOST_MB
