"""A served platform whose runs a thread finishes in place of Jobs."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.services.live_web import served
from tests.services.web_app import web_app


@pytest.fixture
def app(platform_settings: dict[str, str]) -> Iterator[Flask]:
    """The application on the test's database and Redis."""
    with web_app(platform_settings) as application:
        yield application


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    """Its address."""
    with served(app) as url:
        yield url
