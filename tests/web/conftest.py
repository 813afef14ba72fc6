"""A web application on real services, and runs in every state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

RunMaker = Callable[..., str]


@pytest.fixture
def page_app(platform_settings: dict[str, str]) -> Flask:
    """The application, with tests' settings and a key that outlives it."""
    from adapters.settings import load_settings
    from web import create_app

    app = create_app(load_settings(platform_settings))
    app.testing = False  # a fault is a page here, as it is for people
    return app


@pytest.fixture
def browser_client(page_app: Flask) -> FlaskClient:
    """A client that asks for HTML, as browsers do."""
    client = page_app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


@pytest.fixture
def make_run(page_app: Flask) -> RunMaker:
    """Submits a run, works on it in this process when `state` says so, and returns its run_id."""
    from contracts.status import ErrorType
    from tests.web.made_runs import make

    def run(state: str = "completed", error_type: ErrorType = ErrorType.ENGINE_ERROR, **fields: Any) -> str:
        return make(page_app, state, fields, error_type)

    return run
