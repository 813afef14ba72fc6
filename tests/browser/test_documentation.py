"""The documentation in a real browser: the platform's policy holds, it is legible, and its search finds."""

from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from tests.browser.test_legibility import AXE, MEASURE, RUN_AXE
from tests.docs.test_site import build
from tests.services.live_web import served
from web.documents import catalog

# the index is loaded by a worker of MkDocs upon its first message, which waits here
LATE_INDEX = """window.Worker = class extends Worker {
  postMessage(message) {
    if (message.init) window.loadIndex = () => super.postMessage(message);
    else super.postMessage(message);
  }
};"""


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here depends on the kind of database."""
    return sqlite_url


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_pages_are_legible_and_searched_under_the_policy(
    app: Flask,
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    theme: str,
) -> None:
    build(tmp_path / "site")
    monkeypatch.setattr(catalog, "SITE", tmp_path / "site")
    faults: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.on(
        "console",
        lambda message: (
            faults.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    with served(app) as url:
        page.context.add_cookies([{"name": "theme", "value": theme, "url": url}])
        for name in ("", "rules.html", "api-reference.html"):
            page.goto(f"{url}/docs/{name}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            faults += [
                str(each)
                for each in page.evaluate(MEASURE)
                if each["px"] < 14 or each["contrast"] < 4.5
            ]
            violations = page.evaluate(f"{AXE};{RUN_AXE}")["violations"]
            faults += [
                f"{name}: {each['id']}"
                for each in violations
                if each["impact"] in ("serious", "critical")
            ]
        page.get_by_role("searchbox").press_sequentially("chandelier")
        expect(page.locator("#mkdocs-search-results")).to_contain_text("Rules")
        page.add_init_script(LATE_INDEX)
        page.goto(f"{url}/docs/rules.html")
        page.get_by_role("searchbox").press_sequentially("chandelier")
        expect(page.locator("#mkdocs-search-results")).to_contain_text("Loading the index")
        page.evaluate("loadIndex()")
        expect(page.locator("#mkdocs-search-results")).to_contain_text("Rules")
        page.locator(".contents summary").click()
        page.get_by_role("link", name="Parameters", exact=True).click()
        assert page.url.endswith("#parameters")
    page.close()

    assert faults == []
