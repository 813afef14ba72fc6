"""Queries of one answer see one state of the database, and whoever writes afterwards sees the latest."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Connection, Engine

from adapters.database import connect_database, reading
from adapters.tables import runs
from tests.services.runs import Submitter


@pytest.fixture
def engine(database_url: str) -> Engine:
    """One pooled connection, as a thread of the web tier has it."""
    return connect_database(database_url, pool_size=1)


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(runs)).scalar_one()


def test_all_queries_of_a_reader_see_the_same_runs(engine: Engine, submitter: Submitter) -> None:
    submitter.record()

    with reading(engine) as connection:
        counts = [count(connection)]
        submitter.record()
        counts.append(count(connection))

    assert counts == [1, 1]


@pytest.mark.parametrize("asks", [True, False])
# in SQLite nobody else commits meanwhile
@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_a_writer_on_a_reader_s_connection_sees_what_others_commit(
    asks: bool, engine: Engine, submitter: Submitter
) -> None:
    with reading(engine) as connection:
        if asks:
            count(connection)

    with engine.begin() as connection:
        connection.execute(runs.update().values(label="written"))
        counts = [count(connection)]
        submitter.record()
        counts.append(count(connection))

    assert counts == [0, 1]


# SQLite's begins with its own word, not by itself
@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_what_was_not_committed_is_gone_with_its_connection(
    engine: Engine, submitter: Submitter
) -> None:
    (run_id,) = submitter.record()
    given_back = engine.raw_connection()
    given_back.cursor().execute("UPDATE backtest_results SET label = 'half'")

    given_back.close()

    with engine.begin() as connection:
        connection.execute(runs.update().values(ticker="MSFT"))
    assert (submitter.row(run_id)["label"], submitter.row(run_id)["ticker"]) == (None, "MSFT")
