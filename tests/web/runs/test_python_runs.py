"""A strategy in Python from the check to the run's page; the web tier reads its code and never runs it."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import RunMaker

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
