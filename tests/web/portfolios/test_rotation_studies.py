"""Studies of rotations: chosen on one part, tested on the next, judged against holding the assets equally."""

from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from contracts.values import without
from tests.services.jobs import run_all
from tests.services.studies import work_through
from tests.web.portfolios.test_ranked import RANKING, SWEEP
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
        assert fold["timing"]["yearly_pct"] == pytest.approx(
            trained["timing_return_pct"], abs=0.02
        )
        tested = client.get(f"/api/portfolios/{first['test_run']}").json
        alone = trade(client, engine, first["params"], window["test"])
        assert tested["result_hash"] == alone["result_hash"]
        returns.append(1 + tested["metrics"]["total_return_pct"] / 100)
    assert study["verdict"]["out_of_sample"]["amounts"]["total_return_pct"] == pytest.approx(
        (np.prod(returns) - 1) * 100, abs=0.01
    )
    assert client.get(f"/studies/{study['study_id']}").status_code == 200


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
