"""A grid from the form to its leaderboard, and from there to runs, in a real browser."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.steps import fill_sweep, wait_for_result


def test_a_grid_is_screened_and_its_best_are_run(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    page.locator('[name="rule_type"]').select_option("MA_CROSS")
    fill_sweep(page, fast=("5", "20", "5"), slow=("30", "90", "20"))
    page.get_by_role("button", name="Scan 16 combinations").click()
    page.wait_for_url("**/screens/*")
    expect(page.get_by_role("region", name="Best combinations")).to_contain_text(
        "16 of 16 traded"
    )
    address = page.url

    rows = page.locator("table.leaders tbody tr")
    expect(rows).to_have_count(16)
    page.get_by_label("Metric").select_option("max_drawdown_pct")
    expect(page.locator("table.leaders caption")).to_have_text(
        "Best combinations by Max drawdown"
    )
    page.goto(address)
    rows.first.get_by_role("button", name="Run").click()
    wait_for_result(page)
    page.goto(address)
    expect(rows.first).to_contain_text("✓ equal")
    page.get_by_role("button", name="Run all 16").click()
    page.wait_for_url("**/batches/screen-*")
    expect(page.locator("#batch")).to_contain_text("16 of 16 finished", timeout=60_000)
    page.goto(address)
    expect(page.get_by_text("✓ equal")).to_have_count(16)
