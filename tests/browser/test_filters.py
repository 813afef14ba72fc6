"""Filters of the list of runs that are kept by name."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.conftest import Visit


def test_a_filter_is_kept_by_name_and_forgotten(visit: Visit) -> None:
    page = visit.page
    visit.open("/runs?ticker=AAPL&status=failed&after=7")
    page.on("dialog", lambda dialog: dialog.accept("broken apples"))

    page.get_by_role("button", name="Save this filter").click()
    visit.open("/runs")
    page.get_by_role("link", name="broken apples").click()
    page.wait_for_url("**/runs?ticker=AAPL&status=failed")
    expect(page.get_by_role("link", name="broken apples")).to_have_attribute(
        "aria-current", "true"
    )
    page.get_by_role("button", name="Delete filter broken apples").click()
    expect(page.get_by_role("link", name="broken apples")).to_have_count(0)


def test_the_last_week_is_one_click(visit: Visit) -> None:
    visit.open("/runs?ticker=AAPL")

    visit.page.get_by_role("link", name="Last 7 days").click()

    first = datetime.now(UTC).date() - timedelta(days=6)
    visit.page.wait_for_url(f"**/runs?ticker=AAPL&from={first}")
    expect(visit.page.get_by_label("Submitted from")).to_have_value(str(first))
