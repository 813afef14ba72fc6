"""GET /api/openapi.json: a valid document that covers every route, and answers that are as it says."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from rules.catalog import RULES
from tests.services.finished_runs import break_down
from tests.services.jobs import run_one
from tests.services.portfolios import ASKED, complete
from tests.services.studies import WALK_FORWARD
from tests.services.web_app import run_values, sweep_values
from web.documents.openapi import ANSWERS

JSON = "application/json"


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    """The description that the platform gives of itself."""
    described: dict[str, Any] = json.loads(client.get("/api/openapi.json").data)
    return described


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of a schema that may refer to the document's components."""
    return Draft202012Validator({**schema, "components": document["components"]})


def exact(schema: Any) -> Any:
    """The same schema, rejecting fields that it does not name."""
    if isinstance(schema, list):
        return [exact(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return closed | {name: exact(part) for name, part in schema.items()}


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_for_programs_is_described(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if str(rule).startswith(
            ("/api/", "/status/", "/run_backtest", "/health", "/ready", "/metrics")
        )
    }

    described = {
        (path, method) for path, methods in document["paths"].items() for method in methods
    }

    assert routes <= described
    assert all(
        operation["summary"]
        for methods in document["paths"].values()
        for operation in methods.values()
    )


def test_requests_are_accepted_by_the_schema_exactly_when_the_platform_accepts_them(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    schema = validator(document, {"$ref": "#/components/schemas/RunRequest"})
    good = [
        run_values(),
        run_values(ticker="aapl"),
        *(run_values(rule_type=name, params={}) for name in RULES),
    ]
    bad = [
        run_values(fee_rate=0.1),
        run_values(fill="soon"),
        run_values(colour="red"),
        run_values(params={"period": 1}),
        run_values(params={"luck": 1}),
        run_values(rule_type="LUCK"),
        run_values(run_id="b6b1c1f0-0000-4000-8000-000000000000"),
        {name: value for name, value in run_values().items() if name != "ticker"},
    ]

    verdicts = [
        (schema.is_valid(values), client.post("/run_backtest", json=values).status_code)
        for values in good + bad
    ]

    assert verdicts == [(True, 202)] * len(good) + [(False, 400)] * len(bad)


def test_every_described_route_answers_as_it_is_described(
    app: Flask, client: FlaskClient, document: dict[str, Any]
) -> None:
    batch_id = client.post("/api/runs/bulk", json=sweep_values(3)).json["batch_id"]
    run_id = client.post("/run_backtest", json=run_values()).json["run_id"]
    break_down(app.extensions["platform"].engine, run_id)
    preset = client.post("/api/strategies", json={"name": "mine", "request": run_values()}).json[
        "id"
    ]
    study_id = client.post("/api/studies", json=WALK_FORWARD).json["study_id"]
    ids = {
        "study_id": study_id,
        "run_id": run_id,
        "batch_id": batch_id,
        "preset_id": preset,
        "name": "equity_curve",
    }
    grid = {"base": run_values(params={}), "parameters": {"period": [5, 7]}}
    ids["portfolio_id"] = complete(client, app.extensions["platform"].engine)["portfolio_id"]
    ids["screen_id"] = client.post("/api/screens", json=grid).json["screen_id"]
    run_one(app.extensions["platform"].engine, ids["screen_id"])
    vary = f"/api/runs/{ids['portfolio_id']}/robustness"
    ids["robustness_id"] = client.post(vary).json["robustness_id"]
    run_one(app.extensions["platform"].engine, ids["robustness_id"])
    schemas = document["components"]["schemas"]
    schemas |= {name: exact(schemas[name]) for name in ANSWERS}
    bodies = {
        "/run_backtest": run_values(fee_rate=0.002),
        "/api/runs/bulk": sweep_values(2),
        "/api/strategies": None,
    }
    bodies |= {"/api/studies": WALK_FORWARD, "/api/portfolios": ASKED}
    bodies["/api/batches"] = bodies["/api/screens"] = grid
    bodies["/api/strategies"] = {"name": "other", "request": run_values()}

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            url = re.sub(r"{(\w+)}", lambda match: quote(str(ids.get(match[1], "x"))), path)
            answer = client.open(url, method=method.upper(), json=bodies.get(path))

            described = operation["responses"].get(
                str(answer.status_code), operation["responses"]["default"]
            )
            assert answer.status_code < 500, f"{method} {url}: {answer.text}"
            assert (
                str(answer.status_code) in operation["responses"] or answer.status_code >= 400
            ), f"{method} {url}"
            if schema := described.get("content", {}).get(JSON, {}).get("schema"):
                validator(document, schema).validate(answer.json)


def test_the_list_of_runs_describes_every_field_of_its_form(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    described = {each["name"] for each in document["paths"]["/api/runs"]["get"]["parameters"]}
    form = client.get("/runs").text.split('id="runs-filter"')[1].split("</form>")[0]

    fields = re.findall(r'<(?:input|select)[^>]* name="(\w+)"', form)

    assert len(fields) == len(set(fields)) > 10
    assert set(fields) <= described


def test_a_completed_runs_result_is_as_described(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["RunResult"]

    assert set(schema["required"]) == {"run_id", "status", "request"}
    assert set(schema["properties"]["status"]["enum"]) == {
        "pending",
        "running",
        "completed",
        "failed",
    }
    assert {"metrics", "equity_curve", "trades", "charts", "result_hash"} <= set(
        schema["properties"]
    )


def test_the_description_is_answered_304_while_it_is_the_same(client: FlaskClient) -> None:
    first = client.get("/api/openapi.json")

    again = client.get("/api/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
