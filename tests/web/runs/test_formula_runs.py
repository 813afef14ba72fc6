"""A rule of one's own from the check to the run's page, its batch and its clone."""

import csv
import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.rules.hostile_formulas import HOSTILE
from tests.web.conftest import RunMaker

FORMULA: dict[str, Any] = {
    "buy": "crosses_above(ema(close, fast), ema(close, slow)) and rsi(close, 14) < 70",
    "sell": "crosses_below(ema(close, fast), ema(close, slow)) or close < highest(high, 22) - 3 * atr(22)",
    "inputs": {"fast": {"value": 12, "min": 2, "max": 100}, "slow": 26},
}


def check(client: FlaskClient, rule_type: Any, params: Any) -> dict[str, Any]:
    answer = client.post("/api/rules/check", json={"rule_type": rule_type, "params": params})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.get_json()
    return document


def formula_run(make_run: RunMaker, inputs: dict[str, Any], **fields: Any) -> str:
    return make_run(rule_type="FORMULA", params=FORMULA | {"inputs": inputs}, **fields)


def test_a_valid_rule_is_described(browser_client: FlaskClient) -> None:
    checked = check(browser_client, "FORMULA", FORMULA)

    assert checked["valid"]
    assert checked["inputs"] == ["fast", "slow"]
    assert checked["label"].startswith("FORMULA_12_26~")
    assert (checked["lookback_bars"], checked["warmup_bars"]) == (26, 330)
    assert check(browser_client, "RSI", {"period": 10})["label"] == "RSI_10_30_70"


def test_a_fault_has_its_field_its_place_and_a_caret(browser_client: FlaskClient) -> None:
    checked = check(
        browser_client, "FORMULA", {"buy": "close > 1", "sell": "x = 1\nclose < higest(high, 5)"}
    )

    assert not checked["valid"]
    assert checked["places"] == {"params.sell": {"line": 2, "column": 9}}
    assert "did you mean `highest`?" in checked["errors"]["params.sell"]
    assert checked["label"] is None


def test_names_that_are_to_be_inputs_are_reported_before_they_have_values(
    browser_client: FlaskClient,
) -> None:
    texts = {"buy": "ema(close, fast) > 1", "sell": "close < limit"}

    assert check(browser_client, "FORMULA", texts)["inputs"] == ["fast", "limit"]
    assert check(browser_client, "FORMULA", texts | {"sell": "close <"})["inputs"] is None
    assert check(browser_client, "FORMULA", {"buy": "close > n"})["inputs"] == ["n"]


def test_a_hostile_formula_is_refused_by_every_way_in_and_makes_no_run(
    browser_client: FlaskClient,
) -> None:
    dates = {"ticker": "AAPL", "start_date": "2005-01-03", "end_date": "2009-12-31"}

    for text in (each for each in HOSTILE if len(each) < 10_000 and "\ud800" not in each):
        params = {"buy": text, "sell": "close < 1"}
        assert not check(browser_client, "FORMULA", params)["valid"], text
        answer = browser_client.post(
            "/run_backtest", json=dates | {"rule_type": "FORMULA", "params": params}
        )
        assert (answer.status_code, list(answer.get_json()["errors"])) == (400, ["params.buy"]), (
            text
        )

    assert browser_client.get("/api/runs").get_json()["runs"] == []


