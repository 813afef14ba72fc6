"""Queries of one answer see one state of the database, and whoever writes afterwards sees the latest."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Connection, Engine

from adapters.store.database import connect_database, reading
from adapters.store.tables import runs
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
@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)  # in SQLite nobody else commits meanwhile
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
