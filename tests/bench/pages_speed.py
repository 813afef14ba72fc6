"""Server time of pages: the list of a million runs on MariaDB by every kind of filter, and each tab of a finished run.

The application answers in this process; a page is measured from its request to its last byte, template included.
"""

import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from adapters.database import connect_database
from adapters.runs.times import percentile
from adapters.schema import ANSWER_S, create_schema
from adapters.settings import load_settings
from tests.bench.many_runs import ACTORS, SERIES, fill, fill_ledger
from tests.bench.services import row
from tests.services.fixtures import emptied, settings_of
from tests.services.mariadb_server import DURABLE, MariaDBServer, data_template
from tests.services.redis_server import RedisServer
from tests.web.made_runs import make
from web import create_app
from web.runs.page import TABS

ROWS = 1_000_000
ROUNDS = 5
LEDGER_MS = 20
SAMPLES = 100  # of each other page; of 20 the 95th percentile would be the slowest but one
PAGES_DEEP = 4  # pages that are turned after each first one

# What people filter and sort by, from dense to rare, alone and together.
QUERIES = (
    "", "ticker=TICK00", "ticker=TICK10", "ticker=TICK46", "rule=VALUE", "status=completed", "status=failed",
    "status=pending", "label=idea 17", "batch=sweep-500", "batch=sweep-500&status=failed", "ticker=TICK10&rule=ATR",
    "ticker=TICK46&rule=VALUE", "ticker=TICK10&status=failed", "ticker=TICK20&rule=ATR&status=failed",
    "ticker=NOPE", "ticker=TICK01&label=idea 3", "from=2025-05-01&to=2025-05-31", "from=2031-01-01",
    "from=2025-05-01&to=2025-05-01&ticker=TICK10", "from=2025-05-01&to=2025-05-31&sort=sharpe", "sort=sharpe",
    "sort=return&order=asc", "sort=drawdown&order=asc", "sort=trades", "ticker=TICK10&sort=sharpe",
    "ticker=TICK46&sort=sharpe", "rule=VALUE&sort=return", "ticker=TICK20&rule=VALUE&sort=sharpe",
    "batch=sweep-500&sort=sharpe", "label=idea 17&sort=return", "status=completed&sort=sharpe",
    "status=failed&sort=sharpe", "sharpe_min=1.5", "sharpe_min=2.1&ticker=TICK40", "sharpe_min=1&drawdown_max=10",
    "ticker=TICK10&rule=ATR&sharpe_min=1", "sharpe_min=1&return_max=-80", "sharpe_min=1&return_max=-50",
    "drawdown_max=1&sort=return", "drawdown_max=10&sharpe_min=1&sort=return",
)  # fmt: skip


def main() -> None:
    """Print the rows as one line of JSON."""
    logging.disable(logging.CRITICAL)
    with application() as app:
        client = app.test_client()
        rows = [*list_rows(client), *ledger_rows(client), *page_rows(app, client)]
    print(json.dumps(rows))


@contextmanager
def application() -> Iterator[Flask]:
    """The web application on MariaDB with a million runs."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        directory = Path(folder)
        redis = RedisServer(directory)
        database = MariaDBServer(directory, data_template(directory), DURABLE)
        try:
            redis.start()
            database.start()
            database.create_database()
            engine = connect_database(database.url(), answer_s=ANSWER_S)
            create_schema(engine)
            emptied(database.url())
            sys.stderr.write(f"inserting {ROWS:,} runs\n")
            fill(engine, ROWS)
            fill_ledger(engine)
            yield create_app(load_settings(settings_of(database.url(), redis.url)))
        finally:
            database.stop()
            redis.stop()


def list_rows(client: FlaskClient) -> list[dict[str, Any]]:
    """The list's server time over all queries, first pages and the ones behind them."""
    by_query = {query: times_of(client, query) for query in QUERIES}
    every = [passed for times in by_query.values() for passed in times]
    slowest, median = max(by_query, key=lambda query: p50(by_query[query])), p50(every)
    what = f"list of {ROWS:,} runs, {len(QUERIES)} filters and orders, {len(every)} pages"
    unknown_ms = p50(times_of(client, "q=nightly"))
    return [
        row(f"{what}, p95", p95(every), "ms", median, note="against their median"),
        row(
            "the slowest of these filters, median",
            p50(by_query[slowest]),
            "ms",
            median,
            budget="<= 3",
            note=slowest,
        ),
        row("a word that no run has, median", unknown_ms, "ms", median, note="against the same"),
    ]


def ledger_rows(client: FlaskClient) -> list[dict[str, Any]]:
    """The ledger of many series and actors: all that one answer lists, and one series."""
    paths = {
        f"GET /api/ledger, {SERIES} series, {ACTORS} actors, p95": "/api/ledger",
        "the same of one series, p95": "/api/ledger?ticker=TICK010&timeframe=1d",
    }
    return [
        row(
            name,
            p95([timed(client, path) for _ in range(SAMPLES)]),
            "ms",
            LEDGER_MS,
            budget="<= 1",
        )
        for name, path in paths.items()
    ]


def times_of(client: FlaskClient, query: str) -> list[float]:
    """Milliseconds of a query's first page, several times, and of the pages behind it."""
    times = [timed(client, f"/runs?{query}") for _ in range(ROUNDS)]
    after = client.get(f"/api/runs?{query}").get_json()["next"]
    for _ in range(PAGES_DEEP):
        if after is None:
            break
        times.append(timed(client, f"/runs?{query}&after={after}"))
        after = client.get(f"/api/runs?{query}&after={after}").get_json()["next"]
    return times


def page_rows(app: Flask, client: FlaskClient) -> list[dict[str, Any]]:
    """Each tab of a finished run of 3,270 bars without pictures, whose charts are drawn by the web tier."""
    fields = {
        "start_date": "2000-03-01",
        "end_date": "2013-03-01",
        "rule_type": "MACD",
        "params": {},
    }
    run_id = make(app, "completed", fields)
    measured = {
        tab: [timed(client, f"/result/{run_id}?tab={tab}") for _ in range(SAMPLES)]
        for tab in TABS
    }
    others = {
        "queue page": "/queue",
        "form": "/",
        "status of a run, as it is polled": f"/status/{run_id}",
    }
    median = p50([each for times in measured.values() for each in times])
    note = "against the median of all tabs"
    return [
        *(
            row(
                f"run page, {tab}, 3,270 bars, p95",
                p95(times),
                "ms",
                median,
                budget="<= 3",
                note=note,
            )
            for tab, times in measured.items()
        ),
        *(
            row(f"{name}, p95", p95([timed(client, path) for _ in range(SAMPLES)]), "ms", median)
            for name, path in others.items()
        ),
    ]


def p50(times: Sequence[float]) -> float:
    """The median."""
    return percentile(times, 50) or 0.0


def p95(times: Sequence[float]) -> float:
    """The 95th percentile."""
    return percentile(times, 95) or 0.0


def timed(client: FlaskClient, path: str) -> float:
    """Milliseconds until a page has been answered."""
    start = time.perf_counter()
    answer = client.get(path, headers={"Accept": "text/html"})
    passed_ms = (time.perf_counter() - start) * 1e3
    if answer.status_code != 200:
        raise SystemExit(f"{path} was answered {answer.status_code}")
    return passed_ms


if __name__ == "__main__":
    main()
