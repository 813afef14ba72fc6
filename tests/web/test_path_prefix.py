"""The platform under a path of a proxy's host: no address that it gives leaves that path."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.services.portfolios import ASKED as PORTFOLIO
from tests.services.processes import PROJECT_ROOT
from tests.services.studies import WALK_FORWARD
from tests.services.web_app import run_values
from web.documents import catalog

HOST = "http://localhost"
PREFIX = "/tools/bt"
SWEEP = {
    "name": "crossings",
    "base": {
        name: run_values()[name] for name in ("ticker", "rule_type", "start_date", "end_date")
    },
    "parameters": {"period": [10, 14]},
}
# addresses within a page that are not fetched: a file for each run would be drawn
LARGE = (".png",)


class _Addresses(HTMLParser):
    """Every link of a page, and every other attribute that begins as an absolute path does."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            is_link = name in ("href", "src", "action", "formaction")
            if value and (is_link or (name != "title" and re.match(r"/[a-z]", value))):
                self.values.add(value)


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name != "subject":  # of the audit: the path as the platform saw it
                yield from texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_of(each)
    elif isinstance(value, str):
        yield value


def addresses(answer: TestResponse) -> set[str]:
    """Addresses in the headers and the body of an answer, as they are written."""
    addresses = {answer.headers["Location"]} if "Location" in answer.headers else set()
    if answer.mimetype == "text/html":
        return addresses | _Addresses(answer.text).values
    if answer.mimetype == "text/css":
        return addresses | set(re.findall(r"url\([\"']?(?!data:)([^)\"']+)", answer.text))
    if answer.is_json and "openapi" not in answer.json:
        return addresses | {text for text in texts_of(answer.json) if re.match(r"/[a-z]", text)}
    return addresses


class Crawl:
    """Answers under the prefix, and the addresses in them that leave it or lead nowhere."""

    def __init__(self, client: FlaskClient) -> None:
        self.client, self.seen, self.faults = client, set[str](), set[str]()

    def visit(self, path: str) -> None:
        """Everything that can be reached from a path behind the prefix."""
        waiting = [PREFIX + path]
        while waiting:
            here = waiting.pop()
            if here in self.seen:
                continue
            self.seen.add(here)
            answer = self.client.get(
                here.removeprefix(PREFIX),
                base_url=HOST + PREFIX,
                headers={"Accept": "text/html"},
                buffered=True,
            )
            # a form's address may take no GET, or none without its fields
            if answer.status_code >= 400 and answer.status_code not in (400, 405):
                self.faults.add(f"{here} answers {answer.status_code}")
            waiting += self.within(here, answer)

    def within(self, here: str, answer: TestResponse) -> list[str]:
        """The paths that an answer leads to; those outside the prefix are faults."""
        wrong = []
        for address in addresses(answer):
            there = urlsplit(urljoin(HOST + here, address))
            if there.scheme not in ("http", "https") or there.netloc != "localhost":
                continue
            if f"{there.path}/".startswith(f"{PREFIX}/"):
                is_large = there.path.endswith(LARGE)
                wrong += (
                    [] if is_large else [there.path + (f"?{there.query}" if there.query else "")]
                )
            else:
                self.faults.add(f"{here} leads to {address}")
        return wrong


@pytest.fixture
def ids(client: FlaskClient, run_id: str) -> dict[str, str]:
    """Values of path arguments by name; submitted under the prefix."""
    crawl = Crawl(client)
    batch, screen, study, portfolio = (
        client.post(f"/api/{kind}", json=values, base_url=HOST + PREFIX)
        for kind, values in {
            "batches": SWEEP,
            "screens": SWEEP,
            "studies": WALK_FORWARD,
            "portfolios": PORTFOLIO,
        }.items()
    )
    one = client.post("/run_backtest", json=run_values(fee_rate=0.002), base_url=HOST + PREFIX)
    for answer in (batch, screen, study, portfolio, one):
        assert answer.status_code == 202, answer.text
        assert crawl.within(PREFIX, answer)
    assert crawl.faults == set()
    return {
        "run_id": run_id,
        "batch_id": batch.json["batch_id"],
        "screen_id": screen.json["screen_id"],
        "study_id": study.json["study_id"],
        "portfolio_id": portfolio.json["portfolio_id"],
        "ticker": "AAPL",
        "timeframe": "1d",
    }


def readable(app: Flask, ids: dict[str, str]) -> Iterator[str]:
    """The path of every operation that reads what `ids` name."""
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.arguments <= ids.keys():
            yield re.sub(r"<(?:\w+:)?(\w+)>", lambda match: ids[match[1]], rule.rule)


def test_no_address_leaves_the_prefix(
    page_app: Flask,
    client: FlaskClient,
    ids: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "index.html").write_text("The documentation")
    monkeypatch.setattr(catalog, "SITE", tmp_path)
    crawl = Crawl(client)
    crawl.visit("/")
    linked = len(crawl.seen)
    for path in readable(page_app, ids):
        answer = client.get(path, base_url=HOST + PREFIX, buffered=True)
        crawl.within(PREFIX + path, answer)

    assert linked > 60
    assert sorted(crawl.faults) == []


@pytest.mark.parametrize("prefix", ["", PREFIX])
def test_redirects_cookies_and_the_api_s_server_carry_the_prefix(
    client: FlaskClient, made: Any, run_id: str, prefix: str
) -> None:
    token = made("submit")["Authorization"].split()[1]
    at = {"base_url": HOST + prefix}

    login = client.post("/login", data={"token": token}, **at)
    searched = client.get(f"/search?q={run_id}", **at)
    missing = client.get("/docs", **at)
    server = client.get("/api/openapi.json", **at).json["servers"]

    assert login.headers["Location"] == f"{prefix}/"
    assert f"Path={prefix or '/'};" in login.headers["Set-Cookie"] + ";"
    assert searched.headers["Location"] == f"{prefix}/result/{run_id}"
    assert urlsplit(missing.headers["Location"]).path == f"{prefix}/docs/"
    assert server == [{"url": prefix or "/"}]
    assert client.post("/logout", **at).headers["Location"] == f"{prefix}/login"


SCRIPTS = sorted(Path(PROJECT_ROOT, "web/static/js").rglob("*.js"))


def test_no_script_names_an_address_without_the_prefix() -> None:
    quoted = re.compile(r"""(.{3})["'`](/[a-z][\w/-]*)""")
    bare = {
        f"{path.name}: {address}"
        for path in SCRIPTS
        for before, address in quoted.findall(path.read_text("utf-8"))
        if not before.endswith("at(")
    }

    assert len(SCRIPTS) > 40
    assert bare == set()


def test_no_template_names_an_absolute_address() -> None:
    folders = (Path(PROJECT_ROOT, "web/templates"), Path(PROJECT_ROOT, "docs/theme"))
    absolute = {
        f"{path.name}: {address}"
        for folder in folders
        for path in folder.rglob("*.html")
        for address in re.findall(
            r"""(?:href|src|action)=["'](/[^"']*)""", path.read_text("utf-8")
        )
    }

    assert absolute == set()
