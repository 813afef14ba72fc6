"""A whole platform and a real browser: gunicorn, scaler and Jobs as processes, headless Chromium before them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.services.mariadb_server import MariaDBServer
    from tests.services.processes import Program
    from tests.services.redis_server import RedisServer

BROKEN = "BROKEN"  # a ticker whose prices begin and end well, and are nonsense in between


@dataclass
class Site:
    """A running platform: its address, and its scaler, which tests may pause."""

    url: str
    scaler: Program


@dataclass
class Visit:
    """One browser page on the site, and the console's errors, which end the test unless they were expected."""

    page: Page
    site: Site
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go there; scripts have started when this returns."""
        self.page.goto(self.site.url + path, wait_until="load")

    def expect_fault(self, words: str) -> None:
        """Forget one failed request, such as `status of 400`, which Chromium prints as an error."""
        expected = next((fault for fault in self.faults if words in fault), None)
        assert expected is not None, f"no {words!r} among {self.faults}"
        self.faults.remove(expected)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's prices, and a ticker whose run must fail."""
    from tests.services.processes import PROJECT_ROOT

    folder = tmp_path_factory.mktemp("prices")
    for source in (PROJECT_ROOT / "data").glob("*.csv"):
        shutil.copy(source, folder)
    lines = (folder / "IBM.csv").read_text().splitlines()
    lines[100] = lines[100].replace(",", ",x", 1)
    (folder / f"{BROKEN}.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def site(
    redis_process: RedisServer, mariadb_process: MariaDBServer, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The platform on Redis and MariaDB, with one scaler."""
    import sys

    from tests.services.fixtures import emptied, programs, settings_of
    from tests.services.ports import free_port

    redis_process.reset()
    mariadb_process.resume()
    mariadb_process.start()
    port = str(free_port())
    settings = settings_of(emptied(mariadb_process.url()), redis_process.url)
    settings |= {"DATA_DIR": str(data_dir), "PORT": port, "WEB_HOST": "127.0.0.1", "WEB_CONCURRENCY": "1"}
    for starter in programs(tmp_path_factory.mktemp("site"), settings):
        web = starter.run([sys.executable, "-m", "gunicorn", "web:create_app()", "--config", "web/gunicorn.conf.py"])
        scaler = starter.start("consumer.local_scaler")
        web.wait_for_line("Booting worker")
        scaler.wait_for_line("scaler_started")
        yield Site(f"http://127.0.0.1:{port}", scaler)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    import os

    from tests.services.waiting import service_missing, slowness

    executable = shutil.which("chromium") or service_missing("Chromium is not installed (chromium not found)")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=15_000 * slowness())  # nothing waits longer than it must
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """A fresh browser profile; any console error, failed script or CSP violation fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=site.url)
    visiting = Visit(context.new_page(), site)
    visiting.page.on("console", lambda m: visiting.faults.append(m.text) if m.type in ("error", "warning") else None)
    visiting.page.on("pageerror", lambda error: visiting.faults.append(str(error)))
    yield visiting
    context.close()
    assert visiting.faults == []
