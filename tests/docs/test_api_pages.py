"""docs/api.md, docs/batches.md, docs/portfolios.md and docs/api-reference.md: their commands run."""

import json
import os
import re
import subprocess

import pytest
from flask import Flask

from contracts.status import ErrorType
from scripts.reference.pages import BODIES
from tests.services.live_web import served
from tests.services.portfolios import complete
from tests.services.processes import PROJECT_ROOT
from tests.web.made_runs import make

DOCS = PROJECT_ROOT / "docs"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here depends on the kind of database."""
    return sqlite_url


def curls(page: str) -> list[str]:
    blocks = re.findall(
        r"^```sh\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return [block for block in blocks if block.startswith("curl")]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("api.md", ["run_id", "seconds", "outcome", "errors"]),
        ("batches.md", ["ranking", "batch_id"]),
        ("portfolios.md", ["portfolio_id"]),
    ],
)
def test_every_curl_of_the_page_answers(app: Flask, page: str, expected: list[str]) -> None:
    with served(app) as url:
        commands = [command.replace("http://127.0.0.1:5000", url) for command in curls(page)]
        printed = [
            subprocess.run(["sh", "-c", each], capture_output=True, check=True)
            for each in commands
        ]

    answers = [json.loads(each.stdout) for each in printed]
    assert len(answers) == len(expected)
    assert all(name in answer for name, answer in zip(expected, answers, strict=True)), answers


# commands of the reference that what has completed, is not reserved, a living study and a used version of prices refuse
REFUSED = {
    "POST /api/studies/$STUDY_ID/judge": 409,
    "POST /api/runs/$RUN_ID/cancel": 409,
    "POST /api/runs/$RUN_ID/retry": 409,
    "POST /api/portfolios/$PORTFOLIO_ID/cancel": 409,
    "POST /api/portfolios/$PORTFOLIO_ID/retry": 409,
    "POST /api/screens/$SCREEN_ID/cancel": 409,
    "POST /api/screens/$SCREEN_ID/retry": 409,
    "DELETE /api/prices/AAPL/1d/$DATA_HASH": 409,
    "PUT /api/vaults/AAPL": 409,
    "DELETE /api/vaults/AAPL": 404,
    "POST /api/runs/$RUN_ID/vault": 409,
}


def test_every_command_of_the_reference_is_answered(app: Flask) -> None:
    client = app.test_client()
    ids = {"RUN_ID": make(app, "completed", {"charts": True}, ErrorType.ENGINE_ERROR)}
    ids["DATA_HASH"] = client.get("/api/prices").json["series"][0]["data_hash"]
    ids["STUDY_ID"] = client.post("/api/studies", json=BODIES["POST /api/studies"]).json[
        "study_id"
    ]
    ids["SCREEN_ID"] = client.post("/api/screens", json=BODIES["POST /api/screens"]).json[
        "screen_id"
    ]
    ids["PORTFOLIO_ID"] = complete(client, app.extensions["platform"].engine)["portfolio_id"]
    vary = f"/api/runs/{ids['RUN_ID']}/robustness"
    ids["ROBUSTNESS_ID"] = client.post(vary).json["robustness_id"]
    client.post("/api/runs/bulk?batch_id=two", json=BODIES["POST /api/runs/bulk"])
    answered = {}

    page = (DOCS / "api-reference.md").read_text(encoding="utf-8")
    with served(app) as url:
        environ = os.environ | ids | {"URL": url}
        for method, command in re.findall(
            r"^## ([A-Z]+) /.*?^```sh\n(curl [^\n]*)", page, re.DOTALL | re.MULTILINE
        ):
            quiet = command.replace("curl -s", "curl -s -o /dev/null -w '%{http_code}'")
            ran = subprocess.run(
                ["sh", "-c", quiet],
                env=environ,
                cwd=PROJECT_ROOT,
                capture_output=True,
                check=True,
            )
            path = command.rsplit("$URL", 1)[1].rstrip('"')
            answered[f"{method} {path}"] = int(ran.stdout)

    assert {each: code for each, code in answered.items() if code >= 300} == REFUSED
    assert len(answered) > 40
