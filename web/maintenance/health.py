"""Is it alive, is it ready, and what are its numbers: for probes and for Prometheus."""

import logging
import time
from collections.abc import Iterator, Mapping
from functools import cache

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
from sqlalchemy import false, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from adapters.database import connect_database, reading
from adapters.database_errors import is_locked, takes_no_changes
from adapters.maintenance.storage import bytes_by_kind
from adapters.plans.screen import all_differing
from adapters.queue.connection import connect_redis, reachable
from adapters.queue.liveness import Upkeep, upkeep
from adapters.runs.times import seconds_between
from adapters.runs.totals import RUN, WAIT, Totals, histogram, totals
from adapters.settings import Settings
from adapters.tables import runs
from contracts.errors import QueueUnavailable
from web.access.recording import ANONYMOUS_REQUESTS
from web.api import operation
from web.app import ask_queue, platform, reading_database

blueprint = Blueprint("health", __name__)
log = logging.getLogger(__name__)

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# logins and what was refused are counted by it, too: by their route and status
LATENCY = Histogram(
    "backtest_http_seconds",
    "Time from a whole request to its answer",
    ("method", "route", "status"),
    buckets=BOUNDS_S,
    registry=None,
)
PATIENCE_S = 2  # with each of the two
_CHANGE = update(runs).where(false()).values(label=None)
_SQLITE_CHANGE = text("PRAGMA user_version = 0")  # writes one page, though it changes nothing


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


@blueprint.get("/health")
@operation(unguarded=True, any_host=True)
def health() -> ResponseReturnValue:
    """The process answers; nothing else is touched."""
    return {"status": "ok"}


@blueprint.get("/ready")
@operation(
    "200 runs are accepted",
    "503 application/json: the database is away",
    unguarded=True,
    any_host=True,
)
def ready() -> ResponseReturnValue:
    """Whether runs can be accepted: the database must take changes; without Redis they are enqueued later."""
    probe = readiness(platform().settings)
    database, redis = probe.database(), probe.redis()
    status, code = ("ready", 200) if database == "ok" else ("not ready", 503)
    return {"status": status, "database": database, "redis": redis}, code


class Readiness:
    """What a probe is told, within seconds whatever has happened to the network."""

    def __init__(self, settings: Settings) -> None:
        self._engine = connect_database(settings.database_url, answer_s=PATIENCE_S)
        self._change = _SQLITE_CHANGE if self._engine.dialect.name == "sqlite" else _CHANGE
        self._redis = connect_redis(settings.redis_url, PATIENCE_S)

    def database(self) -> str:
        """Either ok, since it takes changes, or what is wrong."""
        try:
            with reading(self._engine) as connection:
                connection.execute(select(runs.c.id).limit(1))
            with self._engine.begin() as connection:
                connection.execute(self._change)
        except SQLAlchemyError as error:
            if is_locked(error):
                return "ok"  # for whoever is writing
            log.warning("database_not_ready reason=%s", getattr(error, "orig", error))
            if takes_no_changes(error):
                return "read-only, or without room on its disk; nothing can be recorded until it takes changes again"
            return "unreachable, or its schema is missing (python -m adapters.schema)"
        return "ok"

    def redis(self) -> str:
        """Either ok, since it answers, or what happens meanwhile."""
        try:
            with reachable():
                self._redis.ping()
        except QueueUnavailable as error:
            log.warning("redis_not_ready reason=%s", error)
            return "unreachable; runs are recorded and enqueued later"
        return "ok"


readiness = cache(Readiness)  # by settings: one in each process


class _RunNumbers:
    """Numbers of runs, read from the database and the queue at each scrape: exact, and the same from every pod."""

    def collect(self) -> Iterator[Metric]:
        with reading_database() as connection:
            seen, room = upkeep(connection), bytes_by_kind(connection)
            counted, differing = totals(connection), all_differing(connection)
        states = {"pending": seen.waiting, "running": seen.running}
        yield _gauges("backtest_runs", "Runs that have not ended", "status", states)
        yield _gauges(
            "backtest_database_bytes", "Room that data takes, with indexes", "kind", room
        )
        recent = "Time since something that should be recent"
        yield _gauges("backtest_age_seconds", recent, "of", _ages_s(seen))
        yield GaugeMetricFamily(
            "backtest_screen_rows_differing", "Runs that differ from their screen", differing
        )
        yield from _counters(counted) if counted else ()
        depths = ask_queue(lambda queue: queue.depths())
        refused = ask_queue(lambda queue: queue.refused())
        if depths is None or refused is None:
            return  # no number is better than a wrong one
        yield _gauges("backtest_queue_depth", "Messages that wait in each queue", "queue", depths)
        messages = CounterMetricFamily(
            "backtest_messages_refused", "Messages put away unworked", labels=["cause"]
        )
        for cause, count in refused.items():
            messages.add_metric([cause], count)
        yield messages


def _ages_s(seen: Upkeep) -> dict[str, float]:
    """Of the oldest waiting run, 0 where none waits; of the last start; of the reconciler's word, 0 while one leads."""
    oldest = seen.oldest_waiting
    ages_s = {
        "oldest_waiting": seconds_between(oldest["waiting_since"], seen.now) if oldest else 0.0,
        "last_claim": seconds_between(seen.last_start, seen.now),
        "reconciler": seen.reconciler_gone_s,
    }
    return {name: age_s for name, age_s in ages_s.items() if age_s is not None}


def _gauges(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for value_of, value in values.items():
        family.add_metric([value_of], value)
    return family


def _counters(counted: Totals) -> Iterator[Metric]:
    """What only grows, over all that ever happened."""
    changes = CounterMetricFamily(
        "backtest_transitions", "Changes of state", labels=["from", "to", "cause"]
    )
    for key, count in counted.items():
        if key.startswith("transition/"):
            changes.add_metric(key.lower().split("/")[1:], count)
    yield changes
    waited, ran = (
        "From waiting to running, of each attempt",
        "From running to the end of each attempt",
    )
    yield HistogramMetricFamily("backtest_queue_wait_seconds", waited, *histogram(counted, WAIT))
    yield HistogramMetricFamily("backtest_run_seconds", ran, *histogram(counted, RUN))


@blueprint.get("/metrics")
@operation(unguarded=True, any_host=True)
def metrics() -> Response:
    """Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_RunNumbers())
    try:
        # the times of all processes, which web/gunicorn.conf.py lets them share
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    except ValueError:  # there is no folder to share
        registry.register(LATENCY)
        registry.register(ANONYMOUS_REQUESTS)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
