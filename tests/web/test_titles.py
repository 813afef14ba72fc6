"""Titles of runs, batches, studies and screens: the default ones, and those that people set."""

import csv
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapters.plans.batch import Batch
from tests.services.studies import WALK_FORWARD
from tests.services.web_app import run_values, sweep_values
from tests.web.conftest import ON_BOTH_DATABASES, RunMaker, TokenMaker
from web import titles
from web.titles import rule_title, run_title, short

TEXTS = {"buy": "close > v / n", "sell": "close < v / n"}


def run(rule_type: str, params: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "ticker": "AAPL",
        "rule_type": rule_type,
        "rule_id": None,
        "label": None,
        "kind": "run",
        "params": params,
        **more,
    }


@pytest.mark.parametrize(
    ("row", "title"),
    [
        (
            run("RSI", {"overbought": 80, "period": 7}),
            "RSI, period = 7, oversold = 30, overbought = 80",
        ),
        (run("MA_CROSS", {}), "MA crossover, fast = 20, slow = 50, kind = sma"),
        (
            run("FORMULA", TEXTS | {"inputs": {"n": {"value": 50}, "v": 1_000_000}}),
            "Own rule, n = 50, v = 1M",
        ),
        (
            run("FORMULA", TEXTS | {"inputs": {"v": -2.5e9, "n": 50}}),
            "Own rule, v = −2.5B, n = 50",
        ),
        (
            run(
                "FORMULA",
                {
                    "buy": "n = 20  # bars\nclose > prev(highest(high, n))\n# so",
                    "sell": "close < 1",
                },
            ),
            "Own rule, close > prev(highest(high, n))",
        ),
        (
            run("FORMULA", {"buy": "close > 1 and " * 9 + "close > 2", "sell": "close < 1"}),
            "Own rule, close > 1 and close > 1 and close > 1 and …",
        ),
        (run("COMPOSITE", {}), "Vote, mode = majority, RSI + MACD"),
        (run("RSI", {"period": 7}, rule_id="my rule"), "my rule"),
        (
            run("RSI", {"period": 7}, rule_id="RSI_7_30_70"),
            "RSI, period = 7, oversold = 30, overbought = 70",
        ),
        (run("RSI", {}, rule_id="RSI x 1,000"), "RSI, 1,000 combinations"),
        (run("FORGOTTEN", {}, rule_id="FORGOTTEN_1"), "FORGOTTEN_1"),
    ],
)
def test_a_run_is_called_by_its_rule_and_parameters_in_their_order(
    row: dict[str, Any], title: str
) -> None:
    assert rule_title(row) == title
    assert run_title(row) == f"AAPL {title}"
    assert run_title(row | {"title": "mine"}) == "mine"


def test_large_round_numbers_are_short_and_no_digit_is_lost() -> None:
    titles = {
        1_000_000: "1M",
        1.5e6: "1.5M",
        1_234_567: "1,234,567",
        2e12: "2T",
        999_999: "999,999",
        0.001: "0.001",
    }

    assert {value: short(value) for value in titles} == titles


def batch_title(title: str | None, first: Any, last: Any) -> str:
    """The title of a batch that people titled so, with these runs at its ends."""
    now = datetime(2026, 1, 1)
    return titles.batch_title(Batch({"title": title}, {}, 0, now, first, last))


def test_a_batch_is_called_by_what_its_ends_share() -> None:
    first, last = (
        run("RSI", {"period": 7}),
        run("RSI", {"period": 14, "oversold": 20}, ticker="MSFT"),
    )
    formula_runs = [run("FORMULA", TEXTS | {"inputs": {"n": n, "v": 5}}) for n in (1, 2)]

    assert batch_title(None, first, last) == "RSI on AAPL … MSFT · period, oversold"
    assert batch_title(None, first, first) == "RSI on AAPL"
    assert batch_title(None, *formula_runs) == "Own rule on AAPL · n"
    assert batch_title(None, first, run("MACD", {})) == "RSI … MACD on AAPL"
    assert (
        batch_title(None, first | {"label": "nightly"}, last | {"label": "nightly"}) == "nightly"
    )
    assert batch_title("mine", first, last) == "mine"
    # of a study
    assert batch_title(None, first | {"kind": "screen"}, last) == "RSI on AAPL … MSFT"


