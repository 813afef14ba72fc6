"""A lock of the database that is never released: a frozen process, a dead machine, a forgotten console."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Connection, text

from adapters.database import committed, connect_database, database_now, insert_if_new, reading
from adapters.plan_tables import leases
from adapters.queue.messages import Attempt
from adapters.runs.changes import CANCEL
from adapters.runs.states import claim
from tests.faults.injection_point import Fault
from tests.services.invariants import check_tables
from tests.services.mariadb_server import MariaDBServer
from tests.services.processes import Programs
from tests.services.runs import Submitter
from tests.services.scaler import work_off
from tests.services.waiting import wait_until
from tests.services.web_app import web_app


@pytest.fixture
def database_url(mariadb_url: str) -> str:
    """SQLite locks the whole file, and the kernel frees it when its process dies."""
    return mariadb_url


def test_a_locked_run_holds_no_other_lost_run_up(
    programs: Programs, submitter: Submitter
) -> None:
    locked, other = submitter.record(2)
    with submitter.engine.begin() as connection:
        claim(connection, Attempt(locked, 1), "dead", -20, "dead")
        claim(connection, Attempt(other, 1), "dead", -10, "dead")

    with submitter.locked(locked):
        programs.start("consumer.reconciler")
        wait_until(lambda: submitter.row(other)["attempt"] == 2, 15)

        assert submitter.status(locked) == "RUNNING"
    wait_until(lambda: submitter.row(locked)["attempt"] == 2, 15)
    work_off(programs, submitter)
    check_tables(submitter.engine)


def test_a_session_sees_what_others_commit_and_ends_when_it_falls_silent(
    database_url: str,
) -> None:
    with connect_database(database_url).connect() as connection:
        allowed_s = connection.execute(text("SELECT @@wait_timeout")).scalar_one()
        isolation = connection.get_isolation_level()

    assert isolation == "READ COMMITTED"
    assert allowed_s <= 30, "seconds for which a frozen process would keep its locks"


@pytest.mark.parametrize("what", ["cancel", "retry"])
def test_a_change_that_collides_with_another_is_made_again(
    what: str,
    submitter: Submitter,
    platform_settings: dict[str, str],
    mariadb_server: MariaDBServer,
) -> None:
    (run_id,) = submitter.record()
    with submitter.engine.begin() as connection:
        if what == "retry":
            CANCEL.one(connection, run_id)

    with web_app(platform_settings) as app, ThreadPoolExecutor(1) as pool:
        with submitter.locked(run_id):
            answer = pool.submit(app.test_client().post, f"/api/runs/{run_id}/{what}")
            # as a deadlock does it, but at a time of our choice
            mariadb_server.execute(
                f"KILL QUERY {wait_until(lambda: _waiting_for_lock(submitter))}"
            )

        assert answer.result().status_code in (200, 202), answer.result().text
    assert submitter.status(run_id) == ("FAILED" if what == "cancel" else "PENDING")


def test_two_that_insert_each_other_s_rows_both_come_through(submitter: Submitter) -> None:
    both_hold_one = Barrier(2)

    def insert_both(mine: str, others: str) -> None:
        tries = iter([both_hold_one.wait])

        def change(connection: Connection) -> None:
            insert_if_new(connection, leases, name=mine, holder=mine, until=database_now())
            next(tries, lambda: 0)()
            insert_if_new(connection, leases, name=others, holder=mine, until=database_now())

        committed(submitter.engine, change)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(insert_both, *names) for names in (("a", "b"), ("b", "a"))]

        assert [each.result() for each in both] == [None, None]


def _waiting_for_lock(submitter: Submitter) -> int | None:
    """Id of the connection that waits for a lock on a run, None while there is none."""
    query = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT%backtest_results%FOR UPDATE'"
    with reading(submitter.engine) as connection:
        return connection.execute(text(query)).scalar()


@pytest.mark.slow
def test_a_process_that_freezes_inside_a_transaction_keeps_its_locks_for_half_a_minute(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    pause = fault("inside the claim's transaction", "pause")
    (run_id,) = submitter.submit()
    frozen = programs.start("consumer", **pause.environ)
    pause.wait()
    frozen.send(signal.SIGSTOP)

    programs.start("consumer.reconciler", ENQUEUE_GRACE_S="5")
    programs.start("consumer.local_scaler")
    wait_until(submitter.all_ended, 60)
    pause.let_go()
    os.kill(frozen.pid, signal.SIGCONT)

    assert frozen.wait() == 0
    assert submitter.status(run_id) == "SUCCEEDED"
    check_tables(submitter.engine)
