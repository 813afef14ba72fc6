"""Screens and what is built on them: from the click to the leaderboard, 100,000 combinations, two kinds of studies.

On MariaDB, with scaler and reconciler as `make run` starts them; next to vectorbt's and backtesting.py's time for the
same 1,000 pairs of averages in memory.
"""

import json
import re
import statistics
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page

from tests.bench.click_speed import CLICKED
from tests.bench.engine_speed import peers
from tests.bench.services import Platform, cores, platform, row
from tests.browser.conftest import launched

CLICKS = 20
CLICK_MS, LARGE_S, WALK_FORWARD_S, PERMUTATION_S, JOB_MB = 1000, 30, 8, 60, 300
SHOWN = "() => document.querySelector('table.leaders td') && performance.now() - window.clicked"
BASE = {
    "ticker": "AAPL",
    "rule_type": "MA_CROSS",
    "start_date": "2000-03-01",
    "end_date": "2013-03-01",
    "size_type": "percent",
    "position_size": 99,
}
LARGE = {
    "fast": {"min": 2, "max": 200, "step": 1},
    "slow": {"min": 201, "max": 400, "step": 1},
    "kind": ["sma", "ema"],
}
COMBINATIONS = 199 * 200 * 2
GRID = {"fast": {"min": 5, "max": 50, "step": 5}, "slow": {"min": 60, "max": 240, "step": 20}}
WALK_FORWARD = {"kind": "walk_forward", "train_days": 1000, "test_days": 400}


def main() -> None:
    """Print the rows as one line of JSON."""
    with platform(web_processes=2) as running, launched("chromium") as browser:
        running.programs.start("consumer.reconciler", LOG_LEVEL="INFO").wait_for_line(
            "lead_taken"
        )
        running.programs.start("consumer.local_scaler", LOG_LEVEL="INFO").wait_for_line(
            "template_ready"
        )
        page = browser.new_page(base_url=running.base_url)
        # the first one warms up
        clicks = [click_ms(page, fast) for fast in range(2, CLICKS + 3)][1:]
        large_s, job_mb = large(running)
        walk_forward_s = study_s(running, **WALK_FORWARD)
        permutation_s = study_s(running, kind="permutation")
    click, peer_ms = statistics.median(clicks), peers("sweep")
    what = f"click to the leaderboard of 1,000 pairs of averages over 3,270 bars in Chromium, median of {CLICKS}"
    budgets = [
        row(what, click, "ms", CLICK_MS, budget="<= 1"),
        row(
            "",
            click,
            "ms",
            1.5 * peer_ms["vectorbt"],
            budget="<= 1",
            note="against 1.5 x vectorbt in a warm process",
        ),
        *(row("", click, "ms", ms, note=f"against {name}") for name, ms in peer_ms.items()),
        row(
            f"screen of {COMBINATIONS:,} combinations, submission to end",
            large_s,
            "s",
            LARGE_S * COMBINATIONS / 100_000,
            budget="<= 1",
            note="reference: 30 s for 100,000",
        ),
        row("memory of its Job, at most", job_mb, "MB", JOB_MB, budget="<= 1"),
        row(
            f"walk-forward of 9 x 100, {cores()} cores, until its verdict",
            walk_forward_s,
            "s",
            WALK_FORWARD_S,
            budget="<= 1",
        ),
        row(
            f"permutation study of 1,000 x 100, {cores()} cores",
            permutation_s,
            "s",
            PERMUTATION_S,
            budget="<= 1",
        ),
    ]
    print(json.dumps(budgets))


def click_ms(page: Page, fast: int) -> float:
    """Milliseconds from the click to the first row of the leaderboard."""
    page.goto("/", wait_until="load")
    page.locator('[name="rule_type"]').select_option("MA_CROSS")
    page.get_by_text("Sweep: ranges").click()
    for name, values in {"fast": (fast, fast + 19, 1), "slow": (100, 149, 1)}.items():
        for part, value in zip(("from", "to", "step"), values, strict=True):
            page.get_by_label(f"{name} {part}").fill(str(value))
    page.evaluate(CLICKED)
    page.get_by_role("button", name="Scan 1,000 combinations").click()
    return float(page.wait_for_function(SHOWN).json_value())


def large(running: Platform) -> tuple[float, float]:
    """Seconds of a large screen, and the most megabytes that one of its Job's processes held by itself."""
    began = time.perf_counter()
    sweep = {"base": BASE, "parameters": LARGE, "run_cap": 100_000}
    screen_id, most_mb = running.call("/api/screens", sweep)["screen_id"], 0.0
    while running.call(f"/status/{screen_id}")["status"] in ("pending", "running"):
        most_mb = max([most_mb, *(held_mb(each) for each in running.programs.survivors())])
        time.sleep(0.2)
    seconds = time.perf_counter() - began
    result = running.call(f"/api/screens/{screen_id}?top=1")
    assert (result["status"], result["done"]) == ("completed", COMBINATIONS), result[
        "error_message"
    ]
    return seconds, most_mb


def held_mb(process: psutil.Process) -> float:
    """Most memory of a Job's process up to now; 0 of any other, and of one that has ended."""
    try:
        is_job = any("consumer.job.template" in word for word in process.cmdline())
        status = Path(f"/proc/{process.pid}/status").read_text("utf-8") if is_job else ""
        return sum(int(kb) for kb in re.findall(r"VmHWM:\s*(\d+)", status)) / 1024
    except (psutil.Error, OSError):
        return 0.0


def study_s(running: Platform, **study: Any) -> float:
    """Seconds from the submission of a study to its verdict."""
    began = time.perf_counter()
    study_id = running.call("/api/studies", {"base": BASE, "parameters": GRID, "study": study})[
        "study_id"
    ]
    while (result := running.call(f"/api/studies/{study_id}"))["completed_at"] is None:
        time.sleep(0.05)
    assert result["status"] == "completed", result["sentence"]
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
