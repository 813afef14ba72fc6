"""Studies of rotations: chosen on one part, tested on the next, judged against holding the assets equally."""

import json
import re
from itertools import product
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from contracts.values import without
from tests.services.jobs import run_all
from tests.services.studies import work_through
from tests.web.portfolios.test_ranked import RANKING, SWEEP, TICKERS
from tests.web.portfolios.test_ranked import engine as engine

PARAMETERS = {"top": [1, 2], "inputs.n": [20, 60]}
WALK = {"kind": "walk_forward", "train_days": 250, "test_days": 200}
# GOOG begins on 19 August 2004, too late for the first training part, which ends on 6 September
STUDY: dict[str, Any] = SWEEP | {"parameters": PARAMETERS, "study": WALK}


def completed(client: FlaskClient, engine: Engine, **changes: Any) -> dict[str, Any]:
    answer = client.post("/api/portfolios/study", json=STUDY | changes)
    assert answer.status_code == 202, answer.json
    work_through(engine, answer.json["study_id"])
    study: dict[str, Any] = client.get(answer.json["status_url"]).json
    return study


def trade(client: FlaskClient, engine: Engine, params: dict[str, Any], days: list[str]) -> Any:
    """The same rotation submitted by itself."""
    base = SWEEP["base"] | {"start_date": days[0], "end_date": days[1]}
    tickers = [each for each in base["tickers"] if each != "GOOG" or days[1] > "2004-09-28"]
    portfolio = without(base, ("tickers",)) | params | {"mode": "ranked"}
    legs = [{"ticker": each} for each in tickers]
    answer = client.post("/api/portfolios", json=portfolio | {"legs": legs})
    assert answer.status_code == 202, answer.json
    run_all(engine)
    return client.get(answer.json["status_url"]).json


def test_a_walk_forward_chooses_tests_and_judges(client: FlaskClient, engine: Engine) -> None:
    study = completed(client, engine)

    assert (study["status"], study["rule_type"], study["ticker"]) == (
        "completed",
        "RANKED",
        "4 assets",
    )
    assert "the same assets held equally" in study["verdict"]["beside"]["sentence"]
    assert len(study["windows"]) == len(study["choices"]) == 4
    returns = []
    folds = study["verdict"]["folds"]
    for window, choice, fold in zip(study["windows"], study["choices"], folds, strict=True):
        [first] = choice["chosen"]
        trained = trade(client, engine, first["params"], window["train"])["metrics"]
        assert fold["chosen"][0]["train"]["total_return_pct"] == trained["total_return_pct"]
        tested = client.get(f"/api/portfolios/{first['test_run']}").json
        alone = trade(client, engine, first["params"], window["test"])
        assert tested["result_hash"] == alone["result_hash"]
        returns.append(1 + tested["metrics"]["total_return_pct"] / 100)
    assert study["verdict"]["out_of_sample"]["amounts"]["total_return_pct"] == pytest.approx(
        (np.prod(returns) - 1) * 100, abs=0.01
    )
    assert client.get(f"/studies/{study['study_id']}").status_code == 200


def test_the_verdict_is_about_returns_above_all_eligible_assets_held_equally(
    client: FlaskClient, engine: Engine
) -> None:
    base = SWEEP["base"] | {"tickers": list(TICKERS[:3])}
    ranking = without(RANKING, ("keep",)) | {"top": 1, "buffer": 0}
    study = completed(
        client,
        engine,
        base=base,
        portfolio=ranking,
        parameters={"inputs.n": [60]},
        study={"kind": "holdout"},
    )

    days = dict(zip(("start_date", "end_date"), study["windows"][0]["train"], strict=True))
    terms = {"legs": [{"ticker": each} for each in base["tickers"]], "fractional_shares": True}
    returns = []
    for changes in ({}, {"top": 3, "fee_rate": 0}):
        answer = client.post("/api/portfolios", json=ranking | terms | days | changes)
        run_all(engine)
        portfolio = client.get(answer.json["status_url"]).json
        equity = np.array([point["equity"] for point in portfolio["equity_curve"]])
        returns.append(equity[1:] / equity[:-1] - 1)
    per_year = portfolio["metrics"]["bars_per_year"]
    above_pct = (returns[0] - returns[1]).mean() * per_year * 100
    timing = study["verdict"]["folds"][0]["timing"]
    assert timing["yearly_pct"] == pytest.approx(above_pct, abs=0.2)


