"""A server whose max_allowed_packet is below the documented one: what it refuses names the limit and the size."""

from __future__ import annotations

import random
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert

from adapters.database import committed, connect_database
from adapters.database_errors import StatementTooLarge
from adapters.price_tables import price_parts
from adapters.queue.messages import Attempt
from adapters.runs.states import claim
from consumer.job.child import ChildExit
from consumer.job.task import _record_success
from consumer.kinds.backtest import JobResult
from tests.services.mariadb_server import MariaDBServer
from tests.services.runs import Submitter

MB = 1 << 20
DOCUMENTED = 64 * MB


@pytest.fixture
def database_url(mariadb_url: str) -> str:
    """SQLite has no packets."""
    return mariadb_url


@pytest.fixture(params=[MB, 2 * MB])
def limit(request: pytest.FixtureRequest, mariadb_server: MariaDBServer) -> Iterator[int]:
    mariadb_server.execute(f"SET GLOBAL max_allowed_packet = {request.param}")
    yield request.param
    mariadb_server.execute(f"SET GLOBAL max_allowed_packet = {DOCUMENTED}")


@pytest.fixture(params=[0, 4], ids=["one connection", "pool"])
def engine(request: pytest.FixtureRequest, database_url: str, limit: int) -> Iterator[Engine]:
    engine = connect_database(database_url, pool_size=request.param)
    yield engine
    engine.dispose()


def test_a_statement_is_stored_or_names_the_limit(engine: Engine, limit: int) -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    name, refused = str(uuid4()), 0
    for number in range(20):
        size = int(limit * dice.choice([0.1, 0.9, 1.1, 2.0]) * dice.uniform(0.9, 1.0))
        rows = [
            {
                "data_hash": name,
                "part": 10 * number + each,
                "bars": 1,
                "packed": b"x" * (size // 2),
            }  # sent as hexadecimal digits
            for each in range(dice.choice([1, 1, 2]))
        ]
        values = rows[0] if len(rows) == 1 else rows
        statement = insert(price_parts)
        try:
            with engine.begin() as connection:
                connection.execute(statement, values)
        except StatementTooLarge as error:
            refused += 1
            assert f"at most {limit:,} bytes" in str(error.orig), f"seed {seed}"
            assert "raise max_allowed_packet" in str(error.orig)
            assert size > 0.85 * limit, f"seed {seed}: {size} bytes fit"
        else:
            assert size < limit, f"seed {seed}: {size} bytes do not fit"
    assert 0 < refused < 20, f"seed {seed}"


def test_loading_prices_says_which_limit_is_too_small(client: FlaskClient, limit: int) -> None:
    dice = random.Random(1)
    rows = (
        f"{1_000_000_000 + 300 * bar},{low + 2},{low + 3},{low},{low + 1},{dice.randrange(10**12)}"
        for bar, low in ((bar, dice.randrange(1, 10**8)) for bar in range(65_000))
    )
    file = "Date,Open,High,Low,Close,Volume\n" + "\n".join(rows)

    answer = client.put("/api/prices/MANY/5m", data=file, content_type="text/csv")

    assert answer.status_code == 500
    assert f"at most {limit:,} bytes" in answer.json["error"]
    assert "max_allowed_packet" in answer.json["error"]
    assert "does not answer" not in answer.json["error"]


def test_a_run_whose_result_does_not_fit_says_which_limit_is_too_small(
    submitter: Submitter, limit: int
) -> None:
    (run_id,) = submitter.record()
    lease = committed(
        submitter.engine, lambda connection: claim(connection, Attempt(run_id, 1), "t", 60, "w")
    )

    ended = _record_success(
        lease, submitter.engine, JobResult({"equity_curve_json": "x" * 2 * limit}), 0.0
    )

    row = submitter.row(run_id)
    assert (ended, row["error_type"]) == (ChildExit.FAILED, "system_error")
    assert f"at most {limit:,} bytes" in row["error_message"]


def test_a_large_statement_that_a_dead_server_never_took_names_no_limit(
    mariadb_server: MariaDBServer, database_url: str
) -> None:
    engine = connect_database(database_url)
    row = {"data_hash": "x", "part": 1, "bars": 1, "packed": b"x" * MB}
    with pytest.raises(Exception, match="MySQL|server") as raised, engine.begin() as connection:
        mariadb_server.stop()
        connection.execute(insert(price_parts), row)

    assert not isinstance(raised.value, StatementTooLarge)
