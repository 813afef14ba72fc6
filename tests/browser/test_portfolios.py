"""Several tickers from the form into one account, and from its page to the reason of a trade, in a real browser."""

from playwright.sync_api import Locator, Page, expect

from adapters.database import connect_database
from tests.browser.conftest import Visit
from tests.browser.steps import JOB_MS, reached
from tests.services.mariadb_server import MariaDBServer
from tests.services.portfolios import trade_when_legs_have_run

TICKERS = ("AAPL", "IBM", "MSFT")


def choose(page: Page) -> None:
    """Three tickers of the open form, with a rule of one's own."""
    page.locator('[name="rule_type"]').select_option("FORMULA")
    page.locator("#together > summary").click()
    for ticker in TICKERS:
        page.locator("#together").get_by_label(ticker).check()


def shown_money(row: Locator) -> float:
    """The amount in a row of the contributions."""
    return float(
        row.locator("td.number").inner_text().split()[-1].replace(",", "").replace("−", "-")
    )


def test_tickers_with_an_own_rule_are_traded_in_one_account(
    visit: Visit, mariadb_process: MariaDBServer
) -> None:
    page = visit.page
    visit.open("/")
    choose(page)
    page.get_by_role("button", name="Use 33.33% each").click()
    expect(page.locator("[data-together]")).to_contain_text("about 3 fit at once")
    expect(page.locator("[data-fit]")).to_be_hidden()
    reached(page, "position_size").fill("40")
    page.locator('#together [name="max_positions"]').fill("2")
    expect(page.locator("[data-together]")).to_contain_text(
        "3 tickers. Each position is 40% of equity"
    )
    page.locator('#together [name="priority"]').fill("roc(close, 60)")
    page.get_by_role("button", name="Run portfolio").click()
    page.wait_for_url("**/portfolios/*")
    trade_when_legs_have_run(connect_database(mariadb_process.url()))

    expect(page.locator("#hero")).to_contain_text(
        "than buying the same assets equally", timeout=JOB_MS
    )
    rows = page.locator("#contributions tbody tr")
    expect(rows).to_have_count(3)
    money = [shown_money(row) for row in rows.all()]
    profit = shown_money(page.locator("#contributions tfoot"))
    assert abs(sum(money) - profit) < 0.02
    expect(page.locator("#workspace .stage.drawn")).to_be_visible(timeout=JOB_MS)
    page.get_by_role("tab", name="Trades").click()
    expect(page.get_by_role("region", name="Skipped orders")).to_contain_text(
        "the maximum number of positions"
    )
    page.locator("#trades tbody tr").first.get_by_role("link").click()
    page.wait_for_url("**/result/*?at=*")
    expect(page.locator(".explanation")).to_contain_text("crosses above", timeout=JOB_MS)
    expect(page.locator(".trade-card")).to_contain_text("Trade 1")
    expect(page.locator(".no-lines")).to_be_hidden()


def test_faults_of_how_they_share_it_are_at_their_fields(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    choose(page)
    page.locator('#together [name="priority"]').fill("close >")
    page.locator('#together [name="max_positions"]').fill("0")
    page.get_by_role("button", name="Run portfolio").click()

    expect(page.locator('[data-fault="priority"]')).not_to_be_empty()
    expect(page.locator('[data-fault="max_positions"]')).to_contain_text(
        "0 is not accepted; accepted: a number from 1 to 500"
    )
    visit.expect_fault("status of 400")


def test_the_runs_of_a_batch_are_traded_in_sleeves(
    visit: Visit, mariadb_process: MariaDBServer
) -> None:
    page = visit.page
    base = {
        "tickers": ["AAPL", "IBM"],
        "rule_type": "RSI",
        "start_date": "2005-01-03",
        "end_date": "2009-12-31",
    }
    sweep = {"name": "sleeves", "base": base, "parameters": {"period": [7, 14]}}
    page.goto("/")
    batch_id = page.request.post("/api/batches", data=sweep).json()["batch_id"]
    page.goto(f"/batches/{batch_id}")
    expect(page.locator("#batch")).to_contain_text("4 of 4 finished", timeout=2 * JOB_MS)

    page.locator("#portfolio-of summary").click()
    page.locator('#portfolio-form [name="mode"]').select_option("sleeves")
    expect(page.locator('#portfolio-form [name="max_positions"]')).to_be_hidden()
    page.locator('#portfolio-form [name="rebalance"]').select_option("quarterly")
    page.get_by_role("button", name="Run portfolio").click()
    page.wait_for_url("**/portfolios/*")
    trade_when_legs_have_run(connect_database(mariadb_process.url()))

    expect(page.locator("#contributions tbody tr")).to_have_count(4, timeout=2 * JOB_MS)
    page.goto("/portfolios")
    expect(page.get_by_role("region", name="Portfolios")).to_contain_text("RSI on AAPL")


def test_a_rotation_is_run_explained_swept_and_studied(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    choose(page)
    reached(page, "start_date").fill("2004-01-01")
    reached(page, "end_date").fill("2007-12-31")
    together = page.locator("#together")
    together.locator('[name="mode"]').select_option("ranked")
    expect(page.locator("#rule")).to_be_hidden()
    together.locator('[name="score"]').fill("roc(close, n)")
    together.locator('[name="inputs"]').fill("n = 60")
    together.locator('[name="top"]').fill("4")
    page.get_by_role("button", name="Run portfolio").click()

    expect(page.locator("#e-top")).to_contain_text("4 is more than the 3 legs; accepted: 1 to 3")
    visit.expect_fault("status of 400")

    together.locator('[name="top"]').fill("1")
    page.get_by_role("button", name="Run portfolio").click()
    page.wait_for_url("**/portfolios/*")
    page.get_by_role("tab", name="Ranks").click(timeout=JOB_MS)

    expect(page.locator("#ranks tbody tr")).to_have_count(3)
    page.get_by_role("link", name="← Previous").click()
    expect(page.locator("#ranks-at")).to_have_value("2007-11-01")

    page.go_back()
    page.goto("/")
    choose(page)
    reached(page, "start_date").fill("2004-01-01")
    reached(page, "end_date").fill("2007-12-31")
    together.locator('[name="mode"]').select_option("ranked")
    together.locator('[name="score"]').fill("roc(close, n)")
    together.locator('[name="top"]').fill("1")
    page.locator("#rank-sweep summary").click()
    page.locator("#x-top").fill("1:2:1")
    page.locator("#x-inputs").fill("n = 20, 60")
    page.get_by_role("button", name="Run 4 portfolios").click()
    page.wait_for_url("**/batches/*")
    expect(page.locator("#batch")).to_contain_text("4 of 4 finished", timeout=2 * JOB_MS)
    page.get_by_role("link", name="Study", exact=True).click()
    page.locator("#s-kind").select_option("holdout")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#study-cost")).to_contain_text(
        "2 Jobs: 4 combinations × 1 training part"
    )
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/studies/*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rotation on 3 assets")
