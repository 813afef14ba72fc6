"""Is it alive, is it ready, and what are its numbers: for probes and for Prometheus."""

import logging
from collections.abc import Iterator

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from adapters.store.database import reading
from adapters.store.run_queries import counts_by_status, latest_times
from adapters.store.tables import runs
from contracts.errors import QueueUnavailable
from web.platform import platform

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    """The process answers; nothing else is touched."""
    return {"status": "ok"}


@blueprint.get("/ready")
def ready() -> ResponseReturnValue:
    """Whether runs can be accepted: the database must answer; without Redis they are recorded and enqueued later."""
    database, redis = _database_state(), _redis_state()
    body = {"status": "ready" if database == "ok" else "not ready", "database": database, "redis": redis}
    return body, 200 if database == "ok" else 503


def _database_state() -> str:
    try:
        with reading(platform().engine) as connection:
            connection.execute(select(runs.c.id).limit(1))
    except SQLAlchemyError as error:
        log.warning("database_not_ready reason=%s", getattr(error, "orig", error))
        return "unreachable, or its schema is missing (python -m adapters.schema)"
    return "ok"


def _redis_state() -> str:
    try:
        platform().queue.ping()
    except QueueUnavailable as error:
        log.warning("redis_not_ready reason=%s", error)
        return "unreachable; runs are recorded and enqueued later"
    return "ok"


def mean(values: list[float]) -> float:
    """The arithmetic mean; 0 of nothing, which is what a gauge shows before the first run."""
    return sum(values) / len(values) if values else 0.0


class _RunNumbers:
    """Numbers of runs, read from the database and the queue at each scrape, so that they are exact after restarts."""

    def collect(self) -> Iterator[Metric]:
        with reading(platform().engine) as connection:
            counts = counts_by_status(connection)
            waits, durations = latest_times(connection)
        by_status = GaugeMetricFamily("backtest_runs", "Runs in each state", labels=["status"])
        for status, count in counts.items():
            by_status.add_metric([status.lower()], count)
        yield by_status
        yield GaugeMetricFamily("backtest_queue_wait_seconds", "Mean wait of the last 1,000 runs", value=mean(waits))
        yield GaugeMetricFamily("backtest_run_seconds", "Mean duration of the last 1,000 runs", value=mean(durations))
        try:
            depths = platform().queue.depths()
        except QueueUnavailable:
            return  # no number is better than a wrong one
        by_queue = GaugeMetricFamily("backtest_queue_depth", "Messages that wait in each queue", labels=["queue"])
        for name, depth in depths.items():
            by_queue.add_metric([name], depth)
        yield by_queue


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_RunNumbers())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
