"""Why a rule did not trade for so long: a stretch of bars in words."""

from __future__ import annotations

import numpy as np
import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from adapters.runs.series import RunSeries
from tests.web.conftest import RunMaker
from web.charts.explanations import stretch_account


def stretch_of(client: FlaskClient, run_id: str, query: str):
    answer = client.get(f"/api/runs/{run_id}/stretch{query}")
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_stretch_without_a_trade_says_what_held_the_rule_back(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(params={"oversold": 30.0})
    (line,) = browser_client.get(f"/api/runs/{run_id}/lines").json["lines"]
    bar = browser_client.get(f"/api/runs/{run_id}/bars").json["trades"][0]["entry_bar"]
    lowest = min(line["values"][:bar])

    stretch = stretch_of(browser_client, run_id, f"?to={bar}")

    assert lowest >= 30
    assert stretch["sentence"].startswith(
        f"No trades were opened on these {bar} bars; a position was held at none"
    )
    (words,) = stretch["held_back"]
    assert f"RSI(14) < 30 held on none of {bar} bars; it came closest on " in words
    assert f"RSI(14) {lowest:.4g} ≥ 30" in words


def test_while_a_position_is_held_the_other_side_is_what_did_not_come(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run()
    trade = browser_client.get(f"/api/runs/{run_id}/bars").json["trades"][0]

    stretch = stretch_of(
        browser_client, run_id, f"?from={trade['entry_bar'] + 1}&to={trade['exit_bar']}"
    )

    assert "a position was held at all of their closes" in stretch["sentence"]
    assert [words.partition(":")[0] for words in stretch["held_back"]] == ["To sell"]


def test_the_whole_run_is_counted_as_its_summary_says(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(rule_type="RSI_MACD", params={"overbought": 55.0}, direction="longshort")
    summary = browser_client.get(f"/api/runs/{run_id}").json["explanation_summary"]

    stretch = stretch_of(browser_client, run_id, "")

    assert len(stretch["held_back"]) == 2
    for part in summary:
        assert (
            f"{part['words']} held on {part['true'] or 'none'} of {part['bars']:,} bars"
            in " ".join(stretch["held_back"])
        )


def test_without_lines_the_account_is_reported_alone(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    stretch = stretch_of(browser_client, make_run(batch_id="many"), "?from=3&to=9")

    assert (stretch["from"], stretch["to"], stretch["held_back"]) == (3, 9, [])
    assert "Run it again" in stretch["note"]


@pytest.mark.parametrize("query", ["?from=9&to=9", "?from=1259", "?to=1260", "?from=x"])
def test_a_stretch_that_is_none_is_refused(
    browser_client: FlaskClient, make_run: RunMaker, query: str
) -> None:
    answer = browser_client.get(
        f"/api/runs/{make_run()}/stretch{query}", headers={"Accept": "application/json"}
    )

    assert (answer.status_code, len(answer.json["errors"])) == (400, 1)


def test_the_answer_is_as_the_description_says(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    schemas = browser_client.get("/api/openapi.json").json["components"]

    Draft202012Validator(
        {"$ref": "#/components/schemas/Stretch", "components": schemas}
    ).validate(stretch_of(browser_client, make_run(), "?to=50"))


def test_held_closes_are_counted_until_the_exit_and_through_the_end_of_an_open_trade() -> None:
    bought = {"side": "BUY", "size": 1.0}
    closed = bought | {"entry_bar": 2, "exit_bar": 5, "is_open": False}
    still = bought | {"entry_bar": 7, "exit_bar": 9, "is_open": True}
    none = np.zeros(10)
    run = RunSeries({"direction": "longonly"}, none, none, [closed, still], [], [])

    words, awaited = stretch_account(run, range(10), [1, -1, 1])
    assert f"held at {3 + 3} of their closes" in words
    assert "buy on 2 of them and sell on 1" in words
    assert awaited == ["buy", "sell"]
    words, _ = stretch_account(run, range(4, 8), [])
    assert f"held at {1 + 1} of their closes" in words
    assert stretch_account(run, range(2, 5), [])[1] == ["sell"]
    assert stretch_account(run, range(2), [])[1] == ["buy"]
