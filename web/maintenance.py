"""Liveness and readiness probes, metrics for Prometheus, and the size of stored data for the queue page."""

import logging
import time
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from time import monotonic

from flask import Blueprint, Flask, Response, g, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import Engine, false, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from adapters.database import connect_database, reading
from adapters.database_errors import is_locked, takes_no_changes
from adapters.maintenance.storage import bytes_a_day, bytes_by_kind, bytes_left
from adapters.plans.screen import all_differing
from adapters.queue.history import Liveness, liveness
from adapters.queue.run_queue import connect_redis, reachable
from adapters.runs.times import seconds_between
from adapters.runs.totals import RUN, WAIT, Totals, histogram, totals
from adapters.settings import Settings
from adapters.tables import runs
from contracts.errors import QueueUnavailable
from contracts.values import Json
from web.access import ANONYMOUS_REQUESTS
from web.api import operation
from web.app import ask_queue, platform, reading_database

FRESH_S = (
    60  # the page refreshes every second, and a database is slow to report the size of its tables
)


def storage() -> Json:
    """Return bytes by kind, largest first, the growth per day, the free space, and the retention settings."""
    current = platform()
    kept = {
        name: value for name, value in vars(current.settings).items() if name.startswith("keep_")
    }
    return _sizes(current.engine, current.settings, int(monotonic() / FRESH_S)) | {"kept": kept}


@lru_cache(maxsize=1)
def _sizes(engine: Engine, settings: Settings, _period: int) -> Json:
    """Query the sizes, once in each period of FRESH_S."""
    with reading(engine) as connection:
        sizes = bytes_by_kind(connection)
        total = sum(sizes.values())
        a_day, free = bytes_a_day(connection, total), bytes_left(settings, connection, total)
    return {
        "sizes": sorted(sizes.items(), key=lambda item: -item[1]),
        "a_day": a_day,
        "free": free,
    }


blueprint = Blueprint("health", __name__)
log = logging.getLogger(__name__)

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# also counts logins and refusals, by route and status
LATENCY = Histogram(
    "backtest_http_seconds",
    "Time from a complete request to its response",
    ("method", "route", "status"),
    buckets=BOUNDS_S,
    registry=None,
)
PATIENCE_S = 2  # for the database and for Redis to answer, each
_CHANGE = update(runs).where(false()).values(label=None)
_SQLITE_CHANGE = text("PRAGMA user_version = 0")  # writes one page, but changes nothing


def measure(app: Flask) -> None:
    """Measure the latency of every response of an application."""
    app.before_request(_start_timer)
    app.after_request(_observe_latency)


def _start_timer() -> None:
    g.started = time.perf_counter()


def _observe_latency(response: Response) -> Response:
    # an unknown path must not become a label
    route = request.url_rule.rule if request.url_rule else ""
    LATENCY.labels(request.method, route, response.status_code).observe(
        time.perf_counter() - g.started
    )
    return response


@blueprint.get("/health")
@operation(unguarded=True, any_host=True)
def health() -> ResponseReturnValue:
    """Report that the process answers; nothing else is checked."""
    return {"status": "ok"}


@blueprint.get("/ready")
@operation(
    "200 runs are accepted",
    "503 application/json: the database is away",
    unguarded=True,
    any_host=True,
)
def ready() -> ResponseReturnValue:
    """Report whether runs can be accepted: the database must be writable; without Redis they are enqueued later."""
    probe = readiness(platform().settings)
    database, redis = probe.database(), probe.redis()
    status, code = ("ready", 200) if database == "ok" else ("not ready", 503)
    return {"status": status, "database": database, "redis": redis}, code


