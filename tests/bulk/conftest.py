"""The web tier on real services, inside the test process."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.services.web_app import web_app


@pytest.fixture
def app(platform_settings: dict[str, str]) -> Iterator[Flask]:
    """The application on the test's database and Redis."""
    with web_app(platform_settings) as application:
        yield application


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client without cookies of others."""
    return app.test_client()
