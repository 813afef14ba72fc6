"""From the click on "Run backtest" to the numbers in a real browser, without charts: median of 20, on MariaDB."""

import json
import statistics

from playwright.sync_api import Page

from tests.bench.services import platform, row
from tests.browser.conftest import launched
from tests.browser.steps import reached

BUDGET_MS = 250
CLICKS = 20
# In the page, since the driver takes 50 ms of its own until it clicks; looked for in each frame.
CLICKED = "() => addEventListener('click', () => { window.clicked = performance.now(); }, {capture: true, once: true})"
SHOWN = """() => document.querySelector('[data-metric="sharpe_ratio"] .value') && performance.now() - window.clicked"""


def main() -> None:
    """Print the rows as one line of JSON."""
    with platform(web_processes=2) as running, launched("chromium") as browser:
        scaler = running.programs.start("consumer.local_scaler", LOG_LEVEL="INFO")
        scaler.wait_for_line("template_ready")
        page = browser.new_page(base_url=running.base_url)
        # the first one warms up
        measured = [click_ms(page, period) for period in range(2, CLICKS + 3)][1:]
    what = "click to numbers in Chromium, RSI on 3,270 bars without charts"
    print(
        json.dumps(
            [
                row(
                    f"{what}: median of {CLICKS}",
                    statistics.median(measured),
                    "ms",
                    BUDGET_MS,
                    budget="<= 1",
                ),
                row(f"{what}: slowest", max(measured), "ms"),
            ]
        )
    )


def click_ms(page: Page, period: int) -> float:
    """Milliseconds from the click to the Sharpe ratio on the screen."""
    page.goto("/", wait_until="load")
    reached(page, "rule_type").select_option("RSI")
    reached(page, "period").fill(str(period))
    reached(page, "charts").uncheck()
    page.evaluate(CLICKED)
    page.get_by_role("button", name="Run backtest").click()
    return float(page.wait_for_function(SHOWN).json_value())


if __name__ == "__main__":
    main()