class Readiness:
    """Readiness of the database and Redis, within seconds whatever the state of the network.

    It has connections of its own, since those of pages may all be in use.
    """

    def __init__(self, settings: Settings) -> None:
        self._engine = connect_database(settings.database_url, answer_s=PATIENCE_S)
        self._change = _SQLITE_CHANGE if self._engine.dialect.name == "sqlite" else _CHANGE
        self._redis = connect_redis(settings.redis_url, PATIENCE_S)

    def database(self) -> str:
        """Return ok if the database is writable, else the fault."""
        try:
            with reading(self._engine) as connection:
                connection.execute(select(runs.c.id).limit(1))
            with self._engine.begin() as connection:
                connection.execute(self._change)
        except SQLAlchemyError as error:
            if is_locked(error):
                return "ok"  # another transaction is writing
            log.warning("database_not_ready reason=%s", getattr(error, "orig", error))
            if takes_no_changes(error):
                return "read-only, or its disk is full; nothing can be recorded until it is writable again"
            return "unreachable, or its schema is missing (python -m adapters.schema)"
        return "ok"

    def redis(self) -> str:
        """Return ok if Redis answers, else the consequence."""
        try:
            with reachable():
                self._redis.ping()
        except QueueUnavailable as error:
            log.warning("redis_not_ready reason=%s", error)
            return "unreachable; runs are recorded and enqueued later"
        return "ok"


readiness = cache(Readiness)  # one per process and settings


class _RunCollector:
    """Collector of run metrics, read from the database and the queue at each scrape: exact, and equal in every pod."""

    def collect(self) -> Iterator[Metric]:
        with reading_database() as connection:
            state, sizes = liveness(connection), bytes_by_kind(connection)
            run_totals, differing = totals(connection), all_differing(connection)
        states = {"pending": state.waiting, "running": state.running}
        yield _gauges("backtest_runs", "Runs that have not ended", "status", states)
        yield _gauges(
            "backtest_database_bytes", "Size of stored data, with indexes", "kind", sizes
        )
        help_text = "Time since an event that should be recent"
        yield _gauges("backtest_age_seconds", help_text, "of", _ages_s(state))
        yield GaugeMetricFamily(
            "backtest_screen_rows_differing",
            "Runs whose metrics differ from their screen",
            differing,
        )
        yield from _counters(run_totals) if run_totals else ()
        depths = ask_queue(lambda queue: queue.depths())
        refused = ask_queue(lambda queue: queue.refused())
        if depths is None or refused is None:
            return  # a missing metric is better than a wrong one
        yield _gauges("backtest_queue_depth", "Waiting messages of each queue", "queue", depths)
        messages = CounterMetricFamily(
            "backtest_messages_refused",
            "Messages that were set aside without being worked",
            labels=["cause"],
        )
        for cause, count in refused.items():
            messages.add_metric([cause], count)
        yield messages


def _ages_s(state: Liveness) -> dict[str, float]:
    """Return the ages of the oldest waiting run (0 without one), the last start, and the reconciler's absence."""
    oldest = state.oldest_waiting
    ages_s = {
        "oldest_waiting": seconds_between(oldest["waiting_since"], state.now) if oldest else 0.0,
        "last_claim": seconds_between(state.last_start, state.now),
        "reconciler": state.reconciler_gone_s,
    }
    return {name: age_s for name, age_s in ages_s.items() if age_s is not None}


def _gauges(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for label_value, value in values.items():
        family.add_metric([label_value], value)
    return family


def _counters(run_totals: Totals) -> Iterator[Metric]:
    """Yield the counters and histograms of all runs ever."""
    changes = CounterMetricFamily(
        "backtest_transitions", "Changes of state", labels=["from", "to", "cause"]
    )
    for key, count in run_totals.items():
        if key.startswith("transition/"):
            changes.add_metric(key.lower().split("/")[1:], count)
    yield changes
    waited, ran = (
        "From waiting to running, of each attempt",
        "From running to the end of each attempt",
    )
    yield HistogramMetricFamily(
        "backtest_queue_wait_seconds", waited, *histogram(run_totals, WAIT)
    )
    yield HistogramMetricFamily("backtest_run_seconds", ran, *histogram(run_totals, RUN))


@blueprint.get("/metrics")
@operation(unguarded=True, any_host=True)
def metrics() -> Response:
    """Return the metrics in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_RunCollector())
    try:
        # all processes count in one folder, which web/gunicorn.conf.py creates
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    except ValueError:  # there is no such folder
        registry.register(LATENCY)
        registry.register(ANONYMOUS_REQUESTS)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
