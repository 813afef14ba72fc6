"""Portfolios on the platform: from the click to the figures, the memory of a large one's Job, and a page of 100 legs.

On MariaDB, with scaler and reconciler as `make run` starts them.
"""

import statistics
import time
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
from playwright.sync_api import Page

from tests.bench.click_speed import CLICKED
from tests.bench.screen_speed import held_mb
from tests.bench.services import Platform, platform, row
from tests.bench.throughput_speed import cpu_s
from tests.browser.conftest import launched
from tests.browser.steps import reached

CLICKS, LOADS = 10, 20
CLICK_S, JOB_MB, PAGE_TIMES = 3, 400, 2
ASSETS, BARS, ROTATED_BARS = 500, 2520, 5000
ROTATION_S, ROTATION_MB = 3, 600
TEN = ("AMD", "BAC", "CVX", "GE", "HD", "JNJ", "KO", "PFE", "WMT", "XOM")
YEARS = {"start_date": "2000-01-03", "end_date": "2012-12-31"}  # 3,270 bars
SHOWN = "() => document.querySelector('#hero') && performance.now() - window.clicked"
CROSS = {"rule_type": "MA_CROSS", "params": {"fast": 20, "slow": 60}}


def rows() -> Iterator[dict[str, Any]]:
    """The rows, in this order."""
    with platform(web_processes=2) as running, launched("chromium") as browser:
        running.programs.start("consumer.reconciler", LOG_LEVEL="INFO").wait_for_line(
            "lead_taken"
        )
        scaler = running.programs.start("consumer.local_scaler", LOG_LEVEL="INFO")
        scaler.wait_for_line("template_ready")
        page = browser.new_page(base_url=running.base_url)
        # the first one warms up
        clicks = [click_s(page, number) for number in range(CLICKS + 1)][1:]
        yield row(
            f"click to the figures of 10 assets x 3,270 bars in Chromium, median of {CLICKS}",
            statistics.median(clicks),
            "s",
            CLICK_S,
            budget="<= 1",
        )
        yield row("slowest of them", max(clicks), "s")
        legs_ms, run_ms = page_ms(running)
        what = f"page of a portfolio of 100 legs, median of {LOADS}"
        yield row(
            what,
            legs_ms,
            "ms",
            run_ms,
            budget=f"<= {PAGE_TIMES}",
            note="against a run's page, in turn",
        )
        seconds, most_mb = large(running)
        yield row(
            f"portfolio of {ASSETS} assets x {BARS:,} days with its runs, submission to end",
            seconds,
            "s",
        )
        yield row("memory of its Jobs, at most", most_mb, "MB", JOB_MB, budget="<= 1")
        seconds, most_mb = rotation(running, scaler.pid)
        what = f"CPU of the Job of a rotation into 50 of {ASSETS} assets x {ROTATED_BARS:,} days each month"
        yield row(what, seconds, "s", ROTATION_S, budget="<= 1")
        yield row("memory of its Job, at most", most_mb, "MB", ROTATION_MB, budget="<= 1")


def click_s(page: Page, number: int) -> float:
    """Seconds from the click to the sentence that says what came of it; each time the legs' runs are new."""
    page.goto("/", wait_until="load")
    page.locator('[name="rule_type"]').select_option("MA_CROSS")
    for name, value in {**YEARS, "fee_rate": f"{number / 10_000}", "position_size": "10"}.items():
        reached(page, name).fill(value)
    page.locator("#together > summary").click()
    for ticker in TEN:
        page.locator("#together").get_by_label(ticker, exact=True).check()
    page.evaluate(CLICKED)
    page.get_by_role("button", name="Run portfolio").click()
    return float(page.wait_for_function(SHOWN).json_value()) / 1e3


def page_ms(running: Platform) -> tuple[float, float]:
    """Milliseconds of the page of 100 legs, and of a run's, in turn."""
    slow = [60 + number for number in range(10)]
    legs = [
        {"ticker": ticker, **CROSS, "params": {"fast": 20, "slow": each}}
        for ticker in TEN
        for each in slow
    ]
    portfolio, _ = completed(
        running, {"legs": legs, **YEARS, "size_type": "percent", "position_size": 2}
    )
    paths = (
        f"/portfolios/{portfolio['portfolio_id']}",
        f"/result/{portfolio['legs'][0]['run_id']}",
    )
    timed = [[loaded_ms(running, path) for path in paths] for _ in range(LOADS)]
    ours, runs = zip(*timed, strict=True)
    return statistics.median(ours), statistics.median(runs)


def loaded_ms(running: Platform, path: str) -> float:
    """One page without what it loads."""
    began = time.perf_counter()
    answered(running, path)
    return (time.perf_counter() - began) * 1e3


def answered(running: Platform, path: str, csv: str | None = None) -> bytes:
    """Request a page, or load prices; return the answer."""
    request = Request(
        running.base_url + path, csv.encode() if csv else None, {"Content-Type": "text/csv"}
    )
    request.method = "PUT" if csv else "GET"
    with urlopen(request, timeout=60) as answer:
        body: bytes = answer.read()
    return body


def large(running: Platform) -> tuple[float, float]:
    """Seconds of a portfolio of as many assets as there may be, and the most megabytes of one of its processes."""
    dates = load_walks(running, "A", BARS)
    legs = [{"ticker": f"A{number}", **CROSS} for number in range(ASSETS)]
    began = time.perf_counter()
    portfolio, most_mb = completed(
        running, {"legs": legs, **dates, "size_type": "percent", "position_size": 0.2}
    )
    assert len(portfolio["trades"]) > 10_000
    return time.perf_counter() - began, most_mb


def load_walks(running: Platform, name: str, bars: int) -> dict[str, str]:
    """Load random walks under names that begin with `name`; return the dates of a request for all of them."""
    draw = np.random.default_rng(1)
    days = np.busday_offset("2004-01-01", np.arange(bars), roll="forward")
    for number in range(ASSETS):
        closes = 100 * np.exp(draw.normal(0, 0.015, bars).cumsum())
        lines = (
            f"{day},{close:.2f},{close:.2f},{close:.2f},{close:.2f},1"
            for day, close in zip(days, closes, strict=True)
        )
        answered(
            running,
            f"/api/prices/{name}{number}/1d",
            "\n".join(("Date,Open,High,Low,Close,Volume", *lines)),
        )
    return {"start_date": str(days[0]), "end_date": str(days[-1])}


def rotation(running: Platform, scaler: int) -> tuple[float, float]:
    """CPU seconds and most megabytes of the Job of a rotation among as many assets as there may be."""
    dates = load_walks(running, "R", ROTATED_BARS)
    ranking = {"mode": "ranked", "score": "roc(close, 126)", "top": 50, "rebalance": "monthly"}
    legs = [{"ticker": f"R{number}"} for number in range(ASSETS)]
    before_s = cpu_s(scaler)
    portfolio, most_mb = completed(running, {"legs": legs, **ranking, **dates})
    assert len(portfolio["trades"]) > 2_000
    return cpu_s(scaler) - before_s, most_mb


def completed(running: Platform, request: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """A portfolio that has ended well, and the most megabytes that a Job's process held meanwhile."""
    portfolio_id, most_mb = running.call("/api/portfolios", request)["portfolio_id"], 0.0
    while (portfolio := running.call(f"/api/portfolios/{portfolio_id}"))["status"] in (
        "pending",
        "running",
    ):
        most_mb = max([most_mb, *(held_mb(each) for each in running.programs.survivors())])
        time.sleep(0.1)
    assert portfolio["status"] == "completed", portfolio["error_message"]
    return portfolio, most_mb
