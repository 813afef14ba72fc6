"""The ledger over HTTP: every run, row of a screen and training part counts, for whoever made it."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.engine import Engine

from adapters.tables import runs
from tests.services.jobs import run_all
from tests.services.portfolios import complete as complete_portfolio
from tests.services.studies import BASE, GRID, complete
from tests.web.conftest import TokenMaker

RUN = BASE | {"params": {"fast": 5, "slow": 50}, "charts": False}
AXES = {"fast": [5, 10, 20], "slow": [50, 100]}


@pytest.fixture
def engine(app: Flask) -> Engine:
    database_engine: Engine = app.extensions["platform"].engine
    return database_engine


def of_aapl(client: FlaskClient, **headers: Any) -> Any:
    series = client.get("/api/ledger?ticker=aapl&timeframe=1d", **headers).json["series"]
    return series[0] if series else None


def test_all_ways_of_trying_a_rule_count_it_once(client: FlaskClient, engine: Engine) -> None:
    assert of_aapl(client) is None
    client.post("/run_backtest", json=RUN)
    run_all(engine)
    assert (of_aapl(client)["tried"], of_aapl(client)["distinct"]) == (1, 1)

    client.post("/api/screens", json={"base": BASE, "parameters": AXES})
    run_all(engine)
    assert (of_aapl(client)["tried"], of_aapl(client)["distinct"]) == (7, 6)

    complete(client, engine, kind="holdout", combinations=[*GRID, {"fast": 7, "slow": 50}])
    assert (of_aapl(client)["tried"], of_aapl(client)["distinct"]) == (15, 7)

    complete_portfolio(client, engine)
    assert of_aapl(client)["distinct"] == 8
    with engine.begin() as connection:
        connection.execute(delete(runs))
    assert of_aapl(client)["distinct"] == 8
    assert of_aapl(client)["years"] == [2003, 2008]
    assert {each["ticker"] for each in client.get("/api/ledger").json["series"]} == {
        "AAPL", "IBM", "MSFT"
    }  # fmt: skip
    assert [each["ticker"] for each in client.get("/api/ledger?limit=1").json["series"]] == [
        "AAPL"
    ]
    assert "Show up to 200 series" in client.get("/ledger?limit=1").text
    assert "Show up to" not in client.get("/ledger").text


def test_a_permutation_study_counts_its_real_search_only(
    client: FlaskClient, engine: Engine
) -> None:
    complete(client, engine, kind="permutation", permutations=20)

    assert of_aapl(client)["tried"] == len(GRID)


def test_each_token_is_counted_by_itself(
    client: FlaskClient, engine: Engine, made: TokenMaker
) -> None:
    ann, bob = made("submit", "ann"), made("submit", "bob")
    client.post("/run_backtest", json=RUN, headers=ann)
    client.post("/api/screens", json={"base": BASE, "parameters": AXES}, headers=bob)
    run_all(engine)

    by = of_aapl(client, headers=ann)["by"]

    assert sorted((each["actor"], each["distinct"]) for each in by) == [("ann", 1), ("bob", 6)]


def test_who_looked_at_the_test_part_before_is_judged_by_all_that_was_tried(
    client: FlaskClient, engine: Engine
) -> None:
    def timing() -> Any:
        study = complete(client, engine, kind="holdout", combinations=GRID[:1])
        return study["verdict"]["out_of_sample"]["timing"]

    honest = timing()
    client.post("/api/screens", json={"base": BASE, "parameters": AXES})
    run_all(engine)
    peeking = timing()

    assert (honest["trials"], honest["deflated"]) == (1, honest["probabilistic"])
    assert peeking["trials"] == 6
    assert 1 < peeking["independent_trials"] < 6
    assert peeking["probabilistic"] == honest["probabilistic"] > peeking["deflated"]


def test_pages_say_how_many_rules_were_tried(browser_client: FlaskClient, engine: Engine) -> None:
    run_id = browser_client.post("/run_backtest", json=RUN).json["run_id"]
    browser_client.post("/api/screens", json={"base": BASE, "parameters": AXES})
    run_all(engine)
    robustness_id = browser_client.post(f"/api/runs/{run_id}/robustness").json["robustness_id"]
    run_all(engine)

    assert "rules</a> that were tried" in browser_client.get(f"/result/{run_id}").text
    tried = of_aapl(browser_client)["distinct"]
    sentence = f"It is one of {tried} rules that were tried on these prices here."
    assert sentence in browser_client.get(f"/result/{run_id}/report.html").text
    result = browser_client.get(f"/api/robustness/{robustness_id}").json["result"]
    assert result["tried"]["trials"] == 6
    assert "Among all that was tried" in browser_client.get(f"/robustness/{robustness_id}").text
    page = browser_client.get("/ledger").text
    assert "AAPL" in page and "2003–2008" in page
