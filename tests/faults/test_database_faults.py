"""The database is away, frozen or full: nothing is lost, and nothing succeeds without its result."""

import signal
from collections.abc import Callable

import pytest
from sqlalchemy import select, text

from adapters.database import database_now, reading
from adapters.tables import runs
from tests.faults.injection_point import Fault
from tests.faults.recovery import measured
from tests.services.fixtures import settings_of
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.mariadb_server import MariaDBServer
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.scaler import work_off
from tests.services.tcp_proxy import TcpProxy
from tests.services.waiting import wait_until
from tests.services.web_app import run_values, sweep_values, web_app


@pytest.fixture
def behind_proxy(
    mariadb_proxy: TcpProxy, mariadb_server: MariaDBServer, redis_server: RedisServer
) -> dict[str, str]:
    """Settings of a process that reaches the database through the proxy only."""
    return settings_of(mariadb_server.url(port=mariadb_proxy.port), redis_server.url)


@pytest.fixture
def database_url(mariadb_url: str) -> str:
    """SQLite is a file: it cannot be away."""
    return mariadb_url


@pytest.mark.parametrize(
    ("moment", "at"),
    [("at the claim", "between pop and claim"), ("at the result", "between engine and commit")],
)
@pytest.mark.parametrize("away", ["cut", "freeze"])
def test_a_database_that_is_away_for_a_moment_costs_no_attempt(
    moment: str,
    at: str,
    away: str,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
    mariadb_proxy: TcpProxy,
    behind_proxy: dict[str, str],
    database_url: str,
) -> None:
    pause = fault(at, "pause")
    (run_id,) = submitter.submit()
    consumer = programs.start(
        "consumer", **behind_proxy | pause.environ | {"LEASE_S": "60", "HEARTBEAT_S": "0.5"}
    )
    pause.wait()

    mariadb_proxy.cut() if away == "cut" else mariadb_proxy.freeze()
    pause.let_go()
    if away == "cut":
        consumer.wait_for_line("database_unreachable")
    with measured(f"database away {moment} ({away})", database_url):
        mariadb_proxy.restore()
        exit_code = consumer.wait()

    row = submitter.row(run_id)
    assert exit_code == 0
    assert (row["status"], row["attempt"], row["losses"]) == ("SUCCEEDED", 1, 0)
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_database_that_takes_a_tenth_of_a_second_for_each_statement_costs_no_attempt(
    programs: Programs,
    submitter: Submitter,
    mariadb_proxy: TcpProxy,
    behind_proxy: dict[str, str],
) -> None:
    mariadb_proxy.delay(0.05)  # in each direction
    with web_app(behind_proxy) as app:
        accepted = app.test_client().post("/api/runs/bulk?batch_id=slow", json=sweep_values(6))
        ready = app.test_client().get("/ready")

    scaler, reconciler = (
        programs.start(f"consumer.{each}", **behind_proxy)
        for each in ("local_scaler", "reconciler")
    )
    wait_until(submitter.all_ended, 60)

    assert (accepted.status_code, ready.status_code) == (202, 200)
    assert submitter.statuses() == {"SUCCEEDED": 6}
    assert "job_failed" not in scaler.log and "pass_failed" not in reconciler.log
    check_tables(submitter.engine)
    with reading(submitter.engine) as connection:
        assert set(connection.execute(select(runs.c.attempt)).scalars()) == {1}


@pytest.mark.parametrize(
    ("at", "signum", "attempt", "line"),
    [
        pytest.param("between pop and claim", None, 1, "run_claimed", id="claim"),
        pytest.param("between engine and commit", None, 1, "run_succeeded", id="result"),
        pytest.param("after the claim", signal.SIGTERM, 2, "run_overtaken", id="hand-back"),
    ],
)
def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    at: str,
    signum: signal.Signals | None,
    attempt: int,
    line: str,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
    mariadb_proxy: TcpProxy,
    behind_proxy: dict[str, str],
) -> None:
    pause = fault(at, "pause")
    (run_id,) = submitter.submit()
    quiet = {"LEASE_S": "300", "HEARTBEAT_S": "100"}  # no heartbeat commits in between
    consumer = programs.start("consumer", **behind_proxy | pause.environ | quiet)
    pause.wait()

    mariadb_proxy.lose_the_answer_to(b"COMMIT")
    if signum:
        consumer.send(signum)
    pause.let_go()
    consumer.wait_for_line(f"{line}.*{run_id}")
    assert consumer.wait() == 0
    programs.start("consumer.reconciler")
    work_off(programs, submitter)

    row = submitter.row(run_id)
    assert mariadb_proxy.lost_answers == 1
    assert (row["status"], row["attempt"], row["losses"], row["handbacks"]) == (
        "SUCCEEDED",
        attempt,
        0,
        attempt - 1,
    )
    assert len(submitter.events(run_id)) == 1 + 2 * attempt
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_submission_whose_commit_s_answer_is_lost_is_sent_again_without_a_second_run(
    submitter: Submitter, mariadb_proxy: TcpProxy, behind_proxy: dict[str, str]
) -> None:
    with web_app(behind_proxy) as app:
        client, once = app.test_client(), {"Idempotency-Key": "once"}
        client.get("/ready")
        mariadb_proxy.lose_the_answer_to(b"COMMIT")
        first = client.post("/run_backtest", json=run_values(), headers=once)
        again = client.post("/run_backtest", json=run_values(), headers=once)

    assert (mariadb_proxy.lost_answers, first.status_code, again.status_code) == (1, 503, 200)
    assert submitter.statuses() == {"PENDING": 1}
    assert submitter.status(again.get_json()["run_id"]) == "PENDING"