def test_a_probable_mistake_is_a_warning(browser_client: FlaskClient) -> None:
    def warned(params: dict[str, Any], rule_type: str = "FORMULA", **market: Any) -> list[str]:
        body = {
            "rule_type": rule_type,
            "params": params,
            "ticker": "AAPL",
            "timeframe": "1d",
            **market,
        }
        warnings: list[str] = browser_client.post("/api/rules/check", json=body).get_json()[
            "warnings"
        ]
        return warnings

    far = {"buy": "close > sma(close, 5000)", "sell": "close < 1"}
    same = {"buy": "close > 5", "sell": "close  >  5"}
    slow = {"slow": 400}

    assert warned(far, end_date="2013-03-01") == [
        "FORMULA needs 4,999 bars of history, but AAPL has only 3,270 by 2013-03-01: "
        "the parts of the rule that need more give no signal"
    ]
    assert "the same condition" in warned(same)[0]
    never = {"buy": "close > highest(high, 20)", "sell": "volume > 5 and lowest(low, 10) > open"}
    assert [each.split(":")[0] for each in warned(never)] == [
        "buy can never hold",
        "sell can never hold",
    ]
    for can in (
        "close > highest(low, 20)",
        "close > prev(highest(high, 20))",
        "high > highest(close, 5)",
        "close > 5",
    ):
        assert (
            warned({"buy": can, "sell": "close >= highest(close, 9) or low < lowest(close, 2)"})
            == []
        )
    assert "AAPL has only 317 by 2001-06-01" in warned(slow, "MA_CROSS", end_date="2001-06-01")[0]
    assert warned(slow, "MA_CROSS", end_date="2013-03-01") == []
    assert warned(slow, "MA_CROSS", end_date="1999-01-01")
    for odd in ({"ticker": "NONE"}, {"ticker": 5}, {"end_date": "soon"}, {"timeframe": None}):
        assert warned(far, **{"end_date": "2013-03-01", **odd}) == []


@pytest.mark.parametrize("body", [[], {}, {"params": {}}, {"rule_type": "RSI", "x": 1}])
def test_a_check_of_something_else_is_refused(browser_client: FlaskClient, body: Any) -> None:
    assert browser_client.post("/api/rules/check", json=body).status_code == 400


@pytest.mark.parametrize("rule_type", [None, 5, ["FORMULA"], "nope"])
@pytest.mark.parametrize("params", [None, [], {"buy": 5, "sell": None}, {"inputs": {"n": 1}}])
def test_a_check_of_nonsense_says_what_is_wrong(
    browser_client: FlaskClient, rule_type: Any, params: Any
) -> None:
    assert check(browser_client, rule_type, params)["errors"]
    assert check(browser_client, "FORMULA", params)["errors"]


def test_a_run_shows_the_formula_with_its_values_and_clones_as_it_was_sent(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = formula_run(make_run, FORMULA["inputs"])

    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)
    clone = browser_client.get(f"/?clone={run_id}").get_data(as_text=True)

    assert "crosses_above(ema(close, 12), ema(close, 26)) and rsi(close, 14) &lt; 70" in page
    values = json.loads(clone.split("data-values='")[1].split("'")[0])
    assert values["params"] == FORMULA


def test_a_batch_maps_two_inputs_and_exports_them(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    for fast in (8, 12):
        for slow in (26, 40):
            formula_run(
                make_run, {"fast": {"value": fast, "max": 50}, "slow": slow}, batch_id="own"
            )

    page = browser_client.get("/batches/own").get_data(as_text=True)
    lines = list(
        csv.DictReader(io.StringIO(browser_client.get("/api/batches/own/runs.csv").text))
    )

    assert "over inputs.fast and inputs.slow" in page
    assert page.count('href="/result/') == 8  # four in the leaderboard, four in the map
    assert {line["params.inputs.fast"] for line in lines} == {"8", "12"}


def test_a_rule_that_always_buys_is_explained(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(rule_type="FORMULA", params={"buy": "close > 0", "sell": "close < 0"})

    assert "The rule gives a buy signal on all" in browser_client.get(
        f"/result/{run_id}"
    ).get_data(as_text=True)


def test_a_formula_may_ask_for_the_calendar(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(
        rule_type="FORMULA", params={"buy": "day_of_week == 1", "sell": "day_of_week == 5"}
    )

    bought = [
        trade["entry_timestamp"][:10]
        for trade in browser_client.get(f"/api/runs/{run_id}").get_json()["trades"]
    ]

    assert "2005-01-10" in bought  # a Monday


def test_the_language_is_in_the_catalog(browser_client: FlaskClient) -> None:
    language = browser_client.get("/api/rules").get_json()["formula"]

    assert {"name": "close", "help": "the bar's last price"} in language["series"]
    assert "rsi(x, n = 14)" in [each["signature"] for each in language["functions"]]
    assert all(
        check(browser_client, "FORMULA", each["params"])["valid"] for each in language["examples"]
    )
