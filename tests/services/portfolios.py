"""Portfolios in tests: submitted, and led to their end inside the test process."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from consumer.leader.lead import Plans
from tests.services.jobs import run_all
from tests.services.waiting import wait_until

CROSS = {"rule_type": "MA_CROSS", "params": {"fast": 10, "slow": 30}}
LEGS = [{"ticker": ticker, **CROSS} for ticker in ("AAPL", "IBM", "MSFT")]
ASKED: dict[str, Any] = {
    "legs": LEGS,
    "start_date": "2004-01-01",
    "end_date": "2006-12-31",
    "size_type": "percent",
    "position_size": 40,
    "initial_capital": 50_000,
}


def submit_portfolio(client: FlaskClient, **more: Any) -> str:
    """The id of a portfolio that was accepted."""
    answer = client.post("/api/portfolios", json=ASKED | more)
    assert answer.status_code == 202, answer.json
    portfolio_id: str = answer.json["portfolio_id"]
    return portfolio_id


def leader(engine: Engine) -> Plans:
    """The leader's part of it, which sends no messages."""
    return Plans(engine, lambda run_ids: None)


def complete(client: FlaskClient, engine: Engine, **more: Any) -> dict[str, Any]:
    """The API's answer for a portfolio that was submitted and has run."""
    portfolio_id = submit_portfolio(client, **more)
    run_all(engine)
    leader(engine).advance()
    run_all(engine)
    portfolio: dict[str, Any] = client.get(f"/api/portfolios/{portfolio_id}").json
    return portfolio


def trade_when_legs_have_run(engine: Engine) -> None:
    """Insert the Job of each portfolio that waits, and do it here, once the scaler's Jobs have run its legs."""
    leading = leader(engine)
    wait_until(lambda: not leading.advance(), 60, "the legs")
    run_all(engine)
