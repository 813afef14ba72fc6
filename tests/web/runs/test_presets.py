"""Presets hold form parameters, under names of their own."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from adapters.tables import presets
from tests.web.conftest import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES

REQUEST = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "params": {"period": 14},
    "start_date": "2005-01-03",
    "end_date": "2009-12-31",
    "stop_loss_pct": 5,
    "label": "of one run",
}


def save(client: FlaskClient, name: Any, **fields: Any) -> Any:
    return client.post("/api/strategies", json={"name": name, "request": REQUEST | fields})


def names(client: FlaskClient) -> list[str]:
    return [preset["name"] for preset in client.get("/api/strategies").get_json()["strategies"]]


def test_a_preset_keeps_the_strategy_and_not_the_run(browser_client: FlaskClient) -> None:
    save(browser_client, "  tight stop ")

    [preset] = browser_client.get("/api/strategies").get_json()["strategies"]
    assert preset["name"] == "tight stop"
    assert preset["rule_type"] == "RSI"
    assert preset["form"]["params"] == {"period": 14}
    assert preset["form"]["stop_loss_pct"] == 5
    assert not {"ticker", "start_date", "end_date", "label", "run_id"} & set(preset["form"])


def test_fields_younger_than_a_preset_have_their_default_in_it(
    page_app: Flask, browser_client: FlaskClient
) -> None:
    save(browser_client, "older")
    with page_app.extensions["platform"].engine.begin() as connection:
        connection.execute(
            update(presets).values(form_json=json.dumps({"rule_type": "RSI", "stop_loss_pct": 5}))
        )

    [preset] = browser_client.get("/api/strategies").get_json()["strategies"]
    assert preset["form"]["stop_loss_pct"] == 5
    assert preset["form"]["exit_after_bars"] is None
    assert preset["form"]["atr_stop_period"] == 14


def test_a_name_is_given_once(browser_client: FlaskClient) -> None:
    save(browser_client, "mine")

    answer = save(browser_client, "mine", params={"period": 7})

    assert answer.status_code == 409
    assert "'mine' already" in answer.get_json()["error"]
    assert names(browser_client) == ["mine"]


def test_names_that_differ_in_case_are_two(browser_client: FlaskClient) -> None:
    assert (save(browser_client, "a").status_code, save(browser_client, "A").status_code) == (
        201,
        201,
    )


def test_a_deleted_preset_is_gone_and_its_name_free(browser_client: FlaskClient) -> None:
    preset_id = save(browser_client, "mine").get_json()["id"]

    first = browser_client.delete(f"/api/strategies/{preset_id}")
    second = browser_client.delete(f"/api/strategies/{preset_id}")

    assert (first.status_code, second.status_code) == (204, 404)
    assert save(browser_client, "mine").status_code == 201


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\u0000b", "two\nlines", None, 7, ["x"]])
def test_a_name_that_cannot_be_shown_is_refused(browser_client: FlaskClient, name: Any) -> None:
    answer = save(browser_client, name)

    assert answer.status_code == 400
    assert "name" in answer.get_json()["errors"]


def test_a_preset_is_checked_as_a_run_would_be(browser_client: FlaskClient) -> None:
    bad_params = save(browser_client, "x", params={"period": 1})
    unknown = save(browser_client, "x", code="import os")

    assert "params.period" in bad_params.get_json()["errors"]
    assert "code" in unknown.get_json()["errors"]
    assert names(browser_client) == []


def test_a_script_in_a_name_is_kept_as_words(browser_client: FlaskClient) -> None:
    save(browser_client, "<script>alert(1)</script>")

    assert names(browser_client) == ["<script>alert(1)</script>"]
    assert "<script>alert" not in browser_client.get("/").get_data(as_text=True)


@pytest.mark.parametrize("path", ["0", "999999", "99999999999999999999", "x"])
def test_deleting_what_is_not_there_is_not_found(browser_client: FlaskClient, path: str) -> None:
    assert browser_client.delete(f"/api/strategies/{path}").status_code == 404


def change(client: FlaskClient, preset_id: Any, **fields: Any) -> Any:
    return client.put(f"/api/strategies/{preset_id}", json={"request": REQUEST | fields})


def test_a_changed_preset_has_its_name_and_another_form(browser_client: FlaskClient) -> None:
    preset_id = save(browser_client, "mine").get_json()["id"]

    assert change(browser_client, preset_id, params={"period": 15}).status_code == 200

    [listed] = browser_client.get("/api/strategies").get_json()["strategies"]
    assert (listed["name"], listed["form"]["params"]) == ("mine", {"period": 15})


def test_a_change_is_checked_as_a_run_would_be(browser_client: FlaskClient) -> None:
    preset_id = save(browser_client, "mine").get_json()["id"]

    assert (
        "params.period"
        in change(browser_client, preset_id, params={"period": 1}).get_json()["errors"]
    )
    assert [change(browser_client, missing).status_code for missing in (999999, 2**40)] == [
        404,
        404,
    ]
    assert (
        browser_client.put(f"/api/strategies/{preset_id}", json={"name": "x"}).status_code == 400
    )


def test_a_change_of_a_preset_leaves_runs_alone(browser_client: FlaskClient) -> None:
    params = {"buy": "close > sma(close, n)", "sell": "close < 1", "inputs": {"n": 5}}
    preset_id = save(browser_client, "own", rule_type="FORMULA", params=params).get_json()["id"]
    run_id = browser_client.post(
        "/run_backtest", json=REQUEST | {"rule_type": "FORMULA", "params": params}
    ).get_json()["run_id"]

    change(
        browser_client,
        preset_id,
        rule_type="FORMULA",
        params=params | {"buy": "close > ema(close, n)"},
    )

    assert browser_client.get(f"/api/runs/{run_id}").get_json()["request"]["params"] == params
