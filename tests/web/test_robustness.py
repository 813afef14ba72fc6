"""Robustness over HTTP: one Job for a run or a portfolio, its page, and the sentence where the run is shown."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, update
from sqlalchemy.engine import Engine

from adapters.plan_tables import plans
from adapters.tables import runs
from contracts.status import ErrorType
from tests.services.finished_runs import break_down
from tests.services.jobs import run_all
from tests.services.portfolios import complete
from tests.web.conftest import RunMaker
from tests.web.made_results import (
    BUY,
    NOTHING,
    SELL,
    faults_of,
    load_prices,
    random_results,
    request_of,
)
from tests.web.made_runs import REQUEST

CODE = """
def on_bar(bars, window=20, limit=1.0):
    if len(bars) < window:
        return 0
    return 1 if bars.close[-1] > bars.close[-window:].mean() * limit else -1
"""


@pytest.fixture
def engine(app: Flask) -> Engine:
    database_engine: Engine = app.extensions["platform"].engine
    return database_engine


def submitted(client: FlaskClient, run_id: str, code: int = 202) -> str:
    answer = client.post(f"/api/runs/{run_id}/robustness")
    assert answer.status_code == code, answer.text
    robustness_id: str = answer.json["robustness_id"]
    return robustness_id


def answered(client: FlaskClient, engine: Engine, run_id: str) -> Any:
    robustness_id = submitted(client, run_id)
    assert run_all(engine) == 1
    answer = client.get(f"/api/robustness/{robustness_id}").json
    assert answer["status"] == "completed", answer["error_message"]
    return answer


def test_a_run_has_one_robustness_that_people_wait_for(
    app: Flask, client: FlaskClient, engine: Engine, run_id: str
) -> None:
    queue = app.extensions["platform"].queue
    before = queue.depths()["backtests"]

    robustness_id = submitted(client, run_id)

    waiting = client.get(f"/api/robustness/{robustness_id}").json
    assert (waiting["status"], waiting["result"], waiting["run_id"]) == ("pending", None, run_id)
    assert queue.depths() == {"backtests": before + 1, "backtests-bulk": 0}
    assert "Waiting" in client.get(f"/robustness/{robustness_id}").text
    assert submitted(client, run_id, code=200) == robustness_id
    assert run_all(engine) == 1
    assert client.get(f"/result/{robustness_id}").location == f"/robustness/{robustness_id}"


def test_the_sentence_is_shown_with_the_run(
    browser_client: FlaskClient, engine: Engine, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.runs.page.pictures", lambda row: {})
    pages = [f"/result/{run_id}", f"/result/{run_id}/report.html"]

    answer = answered(browser_client, engine, run_id)

    assert answer["sentence"] == answer["result"]["sentence"]
    for page in [*pages, f"/robustness/{answer['robustness_id']}"]:
        assert answer["sentence"] in browser_client.get(page).text.replace("&#39;", "'"), page


def test_a_strategy_in_python_is_varied_by_its_inputs(
    client: FlaskClient, engine: Engine, make_run: RunMaker
) -> None:
    run_id = make_run(
        rule_type="PYTHON",
        params={"code": CODE, "inputs": {"window": 2}},
        start_date="2008-01-02",
        end_date="2009-12-31",
    )

    result = answered(client, engine, run_id)["result"]

    strips = {each["name"]: each["points"] for each in result["neighbours"]["numbers"]}
    assert strips.keys() == {"params.inputs.window", "params.inputs.limit"}
    # a window of 1 is never above its mean, and has an answer all the same
    assert [each["value"] for each in strips["params.inputs.window"]] == [1, 2, 3]
    for value in (1, 3):
        inputs = {"window": value, "limit": 1.0}
        again = make_run(
            rule_type="PYTHON",
            params={"code": CODE, "inputs": inputs},
            start_date="2008-01-02",
            end_date="2009-12-31",
        )
        metrics = client.get(f"/api/runs/{again}").json["metrics"]
        (point,) = (each for each in strips["params.inputs.window"] if each["value"] == value)
        assert point["return_pct"] == metrics["total_return_pct"]


def test_a_neighbour_whose_code_fails_is_left_out(
    client: FlaskClient, engine: Engine, make_run: RunMaker
) -> None:
    code = "def on_bar(bars, lag=1):\n    return 1 if len(bars) % 9 > 1 / lag else -1\n"
    run_id = make_run(rule_type="PYTHON", params={"code": code}, end_date="2006-12-31")

    result = answered(client, engine, run_id)["result"]

    (strip,) = result["neighbours"]["numbers"]
    assert [each["value"] for each in strip["points"]] == [1, 2]


def test_a_portfolio_is_varied_by_its_terms(client: FlaskClient, engine: Engine) -> None:
    portfolio = complete(client, engine, max_positions=2, stop_loss_pct=10)

    answer = answered(client, engine, portfolio["portfolio_id"])

    result = answer["result"]
    assert result["run"]["return_pct"] == portfolio["metrics"]["total_return_pct"]
    assert {each["name"] for each in result["neighbours"]["numbers"]} == {
        "max_positions",
        "stop_loss_pct",
    }
    assert {"rules", "starts"} <= result["notes"].keys()
    fewer = complete(client, engine, max_positions=1, stop_loss_pct=10)["metrics"]
    strip = next(e for e in result["neighbours"]["numbers"] if e["name"] == "max_positions")
    assert strip["points"][0]["return_pct"] == fewer["total_return_pct"]
    dear = complete(client, engine, max_positions=2, stop_loss_pct=10, fee_rate=0.002)["metrics"]
    assert result["costs"]["multiples"][2]["return_pct"] == dear["total_return_pct"]
    page = client.get(f"/portfolios/{portfolio['portfolio_id']}").text
    assert answer["sentence"] in page
    assert answer["sentence"] in client.get(f"/robustness/{answer['robustness_id']}").text


def test_a_rotation_is_varied_without_signals_that_wait(
    client: FlaskClient, engine: Engine
) -> None:
    rotation = {
        "mode": "ranked",
        "score": "roc(close, 60)",
        "top": 2,
        "rebalance": "monthly",
        "legs": [{"ticker": ticker} for ticker in ("AAPL", "IBM", "MSFT")],
        "start_date": "2004-01-01",
        "end_date": "2006-12-31",
        "fill": "close",
    }
    portfolio_id = client.post("/api/portfolios", json=rotation).json["portfolio_id"]
    run_all(engine)
    metrics = client.get(f"/api/portfolios/{portfolio_id}").json["metrics"]

    result = answered(client, engine, portfolio_id)["result"]

    assert result["run"]["return_pct"] == metrics["total_return_pct"]
    assert [each["fill"] for each in result["delays"]] == ["at the next open"]
    assert {"later_fills", "inputs_of_the_score"} <= result["notes"].keys()
    assert "rules" not in result["notes"]
    assert [each["name"] for each in result["neighbours"]["numbers"]] == ["top"]
    assert result["costs"]["multiples"][0]["return_pct"] > result["run"]["return_pct"]


def test_only_what_has_completed_can_be_varied(
    client: FlaskClient, engine: Engine, make_run: RunMaker, run_id: str
) -> None:
    robustness_id = answered(client, engine, run_id)["robustness_id"]
    screen = {"base": {**REQUEST, "params": {}}, "parameters": {"period": [5, 7]}}
    screen_id = client.post("/api/screens", json=screen).json["screen_id"]

    for other in (make_run("pending"), make_run("failed"), robustness_id, screen_id):
        refused = client.post(f"/api/runs/{other}/robustness")
        assert refused.status_code == 409, refused.text
        assert "no completed backtest" in refused.json["error"]
    assert (
        client.post(f"/api/runs/{'0' * 8}-0000-4000-8000-{'0' * 12}/robustness").status_code
        == 404
    )


def test_a_failed_one_is_retried_from_its_page(
    browser_client: FlaskClient, engine: Engine, run_id: str
) -> None:
    robustness_id = submitted(browser_client, run_id)
    break_down(engine, robustness_id)
    with engine.begin() as connection:
        lost = update(runs).where(runs.c.run_id == robustness_id)
        connection.execute(lost.values(error_type=ErrorType.CANCELLED))

    page = browser_client.get(f"/robustness/{robustness_id}").text

    assert f"/api/runs/{robustness_id}/retry" in page
    assert browser_client.post(f"/api/runs/{robustness_id}/retry").status_code == 202


def test_its_page_stays_when_figures_and_run_are_deleted(
    browser_client: FlaskClient, engine: Engine, run_id: str
) -> None:
    answer = answered(browser_client, engine, run_id)
    with engine.begin() as connection:
        connection.execute(update(plans).values(result=None))
        connection.execute(delete(runs).where(runs.c.run_id == run_id))

    page = browser_client.get(f"/robustness/{answer['robustness_id']}")

    assert page.status_code == 200
    assert answer["sentence"] in page.text and "deleted" in page.text


def test_every_page_of_any_robustness_answers(
    browser_client: FlaskClient, engine: Engine
) -> None:
    faults = list[str]()
    whole = [([100 + day % 7 for day in range(80)], [BUY, NOTHING, SELL, NOTHING] * 20, {})]
    for closes, signals, fields in [*whole, *random_results(seed=5, count=8)]:
        load_prices(browser_client, closes, signals)
        answer = browser_client.post("/run_backtest", json=request_of(**fields))
        run_all(engine)
        robustness_id = submitted(browser_client, answer.json["run_id"])
        run_all(engine)
        paths = [f"/robustness/{robustness_id}", f"/api/robustness/{robustness_id}"]
        state = browser_client.get(paths[1]).json
        if state["status"] != "completed":
            faults.append(f"{closes} {signals} {fields}: {json.dumps(state)}")
        faults += [
            f"{closes} {signals} {fields}: {each}" for each in faults_of(browser_client, paths)
        ]

    assert not faults, "\n".join(faults)
