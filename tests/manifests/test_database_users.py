"""Each role does its work with the rights of its own MySQL user, and may do nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from adapters.access_tables import audit, tokens
from adapters.database import connect_database, database_now, reading
from adapters.plan_tables import plans
from adapters.tables import metadata, runs
from contracts.study import StudyStatus
from scripts.reference.pages import BODIES
from tests.manifests.mysql_users import make_users
from tests.services.fixtures import programs as started_programs
from tests.services.fixtures import settings_of
from tests.services.jobs import run_one
from tests.services.mariadb_server import PASSWORD, TEST_MYSQL, MariaDBServer
from tests.services.portfolios import ASKED
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.studies import WALK_FORWARD, leader
from tests.services.waiting import wait_until
from tests.services.web_app import run_values, sweep_values, web_app

DATABASE = "roles"
UNPINNED: dict[str, dict[str, Any]] = {"backtest_results": {"reproduces": None}, "plans": {}}
PRICES = "Date,Open,High,Low,Close,Volume\n"
DENIED = (1044, 1142, 1227)  # the database, the table, what is the whole server's


def url(server: MariaDBServer, user: str) -> str:
    return make_url(server.url(DATABASE)).set(username=user).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def server(
    mariadb_process: MariaDBServer, tmp_path_factory: pytest.TempPathFactory
) -> MariaDBServer:
    """A server with all users, after the schema command."""
    make_users(mariadb_process, DATABASE, PASSWORD)
    environ = {"DATABASE_URL": url(mariadb_process, "schema")}
    for programs in started_programs(tmp_path_factory.mktemp("schema"), environ):
        made = programs.start("adapters.schema", "--grant")
        assert made.wait() == 0, made.log
    return mariadb_process


@pytest.fixture
def programs(
    server: MariaDBServer, redis_server: RedisServer, tmp_path: Path
) -> Iterator[Programs]:
    yield from started_programs(
        tmp_path / "logs", settings_of(url(server, "reconciler"), redis_server.url)
    )


@pytest.fixture
def app(server: MariaDBServer, redis_server: RedisServer) -> Iterator[Flask]:
    with web_app(settings_of(url(server, "web"), redis_server.url)) as application:
        yield application


def prices(days: range) -> dict[str, Any]:
    rows = "".join(f"2013-01-{day:02},{day},{day}.5,{day},{day},1\n" for day in days)
    return {"data": PRICES + rows, "content_type": "text/csv"}


def change_everything(
    client: FlaskClient,
    complete_study: Callable[[str], None],
    complete_job: Callable[[str], None],
) -> None:
    """Ask web for each change that it offers."""

    def request(method: str, path: str, **arguments: Any) -> Any:
        answer = client.open(path, method=method, **arguments)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        return answer.json

    run_id = request("POST", "/run_backtest", json=run_values())["run_id"]
    for change in ("cancel", "retry", "pin", "unpin", "reproduce"):
        request("POST", f"/api/runs/{run_id}/{change}")
    for change in ("cancel", "retry"):
        request("POST", f"/api/runs/{change}", json={"run_ids": [run_id]})
    for change in ("add", "remove"):
        request("POST", "/api/runs/tags", json={"run_ids": [run_id], change: ["trend"]})
    batch_id = request("POST", "/api/runs/bulk?metric=cagr", json=sweep_values(3))["batch_id"]
    request(
        "POST",
        "/api/batches",
        json={"base": run_values(params={}), "parameters": {"period": [7, 14]}},
    )
    request("POST", f"/api/batches/{batch_id}/cancel")
    request("POST", f"/api/batches/{batch_id}/retry")
    grid = {"base": run_values(params={}), "parameters": {"period": [7, 14]}}
    screen_id = request("POST", "/api/screens", json=grid)["screen_id"]
    for change in ("cancel", "retry"):
        request("POST", f"/api/screens/{screen_id}/{change}")
    tried_id = request("POST", "/api/screens", json=grid)["screen_id"]
    complete_job(tried_id)
    for change in ("run", "batch"):
        request("POST", f"/api/screens/{tried_id}/{change}")
    completed_id = request("POST", "/run_backtest", json=run_values(fee_rate=0.003))["run_id"]
    complete_job(completed_id)
    varied = request("POST", f"/api/runs/{completed_id}/robustness")
    complete_job(varied["robustness_id"])
    portfolio_id = request("POST", "/api/portfolios", json=ASKED)["portfolio_id"]
    for change in ("cancel", "retry"):
        request("POST", f"/api/portfolios/{portfolio_id}/{change}")
    for plan in ("batch", "study"):
        path = f"/api/portfolios/{plan}"
        request("POST", path, json=BODIES[f"POST {path}"])
    study_id = request("POST", "/api/studies", json=WALK_FORWARD)["study_id"]
    request("POST", f"/api/studies/{study_id}/cancel")
    judged_id = request("POST", "/api/studies", json=WALK_FORWARD)["study_id"]
    complete_study(judged_id)
    request("POST", f"/api/studies/{judged_id}/judge")
    for named in (
        f"runs/{run_id}",
        f"batches/{batch_id}",
        f"studies/{judged_id}",
        f"portfolios/{portfolio_id}",
    ):
        request("PUT", f"/api/{named}/title", json={"title": "ours"})
        request("PUT", f"/api/{named}/title", json={"title": ""})
        request("PUT", f"/api/{named}/note", json={"text": "ours"})
    request("PUT", f"/api/screens/{screen_id}/note", json={"text": "ours"})
    preset_id = request(
        "POST", "/api/strategies", json={"name": "ours", "request": run_values()}
    )["id"]
    request("PUT", f"/api/strategies/{preset_id}", json={"request": run_values(fee_rate=0)})
    request("DELETE", f"/api/strategies/{preset_id}")
    request("PUT", "/api/vaults/AAPL", json={"from_date": "2011-01-01"})
    frozen_id = request("POST", "/run_backtest", json=run_values(fee_rate=0.004))["run_id"]
    complete_job(frozen_id)
    request("POST", f"/api/runs/{frozen_id}/vault")
    request("DELETE", "/api/vaults/AAPL")
    older = request("PUT", "/api/prices/NEW/1d", **prices(range(1, 20)))["data_hash"]
    request("PUT", "/api/prices/NEW/1d", **prices(range(1, 25)))
    request("DELETE", f"/api/prices/NEW/1d/{older}")
    request("DELETE", "/api/prices/NEW/1d")
    for ended in (f"robustness/{varied['robustness_id']}", f"studies/{study_id}"):
        request("DELETE", f"/api/{ended}")
    for living in (f"batches/{batch_id}", f"portfolios/{portfolio_id}", f"screens/{screen_id}"):
        request("POST", f"/api/{living}/cancel")
        request("DELETE", f"/api/{living}")
    request("DELETE", f"/api/runs/{completed_id}")
    last_id = request("POST", "/run_backtest", json=run_values(fee_rate=0.006))["run_id"]
    complete_job(last_id)
    request("POST", "/api/runs/delete", json={"run_ids": [last_id]})


def test_web_makes_each_change_that_it_offers_and_shows_each_page(
    app: Flask, server: MariaDBServer
) -> None:
    client = app.test_client()

    def complete_study(study_id: str) -> None:
        engine = connect_database(url(server, "reconciler"))
        leader(engine).advance()  # which makes its Jobs
        with engine.begin() as connection:
            at_once = {"status": StudyStatus.COMPLETED, "outcome": "luck"}
            connection.execute(update(plans).where(plans.c.plan_id == study_id).values(**at_once))

    change_everything(
        client, complete_study, partial(run_one, connect_database(url(server, "worker")))
    )
    pages = [
        str(rule)
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.arguments
    ]
    codes = {page: client.get(page, buffered=True).status_code for page in pages}

    with reading(connect_database(url(server, "inspect"))) as connection:
        done = set(
            connection.execute(select(audit.c.action).where(audit.c.status < 300)).scalars()
        )
    offered = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.methods & {"POST", "PUT", "DELETE"}
    }
    # they change nothing, or redirect
    assert done >= offered - {"rule_api.check", "access.login", "access.logout"}
    faulty = {page for page, status in codes.items() if status not in (200, 302, 400)}
    assert faulty == {"/.well-known/backtests-key"}  # this platform has no key


def test_jobs_and_the_reconciler_do_their_work(
    app: Flask, server: MariaDBServer, programs: Programs
) -> None:
    client = app.test_client()
    run_id = client.post("/run_backtest", json=run_values(charts=True)).json["run_id"]
    study_id = client.post("/api/studies", json=WALK_FORWARD).json["study_id"]

    programs.start(
        "consumer.local_scaler", DATABASE_URL=url(server, "worker"), SCALER_MAX_PROCESSES="2"
    )
    programs.start("consumer.reconciler", KEEP_RUNS_DAYS="1", KEEP_SERIES_DAYS="1")
    wait_until(
        lambda: client.get(f"/api/studies/{study_id}").json["status"] == "completed",
        120,
        "the study",
    )
    portfolio_id = client.post("/api/portfolios", json=ASKED).json["portfolio_id"]
    wait_until(
        lambda: client.get(f"/api/portfolios/{portfolio_id}").json["status"] == "completed",
        60,
        "the portfolio",
    )
    drawn = client.get(f"/result/{run_id}/charts/equity_curve.png")
    age_everything(server)
    wait_until(
        lambda: client.get(f"/api/studies/{study_id}").status_code == 404,
        60,
        "the end of the first walk",
    )

    assert drawn.status_code == 200
    assert client.get("/api/runs").json["runs"] == []
    assert client.get("/api/portfolios").json["portfolios"] == []
    assert not [
        line for each in programs.started for line in each.log.splitlines() if "denied" in line
    ]


def test_a_reconciler_awaits_the_schema_without_a_warning(
    server: MariaDBServer, programs: Programs
) -> None:
    def place(user: str) -> str:
        return (
            make_url(url(server, user))
            .set(database="unmade")
            .render_as_string(hide_password=False)
        )

    server.execute(
        "CREATE DATABASE unmade", "GRANT ALL ON unmade.* TO 'schema' WITH GRANT OPTION"
    )
    try:
        reconciler = programs.start("consumer.reconciler", DATABASE_URL=place("reconciler"))
        reconciler.wait_for_line("schema_missing")
        assert (
            programs.start("adapters.schema", "--grant", DATABASE_URL=place("schema")).wait() == 0
        )
        reconciler.wait_for_line("lead_taken")
        log = reconciler.log  # before it awaits the database that is dropped here
    finally:
        server.execute("DROP DATABASE unmade")

    assert log.count("schema_missing") == 1
    assert not [line for line in log.splitlines() if "WARNING" in line and "1044" in line]


def age_everything(server: MariaDBServer) -> None:
    """Let everything be two days older."""
    with connect_database(url(server, "schema")).begin() as connection:
        for table in (runs, plans):
            connection.execute(
                update(table).values(
                    completed_at=database_now(-2 * 86_400), **UNPINNED[table.name]
                )
            )


@pytest.mark.parametrize(
    "command",
    [
        "adapters.prune runs",
        "adapters.prune prices",
        "adapters.tokens make ann",
        "adapters.tokens revoke ann",
    ],
)
def test_the_commands_of_the_reconciler_s_pod_work_with_its_rights(
    programs: Programs, command: str
) -> None:
    done = programs.start(*command.split(), KEEP_RUNS_DAYS="1")

    assert done.wait() == 0, done.log


def test_people_may_look_at_everything_but_tokens(server: MariaDBServer) -> None:
    with reading(connect_database(url(server, "inspect"))) as connection:
        for table in metadata.sorted_tables:
            if table is not tokens:
                connection.execute(select(table).limit(1))


@pytest.mark.parametrize(
    ("user", "statements"),
    {
        "web": "DROP TABLE audit; CREATE TABLE x (y INT); DELETE FROM audit; UPDATE audit SET actor = 'x';"
        " INSERT INTO tokens (name) VALUES ('x'); UPDATE tokens SET scope = 'admin'; DELETE FROM ledger",
        "worker": "SELECT digest FROM tokens; DELETE FROM backtest_results; INSERT INTO price_series VALUES ();"
        " INSERT INTO backtest_results (run_id) VALUES ('x'); DELETE FROM run_charts; SELECT actor FROM audit",
        "reconciler": "DROP TABLE audit; UPDATE audit SET actor = 'x'; DELETE FROM tokens;"
        " UPDATE price_versions SET source = 'x'; GRANT SELECT ON tokens TO worker",
        "inspect": "SELECT digest FROM tokens; DELETE FROM run_events; UPDATE backtest_results SET pinned = 1",
        "backup": "DELETE FROM backtest_results; INSERT INTO audit (actor) VALUES ('x'); DROP TABLE audit",
        "schema": "SELECT user FROM mysql.user; CREATE USER x; DROP DATABASE mysql",
    }.items(),
)
def test_no_user_may_do_what_its_role_does_not(
    server: MariaDBServer, user: str, statements: str
) -> None:
    with connect_database(url(server, user)).connect() as connection:
        for statement in statements.split("; "):
            with pytest.raises(DBAPIError) as refused:
                connection.execute(text(statement))
            assert refused.value.orig is not None
            assert refused.value.orig.args[0] in DENIED, statement


# as docs/operations.md says: to two passwords at once, and to the new one alone
CHANGES = (
    (
        "ALTER USER inspect IDENTIFIED BY 'new' RETAIN CURRENT PASSWORD",
        "ALTER USER inspect DISCARD OLD PASSWORD",
    )
    if TEST_MYSQL
    else (
        "ALTER USER inspect IDENTIFIED VIA mysql_native_password"
        f" USING PASSWORD('{PASSWORD}') OR mysql_native_password USING PASSWORD('new')",
        "ALTER USER inspect IDENTIFIED BY 'new'",
    )
)


def may_log_in(server: MariaDBServer, password: str) -> bool:
    login = (
        make_url(url(server, "inspect"))
        .set(password=password)
        .render_as_string(hide_password=False)
    )
    try:
        connect_database(login).connect().close()
    except DBAPIError as refused:
        assert refused.orig is not None and refused.orig.args[0] == 1045
        return False
    return True


def test_a_password_is_changed_while_the_old_one_still_works(server: MariaDBServer) -> None:
    server.execute(CHANGES[0])
    meanwhile = [may_log_in(server, password) for password in (PASSWORD, "new")]
    server.execute(CHANGES[1])
    afterwards = [may_log_in(server, password) for password in (PASSWORD, "new")]
    server.execute(f"ALTER USER inspect IDENTIFIED BY '{PASSWORD}'")

    assert (meanwhile, afterwards) == ([True, True], [False, True])
