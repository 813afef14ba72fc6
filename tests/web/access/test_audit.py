"""The audit: one row for each change, login and refusal, for admins to read, and no secret in any log."""

import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import text, update

from adapters import access_tables as tables
from adapters.database import connect_database, database_now
from adapters.logs import current_actor
from adapters.maintenance.retention import prune_runs
from adapters.settings import Settings
from tests.services.ports import free_port
from tests.services.processes import Programs
from tests.services.web_app import run_values, sweep_values, web_app
from tests.web.conftest import ON_BOTH_DATABASES

TOKEN = "a-token-of-16-or-more"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client(platform_settings: dict[str, str]) -> Iterator[FlaskClient]:
    """A client of a platform that knows one token."""
    with web_app(platform_settings | {"API_TOKENS": TOKEN}) as app:
        yield app.test_client()


def audit(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    """The rows of the audit, oldest first."""
    return list(reversed(client.get(f"/api/audit{query}", headers=SHOWN).json["audit"]))


@ON_BOTH_DATABASES
def test_who_changed_what_from_where_and_what_was_refused(client: FlaskClient) -> None:
    at = {"REMOTE_ADDR": "192.0.2.7"}
    run_id = client.post("/run_backtest", json=run_values(), headers=SHOWN, environ_base=at).json[
        "run_id"
    ]
    client.post(f"/api/runs/{run_id}/cancel", headers=SHOWN)
    batch_id = client.post("/api/runs/bulk", json=sweep_values(2), headers=SHOWN).json["batch_id"]
    client.post("/run_backtest", json={}, headers=SHOWN)
    client.get("/runs")
    client.post("/login", data={"token": "wrong"})
    client.post("/login", data={"token": TOKEN})

    mine = "environment:1"
    columns = ("actor", "address", "action", "subject", "status", "run_id", "batch_id")
    assert [tuple(row[name] for name in columns) for row in audit(client)] == [
        (mine, "192.0.2.7", "run_api.run_backtest", "/run_backtest", 202, run_id, None),
        (mine, "127.0.0.1", "run_api.cancel", f"/api/runs/{run_id}/cancel", 200, run_id, None),
        (mine, "127.0.0.1", "batch_api.bulk", "/api/runs/bulk", 202, None, batch_id),
        (mine, "127.0.0.1", "run_api.run_backtest", "/run_backtest", 400, None, None),
        (mine, "127.0.0.1", "access.login", "/login", 302, None, None),
    ]


@ON_BOTH_DATABASES
def test_a_version_of_prices_says_who_loaded_it(client: FlaskClient) -> None:
    bars = "Date,Close\n2013-02-28,63\n2013-03-01,64\n"

    client.put("/api/prices/NEW/1d", data=bars, headers=SHOWN)

    [version] = client.get("/api/prices/NEW/1d", headers=SHOWN).json["versions"]
    assert version["loaded_by"] == "environment:1"


@ON_BOTH_DATABASES
def test_the_audit_is_found_by_filter_and_page_by_page(client: FlaskClient) -> None:
    for fee_rate in (0.001, 0.002, 0.5):
        client.post("/run_backtest", json=run_values(fee_rate=fee_rate), headers=SHOWN)
    client.post("/login", data={"token": TOKEN})

    first = client.get("/api/audit?limit=3", headers=SHOWN).json
    rest = client.get(f"/api/audit?limit=3&after={first['next_after']}", headers=SHOWN).json
    assert [row["status"] for row in first["audit"] + rest["audit"]] == [302, 400, 202, 202]
    assert rest["next_after"] is None
    assert [row["status"] for row in audit(client, "?action=access.login")] == [302]
    assert len(audit(client, "?actor=environment:1&status=202")) == 2
    assert client.get("/api/audit?actor=日", headers=SHOWN).status_code == 400
    assert "Record and enqueue one run</td>" in client.get("/audit", headers=SHOWN).text
    page = client.get("/audit?status=302", headers=SHOWN).text
    assert ("access.login" in page, "run_api.run_backtest" in page) == (True, False)


def anonymous_requests(client: FlaskClient) -> Counter[tuple[str, int]]:
    """Requests by kind and status, as this process has counted them so far."""
    counter = r'backtest_anonymous_requests_total\{kind="(\w+)",status="(\d+)"\} (\S+)'
    lines = re.findall(counter, client.get("/metrics").text)
    return Counter({(kind, int(status)): int(float(count)) for kind, status, count in lines})


@ON_BOTH_DATABASES
def test_anonymous_requests_are_counted_and_leave_no_row(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = anonymous_requests(client)
    elsewhere = {"Host": "evil.example"}
    for _ in range(30):
        client.get("/api/runs")
        client.get("/", headers=elsewhere)
        client.post("/run_backtest", headers=elsewhere)
        client.post("/login", data={"token": "wrong"}, headers={"Origin": "http://evil.example"})
        client.post("/logout")

    expected = {
        ("reads", 401): 30,
        ("reads", 400): 30,
        ("changes", 400): 30,
        ("changes", 302): 30,
    }
    expected |= {("logins", 403): 20, ("logins", 429): 10}
    assert anonymous_requests(client) - before == expected
    assert audit(client) == []
    assert caplog.text.count("anonymous_request_refused") == 60


def test_a_foreign_host_is_limited_as_any_anonymous_client(
    platform_settings: dict[str, str],
) -> None:
    with web_app(platform_settings | {"API_TOKENS": TOKEN, "READS_PER_MINUTE": "2"}) as app:
        client = app.test_client()
        codes = [
            client.get("/runs", headers={"Host": "evil.example"}).status_code for _ in range(3)
        ]

        assert (codes, client.get("/health", headers={"Host": "10.1.2.3"}).status_code) == (
            [400, 400, 429],
            200,
        )


def test_where_nobody_needs_a_name_changes_are_recorded_and_faults_are_counted(
    platform_settings: dict[str, str],
) -> None:
    with web_app(platform_settings | {"OPEN_ACCESS": "true"}) as app:
        client = app.test_client()
        before = anonymous_requests(client)
        for values in ({}, run_values()):
            client.post("/run_backtest", json=values)
        client.post("/logout")

        expected = {("changes", 400): 1, ("changes", 302): 1}
        assert anonymous_requests(client) - before == expected
        assert [row["status"] for row in audit(client)] == [202]


def test_what_one_name_is_refused_is_recorded_sixty_times_a_minute(
    platform_settings: dict[str, str],
) -> None:
    proxied = {"AUTH_PROXY_HEADER": "X-User", "TRUSTED_PROXY": "127.0.0.1", "API_TOKENS": TOKEN}
    with web_app(platform_settings | proxied) as app:
        client = app.test_client()
        for user in ("ann", "bob"):
            for _ in range(70):
                client.get("/api/audit", headers={"X-User": user})

        assert Counter(row["actor"] for row in audit(client, "?limit=1000")) == {
            "proxy:ann": 60,
            "proxy:bob": 60,
        }


@ON_BOTH_DATABASES
def test_the_audit_is_a_file_by_the_same_filters(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.access.PORTION", 2)
    for fee_rate in (0.001, 0.002, 0.5, 0.003, 0.004):
        client.post("/run_backtest", json=run_values(fee_rate=fee_rate), headers=SHOWN)

    answer = client.get("/api/audit.csv?status=202", headers=SHOWN)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    listed = client.get("/api/audit?status=202", headers=SHOWN).json["audit"]
    assert (len(rows), answer.mimetype) == (4, "text/csv")
    assert rows == [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in listed
    ]


@ON_BOTH_DATABASES
def test_the_audit_is_kept_as_long_as_the_setting_says(
    client: FlaskClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.access.PORTION", 2)
    engine, settings = connect_database(database_url), replace(Settings(), keep_audit_days=30)
    for _ in range(5):
        client.post("/run_backtest", json={}, headers=SHOWN)
    ids = [row["id"] for row in audit(client)]
    old = database_now(-31 * 86_400)
    with engine.begin() as connection:
        connection.execute(update(tables.audit).where(tables.audit.c.id <= ids[2]).values(at=old))

    def pruned(**options: Any) -> int:
        return sum(each["audit"] for each in prune_runs(engine, settings, **options))

    assert (pruned(dry_run=True), len(audit(client))) == (3, 5)
    assert (pruned(), [row["id"] for row in audit(client)]) == (3, ids[3:])


def test_an_audit_that_cannot_be_written_fails_no_request(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with client.application.extensions["platform"].engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO audit_elsewhere"))
    try:
        answer = client.post("/run_backtest", json=run_values(), headers=SHOWN)
    finally:
        with client.application.extensions["platform"].engine.begin() as connection:
            connection.execute(text("ALTER TABLE audit_elsewhere RENAME TO audit"))

    assert answer.status_code == 202
    assert f"run_id={answer.json['run_id']}" in caplog.text.partition("audit_write_failed")[2]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_log_names_the_client_but_no_secret(programs: Programs, log_format: str) -> None:
    port, planted = (
        str(free_port()),
        {name: f"planted-{name}-secret" for name in ("token", "key", "mysql", "redis", "wrong")},
    )
    web = programs.run(
        [sys.executable, "-m", "gunicorn", "web:create_app()", "--config", "web/gunicorn.conf.py"],
        PORT=port, WEB_CONCURRENCY="1", LOG_LEVEL="DEBUG", LOG_FORMAT=log_format, API_TOKENS=planted["token"],
        SECRET_KEY=planted["key"], DATABASE_URL=f"mysql+pymysql://u:{planted['mysql']}@127.0.0.1:1/x",
        REDIS_URL=f"redis://:{planted['redis']}@127.0.0.1:1/0",
    )  # fmt: skip
    web.wait_for_line("Booting worker")
    with requests.Session() as browser:
        browser.post(
            f"http://127.0.0.1:{port}/login",
            data={"token": planted["token"]},
            allow_redirects=False,
        )
        browser.post(f"http://127.0.0.1:{port}/login", data={"token": planted["wrong"]})
        # whether a session has ended, the database knows
        headers = {"Authorization": f"Bearer {planted['token']}"}
        failed = browser.post(
            f"http://127.0.0.1:{port}/run_backtest", json=run_values(), headers=headers
        )
        planted["cookie"] = browser.cookies["session"]

    assert (failed.status_code, len(planted["cookie"]) > 40) == (503, True)
    assert {name for name, secret in planted.items() if secret in web.log} == set()
    faults = [
        line for line in web.log.splitlines() if "internal_error path=/run_backtest" in line
    ]
    assert faults
    actors = [json.loads(line).get("actor") if log_format == "json" else line for line in faults]
    assert all("environment:1" in each for each in actors)


def test_a_line_does_not_name_an_earlier_client(client: FlaskClient) -> None:
    client.get("/api/runs", headers=SHOWN)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "web.security.identify_actor",
            lambda: (_ for _ in ()).throw(RuntimeError("the database is away")),
        )
        client.get("/api/runs", headers=SHOWN)

    assert current_actor() is None