def test_a_holdout_chooses_by_the_results_on_its_training_part(
    client: FlaskClient, engine: Engine
) -> None:
    study = completed(client, engine, study={"kind": "holdout", "chosen": 4}, metric="cagr")

    [window], [choice] = study["windows"], study["choices"]
    trained = [
        trade(client, engine, each["params"], window["train"])["metrics"]["cagr"]
        for each in choice["chosen"]
    ]
    assert len(trained) == 4
    assert trained == sorted(trained, reverse=True)
    folds = study["verdict"]["folds"][0]["chosen"]
    assert [each["train"]["total_return_pct"] for each in folds] == pytest.approx(
        [
            trade(client, engine, each["params"], window["train"])["metrics"]["total_return_pct"]
            for each in choice["chosen"]
        ],
        abs=0.01,
    )


def test_a_dry_run_estimates_and_records_nothing(client: FlaskClient) -> None:
    cost = client.post("/api/portfolios/study?dry_run=true", json=STUDY).json

    assert cost["combinations"] == 4
    assert cost["runs"] == {"training": 4, "test": 4}
    assert client.get("/api/studies").json["studies"] == []


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"study": {"kind": "permutation"}}, "kind", "'permutation' is not accepted"),
        (
            {"study": {"kind": "walk_forward", "test_days": 5}},
            "test_days",
            "a part needs at least",
        ),
        ({"metric": "luck"}, "metric", "luck"),
        ({"parameters": {"top": [1, 9]}}, "parameters.top", "9 is more than the 4 legs"),
        ({"portfolio": without(RANKING, ("mode",))}, "portfolio", "mode: ranked is expected"),
    ],
)
def test_faults_are_at_their_fields(
    client: FlaskClient, changes: dict[str, Any], field: str, fault: str
) -> None:
    answer = client.post("/api/portfolios/study", json=STUDY | changes)

    assert (answer.status_code, fault in answer.json["errors"][field]) == (400, True), answer.json


def test_assets_of_a_study_of_runs_are_refused(client: FlaskClient) -> None:
    base = {"ticker": "AAPL", "rule_type": "RSI", "start_date": "2004-01-01"}
    body = {"kind": "holdout", "base": base | {"end_date": "2006-12-31"}, "combinations": [{}]}

    errors = client.post("/api/studies", json=body | {"legs": [{"ticker": "IBM"}]}).json["errors"]

    assert "/api/portfolios/study" in errors["legs"]


def test_the_batch_of_a_sweep_becomes_its_study_on_the_page(
    client: FlaskClient, engine: Engine
) -> None:
    sweep = without(STUDY, ("study",))
    batch_id = client.post("/api/portfolios/batch", json=sweep).json["batch_id"]
    run_all(engine)

    page = client.get(f"/studies?batch={batch_id}").text

    offered = json.loads(re.search(r"data-batch='(.*?)'", page)[1])
    study = {
        "base": without(offered["base"], ("rule_type",)),
        "portfolio": offered["portfolio"],
        "method": "list",
        "parameters": offered["combinations"],
    }
    [of_batch, of_sweep] = [
        client.post("/api/portfolios/study?dry_run=true", json=each | {"study": WALK}).json
        for each in (study, sweep)
    ]
    assert of_batch == of_sweep
    assert offered["combinations"] == [
        {"inputs.n": n, "top": top}
        for top, n in product(PARAMETERS["top"], PARAMETERS["inputs.n"])
    ]
    assert "4 combinations of" in page
    assert "Study" in client.get(f"/batches/{batch_id}").text


def test_a_batch_of_rotations_of_other_assets_cannot_be_studied(
    client: FlaskClient, engine: Engine
) -> None:
    fewer = SWEEP["base"] | {"tickers": list(TICKERS[:3])}
    for base in (SWEEP["base"], fewer):
        client.post("/api/portfolios/batch?batch_id=mixed", json=SWEEP | {"base": base})

    answer = client.get("/studies?batch=mixed")

    assert answer.status_code == 400
    assert "its rotations differ in assets or terms" in answer.text
