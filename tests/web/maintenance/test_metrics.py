"""/metrics as Prometheus reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from adapters.database import committed
from adapters.queue.messages import FOREIGN, REFUSED_KEY, STALE
from adapters.runs.totals import fold
from tests.metrics.test_performance_faults import fail
from tests.services.redis_server import RedisServer
from tests.services.waiting import service_missing
from tests.services.web_app import web_app
from tests.web.conftest import ON_BOTH_DATABASES, RunMaker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient


@pytest.fixture
def counting(page_app: Flask) -> None:
    """A reconciler has begun to count."""
    committed(page_app.extensions["platform"].engine, fold)


def scraped(client: FlaskClient) -> str:
    return client.get("/metrics").get_data(as_text=True)


@ON_BOTH_DATABASES
@pytest.mark.usefixtures("counting")
def test_runs_are_counted_by_their_ends_with_waits_and_durations(
    client: FlaskClient, make_run: RunMaker
) -> None:
    make_run(), make_run("failed", label="b"), make_run("pending", label="c")

    text = scraped(client)

    assert 'backtest_transitions_total{cause="",from="running",to="succeeded"} 1.0' in text
    assert (
        'backtest_transitions_total{cause="engine_error",from="running",to="failed"} 1.0' in text
    )
    assert 'backtest_queue_wait_seconds_bucket{le="+Inf"} 2.0' in text
    assert 'backtest_run_seconds_bucket{le="+Inf"} 2.0' in text
    assert 'backtest_runs{status="pending"} 1.0' in text
    ages = dict(re.findall(r'backtest_age_seconds\{of="(\w+)"\} (\S+)', text))
    assert ages.keys() == {"oldest_waiting", "last_claim"}  # no reconciler has led yet
    assert all(0 < float(age) < 60 for age in ages.values())
    assert re.search(r'backtest_database_bytes\{kind="(runs|everything)"\} [1-9]', text)


@pytest.mark.parametrize("name", ["turnover", "total_return_pct", "num_trades"])
@pytest.mark.usefixtures("counting")
def test_a_run_without_one_of_its_metrics_is_counted_by_that(
    client: FlaskClient, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fail(monkeypatch, name, ZeroDivisionError())

    run_id = make_run()

    result = client.get(f"/api/runs/{run_id}").json
    assert (result["status"], result["metrics"][name]) == ("completed", None)
    assert result["metrics_notes"][name] == "could not be computed"
    text, succeeded = scraped(client), 'from="running",to="succeeded"'
    assert f'backtest_transitions_total{{cause="metric_failed",{succeeded}}} 1.0' in text
    assert f'backtest_transitions_total{{cause="",{succeeded}}}' not in text


@pytest.mark.usefixtures("counting")
def test_promtool_finds_no_fault_in_the_names(client: FlaskClient, make_run: RunMaker) -> None:
    make_run()
    client.get("/runs")
    path = shutil.which("promtool") or service_missing(
        "promtool is not installed; sh scripts/install_test_services.sh"
    )

    checked = subprocess.run(
        [path, "check", "metrics"],
        input=scraped(client),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_answers_are_timed_by_route_and_status_and_unknown_addresses_are_one(
    client: FlaskClient,
) -> None:
    client.get("/api/runs"), client.get("/nowhere/1"), client.get("/nowhere/2")

    text = scraped(client)

    assert 'backtest_http_seconds_count{method="GET",route="/api/runs",status="200"}' in text
    assert 'route="",status="404"' in text
    assert "nowhere" not in text


def test_refused_messages_are_counted_by_cause(
    client: FlaskClient, redis_server: RedisServer
) -> None:
    redis_server.client().hset(
        REFUSED_KEY, mapping={FOREIGN: 3, STALE: "a foreign value", "more": 1}
    )

    text = scraped(client)

    assert 'backtest_messages_refused_total{cause="foreign"} 3.0' in text
    assert 'backtest_messages_refused_total{cause="stale"} 0.0' in text
    assert '"more"' not in text


def test_without_redis_there_is_no_depth_but_everything_else(
    client: FlaskClient, redis_server: RedisServer
) -> None:
    redis_server.stop()

    text = scraped(client)

    assert "backtest_queue_depth{" not in text
    assert 'backtest_runs{status="pending"} 0.0' in text
    redis_server.start()


def test_the_section_storage_says_once_a_minute_what_a_day_takes_and_for_how_long_there_is_room(
    client: FlaskClient, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.maintenance.monotonic", lambda: 6_000.0)
    before = client.get("/queue").get_data(as_text=True)
    make_run()
    soon = client.get("/queue").get_data(as_text=True)
    monkeypatch.setattr("web.maintenance.monotonic", lambda: 6_060.0)
    after = client.get("/queue").get_data(as_text=True)

    assert "No runs in the last week" in before
    assert "No runs in the last week" in soon
    assert re.search(
        r"A day of runs takes [\d.]+ MB.*\n.* GB free, (more than 10 years|about [\d,]+ days) at this rate",
        after,
    )


def test_every_page_leads_to_the_section_storage(client: FlaskClient) -> None:
    assert 'href="/queue#storage"' in client.get(
        "/docs/nowhere", headers={"Accept": "text/html"}
    ).get_data(as_text=True)
    assert 'id="storage"' in client.get("/queue").get_data(as_text=True)


def test_the_section_storage_shows_the_room_and_what_is_kept(
    platform_settings: dict[str, str],
) -> None:
    with web_app(platform_settings | {"KEEP_SERIES_DAYS": "30"}) as app:
        text = app.test_client().get("/queue").get_data(as_text=True)

    assert re.search(r"<th scope=\"row\">(runs|everything)</th>", text)
    assert re.search(
        r"metrics and run details stay\s+<code[^>]*>KEEP_SERIES_DAYS</code></th>\s*<td class=\"number\">30 days",
        text,
    )
    assert re.search(r"KEEP_RUNS_COUNT</code></th>\s*<td class=\"number\">all", text)