def test_a_read_only_server_refuses_changes_alike_and_ready_says_so(
    mariadb_server: MariaDBServer, platform_settings: dict[str, str]
) -> None:
    with web_app(platform_settings) as app:
        client = app.test_client()
        mariadb_server.execute("SET GLOBAL read_only = 1")
        try:
            ready = client.get("/ready")
            refused = [
                client.post("/run_backtest", json=run_values()),
                client.post("/run_backtest", json=run_values(batch_id="x")),
                client.post("/api/runs/bulk", json=sweep_values(3, batch_id="x")),
            ]
        finally:
            mariadb_server.execute("SET GLOBAL read_only = 0")
        again = [
            client.get("/ready"),
            client.post("/api/runs/bulk", json=sweep_values(3, batch_id="x")),
        ]

    assert (ready.status_code, ready.get_json()["database"].partition(";")[0]) == (
        503,
        "read-only, or its disk is full",
    )
    assert [(each.status_code, each.headers.get("Retry-After")) for each in refused] == [
        (503, "5")
    ] * 3
    assert [each.status_code for each in again] == [200, 202]


def test_a_result_outlives_a_server_that_has_no_connection_left_for_its_user(
    programs: Programs,
    submitter: Submitter,
    mariadb_server: MariaDBServer,
    fault: Callable[..., Fault],
) -> None:
    pause = fault("between engine and commit", "pause")
    (run_id,) = submitter.submit()
    consumer = programs.start(
        "consumer", **pause.environ | {"LEASE_S": "300", "HEARTBEAT_S": "100"}
    )
    pause.wait()

    mariadb_server.execute(f"ALTER USER '{mariadb_server.user}'@'%' WITH MAX_USER_CONNECTIONS 1")
    with submitter.engine.connect():
        pause.let_go()
        consumer.wait_for_line("max_user_connections")
        mariadb_server.execute(
            f"ALTER USER '{mariadb_server.user}'@'%' WITH MAX_USER_CONNECTIONS 0"
        )

    assert consumer.wait() == 0
    assert (submitter.status(run_id), submitter.row(run_id)["attempt"]) == ("SUCCEEDED", 1)


def test_a_result_whose_statement_is_killed_on_the_server_is_written_again(
    programs: Programs,
    submitter: Submitter,
    mariadb_server: MariaDBServer,
    fault: Callable[..., Fault],
) -> None:
    pause = fault("between engine and commit", "pause")
    (run_id,) = submitter.submit()
    consumer = programs.start(
        "consumer", **pause.environ | {"LEASE_S": "300", "HEARTBEAT_S": "100"}
    )
    pause.wait()

    with submitter.locked(run_id):
        pause.let_go()
        statement = wait_until(lambda: _waiting_update(submitter), 20)
        mariadb_server.execute(f"KILL QUERY {statement}")
        consumer.wait_for_line("interrupted")

    assert consumer.wait() == 0
    assert (submitter.status(run_id), submitter.row(run_id)["attempt"]) == ("SUCCEEDED", 1)


def _waiting_update(submitter: Submitter) -> int | None:
    """Id of the connection that is updating a run, None while there is none."""
    query = (
        "SELECT id FROM information_schema.processlist WHERE info LIKE 'UPDATE backtest_results%'"
    )
    with reading(submitter.engine) as connection:
        return connection.execute(text(query)).scalar()


@pytest.mark.parametrize("away_s", [6, pytest.param(30, marks=pytest.mark.slow)])
def test_an_outage_longer_than_a_lease_loses_nothing(
    away_s: int,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    mariadb_server: MariaDBServer,
    fault: Callable[..., Fault],
    database_url: str,
) -> None:
    pause = fault("between engine and commit", "pause")
    (run_id,) = submitter.submit()
    consumer = programs.start("consumer", **pause.environ)
    reconciler = programs.start("consumer.reconciler")
    pause.wait()
    others = submitter.submit(4)

    mariadb_server.stop()
    pause.let_go()
    consumer.wait_for_line("heartbeat_missed", away_s * 4, times=away_s * 2)
    mariadb_server.start()
    with measured(f"database killed for {away_s} s in the middle of runs", database_url):
        programs.start("consumer.local_scaler")
        wait_until(submitter.all_ended, 60)

    row = submitter.row(run_id)
    assert (row["status"], row["attempt"], row["losses"]) == ("SUCCEEDED", 1, 0)
    assert [submitter.status(other) for other in others] == ["SUCCEEDED"] * 4
    assert consumer.wait() == 0 and reconciler.is_running()
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_reconciler_that_starts_after_an_outage_leaves_time_to_extend_leases(
    programs: Programs,
    submitter: Submitter,
    mariadb_server: MariaDBServer,
    fault: Callable[..., Fault],
) -> None:
    pause = fault("between engine and commit", "pause")
    (run_id,) = submitter.submit()
    before = programs.start("consumer.reconciler")
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()
    before.send(signal.SIGKILL)
    mariadb_server.stop()
    consumer.wait_for_line("heartbeat_missed", 60, times=6)
    consumer.send(signal.SIGSTOP)  # it does not notice yet that the database is back

    mariadb_server.start()
    (not_queued,) = submitter.record()
    wait_until(lambda: _lease_is_over(submitter, run_id), 30)
    programs.start("consumer.reconciler").wait_for_line(f"run_enqueued .*{not_queued}")
    consumer.send(signal.SIGCONT)
    pause.let_go()

    assert consumer.wait() == 0
    assert (submitter.status(run_id), submitter.row(run_id)["attempt"]) == ("SUCCEEDED", 1)


def _lease_is_over(submitter: Submitter, run_id: str) -> bool:
    query = select(runs.c.id).where(runs.c.run_id == run_id, runs.c.lease_until < database_now())
    with reading(submitter.engine) as connection:
        return connection.execute(query).first() is not None
