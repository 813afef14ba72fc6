"""Faults are taken on one database in each test run, and on both in the slow one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.injection_point import Fault


@pytest.fixture(params=["mariadb", pytest.param("sqlite", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a database with the platform's empty tables."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def fault(tmp_path: Path) -> Callable[..., Fault]:
    """Makes faults: `fault(at, do)` for a process that is started with its `environ`."""
    return lambda at, do, **options: Fault(tmp_path, at, do, **options)
