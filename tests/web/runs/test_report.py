"""The report of a run: one file, complete by itself, that nothing in it can make reach out."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.web.conftest import RunMaker

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


@pytest.fixture
def run_id(make_run: RunMaker) -> str:
    return make_run(charts=True, label="for <you>")


@pytest.fixture
def report(browser_client: FlaskClient, run_id: str) -> TestResponse:
    answer = browser_client.get(f"/result/{run_id}/report.html")
    assert answer.status_code == 200
    return answer


def test_a_report_needs_no_other_file_and_no_script(report: TestResponse) -> None:
    tags = Tags(report.text).found

    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "a", "object", "form"}
    sources = [attributes["src"] or "" for _, attributes in tags if "src" in attributes]
    assert len(sources) == 6
    assert all(
        base64.b64decode(source.removeprefix("data:image/png;base64,"))[1:4] == b"PNG"
        for source in sources
    )
    assert not [
        attributes
        for _, attributes in tags
        if "style" in attributes or any(n.startswith("on") for n in attributes)
    ]
    assert "url(" not in report.text


def test_a_report_allows_its_own_style_and_nothing_else(report: TestResponse) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", report.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    policy = report.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'")


def test_a_report_has_request_metrics_trades_receipt_and_how_to_reproduce_it(
    report: TestResponse, browser_client: FlaskClient, run_id: str
) -> None:
    result, page = browser_client.get(f"/api/runs/{run_id}").json, report.text

    assert "for &lt;you&gt;" in page
    assert page.count("<tr>") == len(result["trades"]) + 1
    for value in (
        result["data_hash"],
        result["result_hash"],
        f"/api/runs/{run_id}/reproduce",
        "Sharpe ratio",
    ):
        assert value in page
    for value in ('"oversold": 30', result["trades"][0]["entry_timestamp"].replace("T", " ")):
        assert value in page.replace("&#34;", '"')


def test_a_report_of_a_run_without_pictures_has_them_drawn(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    page = browser_client.get(f"/result/{make_run(batch_id='sweep')}/report.html").text

    assert page.count("data:image/png;base64,") == 6


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_a_run_without_a_result_has_no_report(
    state: str, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    assert browser_client.get(f"/result/{make_run(state)}/report.html").status_code == 409
