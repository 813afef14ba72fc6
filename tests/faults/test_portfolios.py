"""A portfolio whose Job, leader or whole platform is killed: it ends once, with the figures of an undisturbed one."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.tables import runs
from contracts.status import Kind
from tests.faults.injection_point import Fault
from tests.faults.test_studies import STEADY, Killer
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.portfolios import CROSS, complete, submit_portfolio
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.waiting import wait_until

JOB = (
    "while legs are traded together",
    "at the hash of what they came to",
    "inside the result's transaction",
)
LEADER = ("between a portfolio's state and its Job", "between messages and their marking")


@pytest.fixture
def engine(app: Flask) -> Engine:
    platform_engine: Engine = app.extensions["platform"].engine
    return platform_engine


def ended(client: FlaskClient, portfolio_id: str) -> Any:
    result = client.get(f"/api/portfolios/{portfolio_id}").json
    return result if result["completed_at"] else None


def jobs(engine: Engine) -> int:
    with reading(engine) as connection:
        of_kind = select(func.count()).select_from(runs).where(runs.c.kind == Kind.PORTFOLIO)
        return int(connection.execute(of_kind).scalar_one())


def assert_same(result: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    assert result["status"] == "completed", result["error_message"]
    for name in (
        "result_hash",
        "metrics",
        "equity_curve",
        "trades",
        "weights",
        "correlations",
        "left_out",
    ):
        assert result[name] == undisturbed[name], name


@pytest.mark.parametrize("point", JOB)
def test_a_killed_job_is_done_again_with_the_same_figures(
    point: str,
    client: FlaskClient,
    engine: Engine,
    programs: Programs,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    undisturbed = complete(client, engine)
    redis_server.client().flushall()
    # its legs have run, so its Job is all that is left
    portfolio_id = submit_portfolio(client, label="again")
    programs.start("consumer.reconciler").wait_for_line("portfolio_started")
    killing = fault(point, "kill")
    programs.start("consumer", **killing.environ)
    killing.wait()

    programs.start("consumer.local_scaler")
    result = wait_until(lambda: ended(client, portfolio_id), 90, "the portfolio")

    assert_same(result, undisturbed)
    check_tables(engine)
    check_queue_is_clean(redis_server.client())


@pytest.mark.parametrize("point", LEADER)
def test_a_leader_that_is_killed_is_succeeded(
    point: str,
    client: FlaskClient,
    engine: Engine,
    programs: Programs,
    fault: Callable[..., Fault],
) -> None:
    undisturbed = complete(client, engine)
    killing = fault(point, "kill")
    portfolio_id = submit_portfolio(client, label="again")
    programs.start("consumer.local_scaler")
    programs.start("consumer.reconciler", **killing.environ)
    killing.wait()

    programs.start("consumer.reconciler")
    result = wait_until(lambda: ended(client, portfolio_id), 90, "the portfolio")

    assert_same(result, undisturbed)
    assert jobs(engine) == 2
    check_tables(engine)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_survives_the_death_of_everything(
    client: FlaskClient, engine: Engine, programs: Programs, redis_server: RedisServer
) -> None:
    legs = [
        {"ticker": ticker, "rule_type": "MA_CROSS", "params": CROSS["params"] | {"slow": slow}}
        for ticker in ("AAPL", "IBM", "MSFT")
        for slow in range(30, 80)
    ]
    request = {
        "legs": legs,
        "position_size": 5,
        "max_positions": 20,
        "priority": "roc(close, 20)",
    }
    undisturbed = complete(client, engine, **request)
    portfolio_id = submit_portfolio(client, **request, fee_rate=0.002)
    killer = Killer(programs)

    def legs_done(least: int) -> bool:
        result = client.get(f"/api/portfolios/{portfolio_id}").json
        return sum(leg["status"] == "completed" for leg in result["legs"]) >= least

    for least in (1, 60, 140, 150):
        wait_until(partial(legs_done, least), 300, f"{least} legs")
        assert killer.strike() >= len(STEADY)
        redis_server.client().flushall()
        killer.start()
    result = wait_until(lambda: ended(client, portfolio_id), 300, "the portfolio")

    again = complete(client, engine, **request, fee_rate=0.002, label="undisturbed")
    assert_same(result, again)
    assert result["result_hash"] != undisturbed["result_hash"]
    assert {leg["run_id"] for leg in result["legs"]} == {leg["run_id"] for leg in again["legs"]}
    check_tables(engine)
