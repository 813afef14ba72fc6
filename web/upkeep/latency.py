"""How long the web tier takes for its answers, over all of a pod's processes."""

import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# logins and what was refused are counted by it, too: by their route and status
LATENCY = Histogram(
    "backtest_http_seconds",
    "Time from a whole request to its answer",
    ("method", "route", "status"),
    buckets=BOUNDS_S,
    registry=None,
)


def measure(app: Flask) -> None:
    """Time every answer of this application."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    # an address that is none would be a label of its own
    route = request.url_rule.rule if request.url_rule else ""
    LATENCY.labels(request.method, route, response.status_code).observe(
        time.perf_counter() - g.began
    )
    return response


def register_latency(registry: CollectorRegistry) -> None:
    """Let a registry tell the times of all processes, which web/gunicorn.conf.py lets them share, else of this one."""
    try:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    except ValueError:  # there is no folder to share
        registry.register(LATENCY)
