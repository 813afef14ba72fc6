"""docs/api.md and docs/bulk.md: their commands run, and they name exactly the routes that exist."""

import json
import re
import subprocess

import pytest
from flask import Flask

from tests.services.live_web import served
from tests.services.processes import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"


def curls(page: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [block for block in blocks if block.startswith("curl")]


@pytest.mark.parametrize(
    ("page", "expected"), [("api.md", ["run_id", "seconds", "outcome", "errors"]), ("bulk.md", ["batch_id"])]
)
def test_every_curl_of_the_page_answers(app: Flask, page: str, expected: list[str]) -> None:
    with served(app) as url:
        commands = [command.replace("http://127.0.0.1:5000", url) for command in curls(page)]
        printed = [subprocess.run(["sh", "-c", each], capture_output=True, check=True) for each in commands]

    answers = [json.loads(each.stdout) for each in printed]
    assert len(answers) == len(expected)
    assert all(name in answer for name, answer in zip(expected, answers, strict=True)), answers


def test_the_page_names_every_route_and_no_other(app: Flask) -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")

    named = {
        each.rstrip("`.") for each in re.findall(r"(?:GET|POST|PUT|DELETE|\|POST) (/(?:api|status)/?[^\s`?,]*)", text)
    }

    routes = {re.sub(r"<\w+:(\w+)>", r"<\1>", str(rule)) for rule in app.url_map.iter_rules()}
    assert named == {route for route in routes if route.startswith(("/api/", "/status/"))}
