"""Creating the schema adds what is missing and touches nothing that is there."""

from threading import Barrier, Thread

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from adapters.database import connect_database
from adapters.schema import ANSWER_S, create_schema
from adapters.tables import metadata
from contracts.errors import OlderDatabase
from tests.services.runs import Submitter


@pytest.fixture
def engine(submitter: Submitter) -> Engine:
    return submitter.engine


def drop(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_a_complete_schema_stays_as_it_is(engine: Engine) -> None:
    assert create_schema(engine) == []


def test_a_missing_column_is_added_to_a_table_with_rows(
    engine: Engine, submitter: Submitter
) -> None:
    (run_id,) = submitter.record()
    drop(engine, "ALTER TABLE backtest_results DROP COLUMN worker")

    added = create_schema(engine)

    assert added == ["backtest_results.worker"]
    assert submitter.row(run_id)["worker"] is None


def test_a_missing_column_that_may_not_be_null_gets_its_default(
    engine: Engine, submitter: Submitter
) -> None:
    (run_id,) = submitter.record()
    drop(engine, "ALTER TABLE backtest_results DROP COLUMN losses")

    added = create_schema(engine)

    assert added == ["backtest_results.losses"]
    assert submitter.row(run_id)["losses"] == 0


def test_a_missing_index_is_added(engine: Engine) -> None:
    suffix = "" if engine.dialect.name == "sqlite" else " ON run_events"
    drop(engine, f"DROP INDEX ix_events_at{suffix}")

    added = create_schema(engine)

    assert added == ["ix_events_at"]


def test_an_index_over_other_columns_is_made_anew(engine: Engine) -> None:
    suffix = "" if engine.dialect.name == "sqlite" else " ON run_events"
    drop(
        engine,
        f"DROP INDEX ix_events_at{suffix}",
        "CREATE INDEX ix_events_at ON run_events (at, to_status)",
    )

    assert create_schema(engine) == ["ix_events_at"]
    assert create_schema(engine) == []


def test_a_change_may_take_longer_than_others_wait_for_an_answer(mariadb_url: str) -> None:
    hasty, patient = (
        connect_database(mariadb_url, answer_s=seconds) for seconds in (1, ANSWER_S)
    )

    with pytest.raises(OperationalError, match="timed out"), hasty.connect() as connection:
        connection.execute(text("SELECT SLEEP(1.5)"))
    with patient.connect() as connection:
        assert connection.execute(text("SELECT SLEEP(1.5)")).scalar_one() == 0


def test_a_missing_table_is_created(engine: Engine) -> None:
    drop(engine, "DROP TABLE leases")

    assert create_schema(engine) == ["leases"]
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())


def test_many_at_once_agree(database_url: str, engine: Engine) -> None:
    drop(engine, *(f"DROP TABLE {name}" for name in metadata.tables))
    together, faults = Barrier(4), []

    def create() -> None:
        from adapters.schema import wait_for_schema

        together.wait()
        try:
            wait_for_schema(connect_database(database_url), 30)
        except Exception as fault:
            faults.append(fault)

    threads = [Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())


def test_a_database_of_an_older_release_is_refused_and_stays_as_it_is(engine: Engine) -> None:
    drop(
        engine, "ALTER TABLE backtest_results ADD COLUMN batch_id VARCHAR(64)", "DROP TABLE plans"
    )

    with pytest.raises(OlderDatabase, match="before 2.0.0.*empty database in DATABASE_URL"):
        create_schema(engine)

    assert not inspect(engine).has_table("plans")
    # whole again for the tests that come after it on this server
    drop(engine, "ALTER TABLE backtest_results DROP COLUMN batch_id")
    assert create_schema(engine) == ["plans"]
