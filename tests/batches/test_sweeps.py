"""POST /api/batches: a sweep is expanded, checked and recorded by the server, all of it or nothing."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from adapters.plans.expansion import axis_values
from adapters.tables import runs
from tests.services.studies import WALK_FORWARD

BASE = {
    "tickers": ["AAPL", "IBM"],
    "rule_type": "RSI",
    "start_date": "2004-01-01",
    "end_date": "2006-12-31",
}
SWEEP: dict[str, Any] = {
    "name": "Four",
    "base": BASE,
    "parameters": {"period": [7, 14]},
    "constraints": "cagr > 0",
}


def recorded(app: Flask) -> int:
    with app.extensions["platform"].engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(runs)).scalar_one()


def test_a_sweep_is_recorded_once_with_its_ranking(app: Flask, client: FlaskClient) -> None:
    first = client.post("/api/batches", json=SWEEP)
    again = client.post("/api/batches", json=SWEEP)

    assert (first.status_code, again.status_code, recorded(app)) == (202, 200, 4)
    assert first.json["batch_id"].startswith("four-")
    assert again.json == first.json | {"new": 0, "existing": {"pending": 4}}
    assert first.json["ranking"] == {
        "metric": "sharpe_ratio",
        "goal": "max",
        "constraints": ["cagr > 0"],
    }
    assert [(each["ticker"], each["params"]) for each in first.json["first_requests"]] == [
        ("AAPL", {"period": 7}), ("AAPL", {"period": 14}), ("IBM", {"period": 7}), ("IBM", {"period": 14}),
    ]  # fmt: skip
    batch = client.get(first.json["status_url"]).json
    assert (batch["constraints"], batch["counts"]["pending"]) == (["cagr > 0"], 4)


def test_a_dry_run_records_nothing(app: Flask, client: FlaskClient) -> None:
    planned = client.post("/api/batches?dry_run=true", json=SWEEP)

    assert (planned.status_code, planned.json["new"], planned.json["run_ids"]) == (
        200,
        4,
        [None] * 4,
    )
    assert recorded(app) == 0


def test_a_sweep_without_a_name_is_a_new_batch_but_for_the_same_key(
    app: Flask, client: FlaskClient
) -> None:
    nameless = {name: value for name, value in SWEEP.items() if name != "name"}
    headers = [{}, {}, {"Idempotency-Key": "k"}, {"Idempotency-Key": "k"}]

    batches = [
        client.post("/api/batches", json=nameless, headers=each).json["batch_id"]
        for each in headers
    ]

    assert (len(set(batches)), batches[2], recorded(app)) == (3, batches[3], 12)


def test_a_sweep_can_join_a_batch(client: FlaskClient) -> None:
    client.post("/api/batches?batch_id=mine", json=SWEEP)
    joined = client.post(
        "/api/batches?batch_id=mine", json=SWEEP | {"parameters": {"period": [14, 21]}}
    ).json

    assert (joined["batch_id"], joined["new"], joined["existing"]) == ("mine", 2, {"pending": 2})


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"run_cap": 3}, {"run_cap": "2 combinations x 2 tickers are more than 3"}),
        ({"run_cap": 0, "seed": "x"}, {
            "run_cap": "0 is not accepted; accepted: a whole number from 1: the most runs of a grid, or the number "
                       "of random draws",
            "seed": "'x' is not accepted; accepted: a whole number from 0; the same seed draws the same runs",
        }),
        ({"parameters": {"period": {"min": 9, "max": 5, "step": 1}}}, {
            "parameters.period": "min 9, max 5, step 1 give no values, or more than 10000",
        }),
        ({"parameters": {"period": [1, 7, 0]}}, {
            "parameters.period": "1 is out of range: must be a whole number from 2 to 200 "
                                 '(AAPL {"period": 1} and 3 more runs)',
        }),
        ({"base": BASE | {"fee_rate": 0.5, "tickers": ["IBM"]}}, {
            "base.fee_rate": "0.5 is not accepted; accepted: fraction from 0 to below 0.1 (of the traded value, each "
                             'side) (IBM {"period": 7} and 1 more run)',
        }),
        ({"where": ["period > 9", "window > 9"]}, {
            "where.1": "'window > 9' is not accepted; accepted: parameters, and 'window' is none: overbought, "
                       "oversold, period",
        }),
        ({"method": "random", "parameters": {name: {"min": 1, "max": 9999, "step": 1} for name in "abcdef"}}, {
            "parameters": "more than 1,000,000,000,000,000,000 combinations; use narrower parameters",
        }),
        ({"parameters": {name: {"min": 1, "max": 999, "step": 1} for name in ("period", "oversold")},
          "where": "period + 1 > 0 and oversold > 1"}, {
            "parameters": "998,001 combinations, of which where looks at 6 values each, are more than 4,000,000 "
                          "values; use fewer or shorter conditions, or narrower parameters",
        }),
        ({"colour": "red"}, {
            "colour": "unknown; accepted: base, name, method, parameters, where, metric, constraints, run_cap, seed, "
                      "study, portfolio",
        }),
    ],
)  # fmt: skip
def test_a_fault_is_reported_by_its_field_with_what_is_accepted(
    app: Flask, client: FlaskClient, change: dict[str, Any], errors: dict[str, str]
) -> None:
    refused = client.post("/api/batches", json=SWEEP | change)

    assert (refused.status_code, refused.json["errors"], recorded(app)) == (400, errors, 0)


def test_a_step_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="step inf give no values"):
        axis_values({"min": 2, "max": 9, "step": 1e999})


def test_more_runs_than_one_call_may_have_are_refused_before_they_are_made(
    app: Flask, client: FlaskClient
) -> None:
    many = {
        "period": {"min": 2, "max": 200, "step": 1},
        "oversold": {"min": 1, "max": 50, "step": 0.1},
    }

    grid, drawn = (client.post("/api/batches", json=SWEEP | {"parameters": many, "run_cap": 10**9, "method": method})
                   for method in ("grid", "random"))  # fmt: skip

    assert grid.json["errors"] == {
        "run_cap": "97709 combinations x 2 tickers are more than 20000"
    }
    assert drawn.json["errors"] == {
        "run_cap": "10001 combinations x 2 tickers are more than 20000"
    }


def test_a_study_of_a_sweep_is_the_study_of_its_combinations(client: FlaskClient) -> None:
    listed = client.post("/api/studies", json=WALK_FORWARD).json["study_id"]
    terms = {
        name: value
        for name, value in WALK_FORWARD.items()
        if name not in ("base", "combinations")
    }
    sweep = {
        "base": WALK_FORWARD["base"],
        "method": "list",
        "parameters": WALK_FORWARD["combinations"],
    }
    swept = client.post("/api/studies", json=sweep | {"study": terms}).json["study_id"]

    first, second = (client.get(f"/api/studies/{study_id}").json for study_id in (listed, swept))

    assert first["request"] == second["request"]
    assert first["windows"] == second["windows"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"study": {"kind": "holdout", "holdout_share": 2}}, "holdout_share"),
        ({"study": {}}, "kind"),
        ({"study": []}, "study"),
        ({"base": BASE}, "base.tickers"),
        ({"constraints": ["luck > 0"]}, "constraints.0"),
        ({"parameters": {"period": [7, 1]}}, "parameters.period"),
    ],
)
def test_a_fault_of_a_study_of_a_sweep_is_reported_by_its_field(
    client: FlaskClient, change: dict[str, Any], field: str
) -> None:
    sweep = SWEEP | {"base": BASE | {"tickers": "AAPL"}, "study": {"kind": "selection"}}

    refused = client.post("/api/studies", json=sweep | change)

    assert (refused.status_code, list(refused.json["errors"])) == (400, [field])
