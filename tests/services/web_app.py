"""The web tier inside the test process, on a test's own database and Redis."""

import copy
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

from flask import Flask

from adapters.logs import configure_logging
from adapters.settings import Settings, load_settings
from web import create_app
from web.app import Platform


@cache
def _wired() -> Flask:
    """An application whose routes and templates all others share: to make them takes half the time of a page's test."""
    return create_app(
        load_settings({"DATABASE_URL": "sqlite://", "REDIS_URL": "redis://127.0.0.1:9/0"})
    )


def application(settings: Settings) -> Flask:
    """The application that `create_app` returns for these settings."""
    configure_logging(settings, role="web")
    app = copy.copy(_wired())
    app.config, app.extensions = copy.copy(app.config), {"platform": Platform(settings)}
    app.secret_key, *app.config["SECRET_KEY_FALLBACKS"] = settings.secret_key or (
        secrets.token_hex(32),
    )
    return app


@contextmanager
def web_app(environ: Mapping[str, str]) -> Iterator[Flask]:
    """The application with these settings; its connections are closed afterwards."""
    app = application(load_settings(environ))
    try:
        yield app
    finally:
        app.extensions["platform"].engine.dispose()


def run_values(**changes: object) -> dict[str, object]:
    """A valid request for one run as JSON values."""
    values: dict[str, object] = {
        "ticker": "AAPL",
        "rule_type": "RSI",
        "params": {"period": 14, "oversold": 30, "overbought": 70},
        "start_date": "2004-01-01",
        "end_date": "2006-12-31",
        "charts": False,
    }
    return values | changes


def sweep_values(runs: int, **changes: object) -> list[dict[str, object]]:
    """So many different valid requests, at most 3,000."""
    return [
        run_values(
            params={"period": 2 + number % 100, "oversold": 20 + number // 100, "overbought": 70},
            **changes,
        )
        for number in range(runs)
    ]
