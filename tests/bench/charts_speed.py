"""The chart of a run in headless Chromium: when it is drawn, and how long a window of a million bars takes.

The page marks when its chart has been drawn (`chart-drawn`); that is counted from the end of DOMContentLoaded.
"""

import json
import statistics
import time
from typing import Any

from adapters.database import connect_database
from adapters.prices.loading import save_version
from tests.bench.prices_speed import MANY, random_walk
from tests.bench.services import Platform, platform, row
from tests.browser.conftest import launched
from tests.services.prices import restore_seed

VISITS = 20
BUDGET_MS = 300.0
DAILY = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "start_date": "2000-03-01",
    "end_date": "2013-03-01",
}
INTRADAY = {
    "ticker": "MANY",
    "timeframe": "5m",
    "rule_type": "MA_CROSS",
    "params": {"fast": 200, "slow": 400},
}
DRAWN = """() => {
  const [drawn] = performance.getEntriesByName("chart-drawn");
  return drawn && drawn.startTime - performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd;
}"""


def main() -> None:
    """Print the rows as one line of JSON."""
    with platform(2) as running:
        restore_seed(connect_database(running.database_url))
        running.programs.start("consumer.local_scaler")
        daily = completed(running, DAILY)
        save_version(connect_database(running.database_url), "MANY", random_walk(MANY), {})
        many = completed(
            running, {**INTRADAY, "start_date": "2000-01-01", "end_date": "2009-12-31"}
        )
        rows = [*painting(running, daily), *windows(running, many)]
    print(json.dumps(rows))


def completed(running: Platform, values: dict[str, Any]) -> str:
    """The run_id of a run that has ended well."""
    run_id: str = running.call("/run_backtest", values | {"charts": False})["run_id"]
    while (state := running.call(f"/status/{run_id}")["status"]) in ("pending", "running"):
        time.sleep(0.2)
    if state != "completed":
        raise SystemExit(f"run {run_id} is {state}")
    return run_id


def painting(running: Platform, run_id: str) -> list[dict[str, Any]]:
    """Milliseconds from the page's DOM to its chart, with an empty cache and with the browser's."""
    with launched("chromium") as browser:
        first = [drawn_ms(browser.new_page(), running, run_id) for _ in range(VISITS)]
        page = browser.new_page()
        again = [drawn_ms(page, running, run_id) for _ in range(VISITS + 1)][1:]
    what = f"chart of a 3,270-bar run drawn after the page's DOM, median of {VISITS}"
    note = "against a fixed 300 ms"
    return [
        row(
            f"{what}, first visit",
            statistics.median(first),
            "ms",
            BUDGET_MS,
            budget="<= 1",
            note=note,
        ),
        row(
            f"{what}, again", statistics.median(again), "ms", BUDGET_MS, budget="<= 1", note=note
        ),
    ]


def drawn_ms(page: Any, running: Platform, run_id: str) -> float:
    """Milliseconds of one visit."""
    page.goto(f"{running.base_url}/result/{run_id}", wait_until="load")
    return float(page.wait_for_function(DRAWN).json_value())


def windows(running: Platform, run_id: str) -> list[dict[str, Any]]:
    """Answers of the endpoint for a million bars: all of them, and some that are zoomed into."""
    bars = f"/api/runs/{run_id}/bars"
    total = running.call(bars)["total"]
    for _ in range(8):  # until every process has decoded the run
        running.call(bars)
    places = [total * part // 10 for part in range(1, 9)]
    everything = [timed(running, bars) for _ in range(8)]
    closer = [timed(running, f"{bars}?from={place}&to={place + 4000}") for place in places]
    return [
        row(f"all of {total:,} bars joined to 4,000 points", statistics.median(everything), "ms"),
        row("4,000 of them, one point each", statistics.median(closer), "ms"),
    ]


def timed(running: Platform, path: str) -> float:
    """Milliseconds until an answer has been read."""
    began = time.perf_counter()
    running.call(path)
    return (time.perf_counter() - began) * 1e3


if __name__ == "__main__":
    main()
