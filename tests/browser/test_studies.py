"""A study from the form to its verdict: the cost is said before it can be started, and its page follows it."""

from playwright.sync_api import expect

from adapters.database import connect_database
from tests.browser.conftest import Visit
from tests.services.mariadb_server import MariaDBServer
from tests.services.studies import work_through


def test_a_study_is_priced_started_and_judged(
    visit: Visit, mariadb_process: MariaDBServer
) -> None:
    page = visit.page
    visit.open("/studies")
    page.locator("#s-rule").select_option("MA_CROSS")
    page.locator("#study-plan").click()  # a grid from the start
    expect(page.locator("#study-cost")).to_contain_text("56 combinations")
    page.locator("#s-MA_CROSS-fast").fill("20")
    page.locator("#s-MA_CROSS-slow").fill("50")
    page.locator("#study-plan").click()
    expect(page.locator("#study-cost")).to_contain_text("only 1 combination")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    page.locator("#s-MA_CROSS-fast").fill("5:15:5")
    page.locator("#s-MA_CROSS-slow").fill("50, 100")
    page.locator("#s-train").fill("99")
    page.locator("#s-test").fill("20")
    page.locator("#study-plan").click()
    expect(page.locator("#study-cost")).to_contain_text("test_days: only")
    visit.expect_fault("status of 400")
    start = page.get_by_role("button", name="Start")
    expect(start).to_be_disabled()

    page.locator("#s-train").fill("")
    page.locator("#study-plan").click()
    expect(page.locator("#study-cost")).to_contain_text("train_days:")
    visit.expect_fault("status of 400")

    page.locator("#s-MA_CROSS-fast").fill("1:1000:1")
    page.locator("#s-MA_CROSS-slow").fill("1:1000:1")
    page.locator("#study-plan").click()
    expect(page.locator("#study-cost")).to_contain_text(
        "run_cap: 1000000 combinations x 1 tickers are more than"
    )
    visit.expect_fault("status of 400")

    page.locator("#s-MA_CROSS-fast").fill("5:15:5")
    page.locator("#s-MA_CROSS-slow").fill("50, 100")
    page.locator("#s-train").fill("1500")
    page.locator("#s-test").fill("1000")
    page.locator("#study-plan").click()
    expect(page.locator("#study-cost")).to_contain_text(
        "6 Jobs: 6 combinations × 3 folds, plus 3 on test parts"
    )
    start.click()
    expect(page.locator("h1")).to_contain_text("accepted")
    work_through(connect_database(mariadb_process.url()), page.url.rsplit("/", 1)[1])

    expect(page.locator(".verdict")).to_contain_text("out of sample")
    expect(page.locator(".study-figure svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
