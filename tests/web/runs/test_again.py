"""A run's page offers its params for another run, and compares the two."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapters.tables import runs
from contracts.status import Kind
from tests.web.conftest import RunMaker
from web.runs.page import tunables

FORMULA = {
    "buy": "close < lowest(low, n)",
    "sell": "close > highest(high, 20) * k",
    "inputs": {"n": {"value": 10, "min": 5, "max": 20}, "k": 0.9},
}


def paths_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'data-path="([\w.]+)"\s+value="([^"]*)"', page))


def test_numbers_and_choices_of_the_rule_can_be_changed(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    page = browser_client.get(f"/result/{make_run(params={'period': 21})}").text

    assert paths_of(page) == {"period": "21", "oversold": "30", "overbought": "70"}


def test_of_a_rule_of_one_s_own_it_is_the_inputs(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    page = browser_client.get(f"/result/{make_run(rule_type='FORMULA', params=FORMULA)}").text

    assert paths_of(page) == {"inputs.n": "10", "inputs.k": "0.9"}


def test_members_of_a_vote_cannot() -> None:
    assert "rules" not in {
        each.path for each in tunables("COMPOSITE", {"rules": [], "mode": "any"})
    }


def test_beside_another_run_the_numbers_of_both_are_shown(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    one, other = make_run(), make_run(params={"oversold": 45.0})
    before = browser_client.get(f"/api/runs/{one}").json["metrics"]["num_trades"]

    page = browser_client.get(f"/result/{other}?beside={one}").text

    assert "oversold 30 → 45" in page
    assert f"was {before}" in page
    assert f'data-before="/api/runs/{one}/bars"' in page


def test_it_stays_compared_through_its_trades(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    one, other = make_run(), make_run()

    page = browser_client.get(
        f"/result/{other}?beside={one}&tab=trades&side=BUY&sort=pnl_abs"
    ).text

    heads = re.findall(rf'href="(/result/{other}\?[^"]*sort=[^"]*)"', page)
    assert heads
    assert all(f"beside={one}" in each for each in heads)
    assert f'<input type="hidden" name="beside" value="{one}">' in page
    assert f'href="?tab=trades&amp;beside={one}"' in page
    [file] = re.findall(r'href="([^"]*trades.csv[^"]*)"', page)
    assert browser_client.get(file.replace("&amp;", "&")).status_code == 200


def test_beside_a_portfolio_a_run_is_alone(
    page_app: Flask, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    other = make_run()
    with page_app.extensions["platform"].engine.begin() as connection:
        portfolio = {"kind": Kind.PORTFOLIO, "request_json": '{"legs": []}'}
        connection.execute(runs.update().where(runs.c.run_id == other).values(portfolio))

    answer = browser_client.get(f"/result/{make_run()}?beside={other}")

    assert answer.status_code == 200
    assert 'id="beside"' not in answer.text


@pytest.mark.parametrize("other_id", ["", "x", "00000000-0000-4000-8000-000000000000", "pending"])
def test_beside_nothing_that_can_be_shown_a_run_is_alone(
    browser_client: FlaskClient, make_run: RunMaker, other_id: str
) -> None:
    other = make_run("pending") if other_id == "pending" else other_id

    answer = browser_client.get(f"/result/{make_run()}?beside={other}")

    assert answer.status_code == 200
    assert 'id="beside"' not in answer.text
