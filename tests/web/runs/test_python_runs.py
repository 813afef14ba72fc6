"""A strategy in Python from the check to the run's page; the web tier reads its code and never runs it."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import RunMaker
from web.runs.page import python_note

CODE = """def on_bar(bars, fast=5, slow=20):
    if len(bars) < slow:
        return 0
    if len(bars) % 1000 == 0:
        print("a thousand more")
    plot("fast", bars.close[-fast:].mean())
    return 1 if bars.close[-fast:].mean() > bars.close[-slow:].mean() else -1
"""
DATES = {"ticker": "AAPL", "start_date": "2005-01-03", "end_date": "2009-12-31"}
FAULTS: list[tuple[str, str, dict[str, int] | None]] = [
    ("def on_bar(bars:\n    return 0", "'(' was never closed", {"line": 1, "column": 11}),
    ("x = 1", "define `def on_bar(bars)`", {"line": 1, "column": 1}),
    ("import socket\n" + CODE, "import of socket", {"line": 1, "column": 1}),
    ("raise SystemExit\nimport os\n" + CODE, "import of os", {"line": 2, "column": 1}),
]


def check(client: FlaskClient, code: Any) -> dict[str, Any]:
    body = {"rule_type": "PYTHON", "params": {"code": code}}
    answer = client.post("/api/rules/check", json=body)
    assert answer.status_code == 200, answer.text
    described: dict[str, Any] = answer.get_json()
    return described


def test_valid_code_is_described_by_function_inputs_and_imports(client: FlaskClient) -> None:
    described = check(client, "import numpy as np\n" + CODE)

    assert described["valid"]
    assert described["inputs"] == ["fast", "slow"]
    assert described["python"] == {
        "function": "on_bar",
        "defaults": {"fast": 5, "slow": 20},
        "imports": ["numpy"],
    }
    assert described["label"].startswith("PYTHON_5_20~")


@pytest.mark.parametrize(("code", "words", "place"), FAULTS)
def test_a_fault_has_its_place_and_makes_no_run(
    client: FlaskClient, code: str, words: str, place: dict[str, int]
) -> None:
    described = check(client, code)
    run = {**DATES, "rule_type": "PYTHON", "params": {"code": code}}
    answer = client.post("/run_backtest", json=run)

    assert words in described["errors"]["params.code"]
    assert described["places"] == {"params.code": place}
    assert (answer.status_code, list(answer.get_json()["errors"])) == (400, ["params.code"])
    assert client.get("/api/runs").get_json()["runs"] == []


def test_a_switched_off_python_is_refused_and_not_offered(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["platform"].settings
    monkeypatch.setattr(
        app.extensions["platform"], "settings", replace(settings, python_rules="off")
    )

    described = check(client, CODE)

    assert "switched off" in described["errors"]["rule_type"]
    catalog = client.get("/api/rules").get_json()
    assert "PYTHON" not in json.dumps(catalog["rules"])
    assert catalog["python"] is None


def test_the_page_and_the_report_show_code_seal_and_printed_text(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(rule_type="PYTHON", params={"code": CODE, "inputs": {"fast": 7}})

    page = browser_client.get(f"/result/{run_id}").text
    report = browser_client.get(f"/result/{run_id}/report.html").text
    python = browser_client.get(f"/api/runs/{run_id}").get_json()["python"]

    for text in (page, report):
        assert "return 1 if bars.close[-fast:].mean() &gt; bars.close" in text
        assert "Sealed; each bar was sent after the answer for the bar before" in text
    printed = re.search(r'aria-label="Printed by the code">(.*?)</pre>', page, re.DOTALL)
    assert printed and printed[1] == "".join(text for _, text in python["printed"])
    assert python["code_sha256"] in report


def test_the_explanation_of_a_bar_says_what_the_code_plotted_and_printed_on_it(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(rule_type="PYTHON", params={"code": CODE})
    answer = browser_client.get(f"/api/runs/{run_id}").get_json()
    (bar, text), *_ = [each for each in answer["python"]["printed"] if each[0] is not None]

    on_bar = browser_client.get(f"/api/runs/{run_id}/explanation?bar={bar}").get_json()
    after = browser_client.get(f"/api/runs/{run_id}/explanation?bar={bar + 1}").get_json()

    assert (on_bar["printed"], after["printed"]) == (text, "") == ("a thousand more\n", "")
    closes = browser_client.get(f"/api/runs/{run_id}/bars").get_json()["close"]
    assert on_bar["plotted"]["fast"] == pytest.approx(
        sum(closes[bar - 4 : bar + 1]) / 5, rel=1e-5
    )


def test_other_rules_have_no_code_that_could_plot_or_print(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    explained = browser_client.get(f"/api/runs/{make_run()}/explanation?bar=3").get_json()

    assert not {"plotted", "printed"} & explained.keys()


@pytest.mark.parametrize(
    ("checked", "words"),
    [
        (None, "Sealed; each bar was sent after the answer for the bar before"),
        ({"signals": 212, "of_signals": 212}, "Sealed; 212 of 212 signals were given without later bars"),
        ({"signals": 512, "of_signals": 2265, "changes": 60, "of_changes": 63},
         "Sealed; 512 of 2,265 signals were given without later bars, among them 60 of 63 where the signal changes"),
    ],
)  # fmt: skip
def test_the_page_says_how_many_signals_were_checked(checked: Any, words: str) -> None:
    assert python_note({"sealed": True, "checked": checked}) == words
