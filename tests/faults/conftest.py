"""Faults are taken on one database and one way of starting Jobs in each test run, on both in the slow one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.injection_point import Fault
from tests.services import fixtures
from tests.services.processes import Programs


@pytest.fixture(params=["mariadb", pytest.param("sqlite", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a database with the platform's empty tables."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


WAYS = {
    "plain": {"SCALER_START": "plain"},
    "warm": {"SCALER_START": "warm"},
    "waiting": {"SCALER_START": "plain", "IDLE_S": "2"},
}


@pytest.fixture(
    params=["plain", *(pytest.param(way, marks=pytest.mark.slow) for way in ("warm", "waiting"))]
)
def programs(
    request: pytest.FixtureRequest, platform_settings: dict[str, str], tmp_path: Path
) -> Iterator[Programs]:
    """Starts `python -m …` processes; all of them are gone after the test.

    Jobs start plainly, from a template, or plainly and wait for a message with everything loaded.
    """
    for starter in fixtures.programs(tmp_path / "logs", platform_settings | WAYS[request.param]):
        starter.way = request.param
        yield starter


@pytest.fixture
def fault(tmp_path: Path) -> Callable[..., Fault]:
    """Makes faults: `fault(at, do)` for a process that is started with its `environ`."""
    return lambda at, do, **options: Fault(tmp_path, at, do, **options)
