"""A whole platform and a real browser: gunicorn, scaler and Jobs as processes, a headless browser before them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.services.mariadb_server import MariaDBServer
    from tests.services.processes import Program
    from tests.services.redis_server import RedisServer

BROKEN = "BROKEN"  # a ticker whose stored prices are damaged


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


def store_broken_prices(database_url: str) -> None:
    """Prices of a ticker whose run must fail: their bytes are spoilt in the database."""
    from sqlalchemy import update

    from adapters.database import connect_database
    from adapters.price_tables import price_parts
    from adapters.prices.loading import save_version
    from adapters.prices.reading import Meaning, read_prices
    from tests.services.prices import DATA

    content = (DATA / "IBM.csv").read_bytes().replace(b"2013-03-01", b"2013-03-04")
    bars, engine = (
        read_prices(content, Meaning(timeframe="1d")).bars,
        connect_database(database_url),
    )
    save_version(engine, BROKEN, bars, {})
    with engine.begin() as connection:
        spoilt = update(price_parts).where(price_parts.c.data_hash == bars.data_hash)
        connection.execute(spoilt.values(packed=b"not what was stored"))


@pytest.fixture(scope="module")
def site(
    redis_process: RedisServer,
    mariadb_process: MariaDBServer,
    tmp_path_factory: pytest.TempPathFactory,
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
    store_broken_prices(settings["DATABASE_URL"])
    settings |= {"PORT": port, "WEB_HOST": "127.0.0.1", "WEB_CONCURRENCY": "1"}
    settings["TRUSTED_PROXY"] = "127.0.0.1"  # see prefix_proxy
    for starter in programs(tmp_path_factory.mktemp("site"), settings):
        web = starter.run(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "web:create_app()",
                "--config",
                "web/gunicorn.conf.py",
            ]
        )
        scaler = starter.start("consumer.local_scaler")
        web.wait_for_line("Booting worker")
        scaler.wait_for_line("scaler_started")
        yield Site(f"http://127.0.0.1:{port}", scaler)


@contextmanager
def launched(name: str) -> Iterator[Browser]:
    """Headless Chromium or Firefox, as the system has it."""
    import os

    from tests.services.waiting import service_missing, slowness

    # without windows Chromium takes a fifth less CPU
    program = {"chromium": "chromium-headless-shell", "firefox": "firefox-esr"}[name]
    executable = (
        shutil.which(program)
        or shutil.which(name)
        or service_missing(f"{program} is not installed")
    )
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=15_000 * slowness())  # nothing waits longer than it must
    with sync_playwright() as playwright:
        if name == "firefox":  # by WebDriver BiDi, which the browser of any distribution speaks
            started = playwright.firefox.launch(executable_path=executable, channel="moz-firefox")
        else:
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            started = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with launched("chromium") as started:
        yield started


@pytest.fixture(scope="module")
def profile(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """A browser profile with a page that stays open, which spares each test the start of a process for its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=site.url)
    context.new_page().goto("/health")
    yield context
    context.close()


@pytest.fixture
def visit(profile: BrowserContext, site: Site) -> Iterator[Visit]:
    """A page whose browser remembers nothing; any console error, failed script or CSP violation fails the test."""
    visiting = Visit(profile.new_page(), site)
    visiting.page.on(
        "console",
        lambda m: visiting.faults.append(m.text) if m.type in ("error", "warning") else None,
    )
    visiting.page.on("pageerror", lambda error: visiting.faults.append(str(error)))
    yield visiting
    visiting.page.close()
    profile.clear_cookies()
    profile.pages[0].evaluate("localStorage.clear()")
    assert visiting.faults == []