@ON_BOTH_DATABASES
def test_what_people_call_a_run_is_shown_everywhere_until_they_take_it_off(
    page_app: Flask, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    client, run_id = page_app.test_client(), make_run(batch_id="b")
    path, derived = (
        f"/api/runs/{run_id}/title",
        "AAPL RSI, period = 14, oversold = 30, overbought = 70",
    )
    shown_at = ["/runs", f"/result/{run_id}", f"/result/{run_id}/report.html", "/batches/b"]

    answer = client.put(path, json={"title": " best & only 100 % "})
    again = client.put(path, json={"title": "best & only 100 %"})

    assert [answer.json for answer in (answer, again)] == [{"title": "best & only 100 %"}] * 2
    assert all("best &amp; only 100 %" in browser_client.get(page).text for page in shown_at)
    assert client.get("/api/runs").json["runs"][0]["title"] == "best & only 100 %"
    assert client.get("/api/batches/b").json["leaderboard"][0]["title"] == "best & only 100 %"
    [row] = csv.DictReader(client.get("/api/batches/b/runs.csv").text.splitlines())
    assert row["title"] == "best & only 100 %"
    assert client.put(path, json={"title": ""}).json == {"title": derived}
    assert f"<title>{derived} ·" in browser_client.get(f"/result/{run_id}").text
    assert "RSI_14_30_70" in browser_client.get(f"/result/{run_id}").text


@ON_BOTH_DATABASES
def test_batches_studies_portfolios_and_screens_are_called_what_people_say(
    page_app: Flask, browser_client: FlaskClient
) -> None:
    client = page_app.test_client()
    legs = [{"ticker": ticker, "rule_type": "RSI"} for ticker in ("AAPL", "IBM", "MSFT")]
    values = {"legs": legs, "start_date": "2005-01-03", "end_date": "2009-12-31"}
    portfolio = client.post("/api/portfolios", json=values).json["portfolio_id"]
    client.post("/api/runs/bulk?batch_id=b", json=sweep_values(3))
    study_id = client.post("/api/studies", json=WALK_FORWARD | {"name": "Study"}).json["study_id"]
    grid = {"base": run_values(params={}), "parameters": {"period": [7, 14]}}
    screen_id = client.post("/api/screens", json=grid).json["screen_id"]
    places = [
        ("/api/batches/b", "/batches/b", "/api/batches/b/title"),
        (f"/api/studies/{study_id}", f"/studies/{study_id}", f"/api/studies/{study_id}/title"),
        (
            f"/api/portfolios/{portfolio}",
            f"/portfolios/{portfolio}",
            f"/api/portfolios/{portfolio}/title",
        ),
        (f"/api/screens/{screen_id}", f"/screens/{screen_id}", f"/api/runs/{screen_id}/title"),
    ]
    before = [client.get(api).json["title"] for api, _, _ in places]

    for _, _, put in places:
        assert client.put(put, json={"title": "mine"}).json == {"title": "mine"}

    assert before == [
        "RSI on AAPL · period",
        f"MA crossover on {WALK_FORWARD['base']['ticker']}",
        "RSI on AAPL … MSFT",
        "RSI on AAPL · period",
    ]
    assert [client.get(api).json["title"] for api, _, _ in places] == ["mine"] * 4
    assert all("<title>mine ·" in browser_client.get(page).text for _, page, _ in places)
    assert client.get("/api/batches").json["batches"][0]["title"] == "mine"
    assert client.get("/api/studies").json["studies"][0]["title"] == "mine"
    assert client.get("/api/portfolios").json["portfolios"][0]["title"] == "mine"
    assert all(
        "mine</a>" in browser_client.get(page).text
        for page in ("/batches", "/studies", "/portfolios", "/")
    )


def test_a_sweep_gives_its_name_to_its_batch_but_not_over_what_people_call_it(
    client: FlaskClient,
) -> None:
    sweep = {
        "name": "Nightly RSI",
        "base": run_values(params={}),
        "parameters": {"period": [7, 14]},
    }
    batch_id = client.post("/api/batches", json=sweep).json["batch_id"]
    first = client.get(f"/api/batches/{batch_id}").json["title"]

    client.put(f"/api/batches/{batch_id}/title", json={"title": "ours"})
    client.post("/api/batches", json=sweep)

    assert (first, client.get(f"/api/batches/{batch_id}").json["title"]) == (
        "Nightly RSI",
        "ours",
    )


def test_a_title_that_cannot_be_shown_is_refused(client: FlaskClient, make_run: RunMaker) -> None:
    path = f"/api/runs/{make_run('pending')}/title"

    for title in ("x" * 121, "a\nb", None, 5):
        assert list(client.put(path, json={"title": title}).json["errors"]) == ["title"]
    for unknown in (
        f"/api/runs/{uuid4()}/title",
        "/api/batches/none/title",
        f"/api/studies/{uuid4()}/title",
        f"/api/portfolios/{uuid4()}/title",
    ):
        assert client.put(unknown, json={"title": "x"}).status_code == 404


def test_nobody_renames_what_others_own(anybody: FlaskClient, made: TokenMaker) -> None:
    mine, theirs = made("submit", "mine"), made("submit", "theirs")
    run_id = anybody.post("/run_backtest", json=run_values(), headers=theirs).json["run_id"]
    anybody.post("/api/runs/bulk?batch_id=b", json=sweep_values(2), headers=theirs)
    study_id = anybody.post("/api/studies", json=WALK_FORWARD, headers=theirs).json["study_id"]

    answers = [
        anybody.put(f"/api/{which}/title", json={"title": "x"}, headers=who).status_code
        for which in (f"runs/{run_id}", "batches/b", f"studies/{study_id}")
        for who in (mine, theirs)
    ]

    assert answers == [403, 200] * 3
