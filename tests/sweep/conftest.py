"""A platform behind a real socket."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.services.live_web import served


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing that speaks HTTP depends on the kind of database."""
    return sqlite_url


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    """The address of the web tier."""
    with served(app) as url:
        yield url
