"""The web tier inside the test process, on a test's own database and Redis."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flask import Flask

from adapters.settings import load_settings
from web import create_app


@contextmanager
def web_app(environ: Mapping[str, str]) -> Iterator[Flask]:
    """The application with these settings; its connections are closed afterwards."""
    app = create_app(load_settings(environ))
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
        run_values(params={"period": 2 + number % 100, "oversold": 20 + number // 100, "overbought": 70}, **changes)
        for number in range(runs)
    ]
