"""People's ways through the dashboard, in a real browser, on real services and Jobs."""

import re
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import BROKEN, Visit
from tests.browser.steps import JOB_MS, new_run, reached, submit, wait_for_result

TABS = ("stats", "trades", "numbers")


def test_from_the_form_to_every_tab_without_a_reload(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    page.evaluate("window.neverReloaded = true")

    submit(visit, charts=True, ticker="MSFT", rule_type="MACD", label="a walk")
    wait_for_result(page)

    page.locator("#tab-stats").focus()
    for name in TABS:
        expect(page.locator(f"#tab-{name}")).to_have_attribute("aria-selected", "true")
        page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-stats")).to_have_attribute("aria-selected", "true")
    assert page.evaluate("window.neverReloaded") is True
    expect(page).to_have_title(
        "MSFT MACD, fast = 12, slow = 26, signal = 9 · completed · Backtests"
    )
    expect(page.locator('[data-metric="sharpe_ratio"] .value')).not_to_be_empty()


def test_a_tab_has_an_address_and_the_browser_goes_back_to_it(visit: Visit) -> None:
    page = visit.page
    address = new_run(visit)

    page.locator("#tab-trades").click()
    expect(page.locator("#trades")).to_be_visible()
    page.get_by_role("link", name="Return").click()
    expect(page.locator('#trades th[aria-sort="ascending"]')).to_contain_text("Return")
    page.go_back()
    expect(page.locator('#trades th[aria-sort="ascending"]')).to_contain_text("#")
    page.goto(f"{address}?tab=numbers")

    expect(page.locator("#tab-numbers")).to_have_attribute("aria-selected", "true")
    page.locator("#tab-panel summary").first.click()
    expect(page.locator("#table-bars tbody tr").first).to_be_visible()


def test_a_fault_stands_at_its_field_and_the_entries_stay(visit: Visit) -> None:
    page = visit.page
    visit.open("/?rule_type=RSI")
    page.locator('[data-path="params.period"]').fill("1")
    reached(page, "fee_rate").fill("0.5")
    page.get_by_text("Money and orders").click()
    expect(page.locator('[name="fee_rate"]')).to_be_hidden()

    page.get_by_role("button", name="Run backtest").click()

    expect(page.locator('[data-fault="params.period"]')).to_contain_text("2 to 200")
    expect(page.locator('[data-fault="fee_rate"]')).to_contain_text("below 0.1")
    expect(page.locator('[name="fee_rate"]')).to_be_visible()
    expect(page.locator('[name="fee_rate"]')).to_have_value("0.5")
    expect(page.locator('[aria-invalid="true"]').first).to_be_focused()
    visit.expect_fault("status of 400")


def test_a_click_cannot_meet_a_scroll_that_is_still_going_on(visit: Visit) -> None:
    visit.open("/")

    assert (
        visit.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    )


def test_a_composite_rule_is_put_together_from_members(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    page.locator('[name="rule_type"]').select_option("COMPOSITE")
    page.get_by_role("button", name="Add a member").click()
    page.locator('[data-path="params.rules[2].rule_type"]').select_option("ATR")
    page.locator('[data-path="params.rules[2].params.period"]').fill("0")
    page.get_by_role("button", name="Run backtest").click()
    expect(page.locator('[data-fault="params.rules[2].params.period"]')).to_contain_text(
        "out of range"
    )
    visit.expect_fault("status of 400")

    page.locator('[data-path="params.rules[2].params.period"]').fill("21")
    page.get_by_role("button", name="Run backtest").click()
    wait_for_result(page)

    expect(page.get_by_label("Settings and run details")).to_contain_text("ATR period 21")


def test_a_clone_with_a_changed_parameter_is_compared_with_its_origin(visit: Visit) -> None:
    page = visit.page
    origin = new_run(visit, ticker="IBM", rule_type="RSI", period="10")
    page.get_by_role("link", name="Clone").click()
    expect(page.locator('[data-path="params.period"]')).to_have_value("10")
    expect(page.locator('[name="ticker"]')).to_have_value("IBM")

    clone = submit(visit, period="30")
    wait_for_result(page)
    visit.open("/runs?ticker=IBM")
    for address in (origin, clone):
        page.locator(f'input[value="{address.rsplit("/", 1)[1]}"]').check()
    page.get_by_role("button", name="Compare 2").click()

    expect(page.get_by_role("heading", name="Compare 2 runs")).to_be_visible()
    expect(page.locator("tr", has_text="params.period")).to_contain_text("30")


def test_ticked_runs_get_tags_by_which_they_are_listed(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    runs = [submit(visit, label="tagged", tags=" idea, 2026 ")]
    visit.open("/")
    runs.append(submit(visit, label="tagged"))
    visit.open("/runs?label=tagged")
    page.get_by_label("Select all runs on this page").check()
    tags = page.get_by_label("Tags for the selected runs")

    tags.fill("x" * 33)
    tags.press("Enter")
    expect(page.locator("#selection-fault")).to_contain_text("1 to 32 characters")
    expect(tags).to_have_value("x" * 33)
    visit.expect_fault("status of 400")
    tags.fill("seen, kept")
    tags.press("Enter")
    expect(page.get_by_role("link", name="#kept")).to_have_count(2)
    expect(page.locator("#selection-status")).to_have_text("2 of 2 runs changed.")
    page.get_by_label("Select all runs on this page").check()
    tags.fill("idea")
    page.get_by_role("button", name="Untag").click()
    expect(page.get_by_role("link", name="#idea")).to_have_count(0)

    page.get_by_role("link", name="#2026").click()
    expect(page.locator('#runs-list tbody [name="run"]')).to_have_count(1)
    expect(page.get_by_label("Tag", exact=True)).to_have_value("2026")
    page.goto(runs[0])
    expect(page.get_by_label("Settings and run details")).to_contain_text("2026, seen, kept")


def test_a_preset_is_saved_loaded_modified_and_deleted(visit: Visit) -> None:
    page, name = visit.page, '<img src=x onerror="alert(1)">'
    visit.open("/")
    page.locator('[name="rule_type"]').select_option("BOLLINGER")
    page.locator('[data-path="params.width"]').fill("2.5")
    page.get_by_label("Name of a new preset").fill(name)
    page.get_by_role("button", name="Save as new").click()
    expect(page.locator("#preset-state")).to_have_text("saved")
    page.locator('[data-path="params.width"]').fill("3")
    expect(page.locator("#preset-state")).to_have_text("modified")

    page.get_by_label("Name of a new preset").fill(name)
    page.get_by_role("button", name="Save as new").click()
    expect(page.locator("#preset-fault")).to_contain_text("already")
    visit.expect_fault("status of 409")
    visit.open("/")
    page.get_by_label("Load a preset").select_option(label=f"{name} · BOLLINGER")
    expect(page.locator('[data-path="params.width"]')).to_have_value("2.5")
    expect(page.locator("#preset-state")).to_have_text("saved")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()

    expect(page.locator("#preset option")).to_have_text(["No presets yet"])


def test_a_failed_run_says_what_happened_and_can_be_retried(visit: Visit) -> None:
    page = visit.page
    visit.open("/")

    submit(visit, ticker=BROKEN)

    expect(page.get_by_text("The prices cannot be read")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#run")).to_contain_text(f"the stored prices of {BROKEN}")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".timeline li")).to_have_count(6, timeout=JOB_MS)


def test_a_waiting_run_is_cancelled(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    visit.site.scaler.send(signal.SIGSTOP)
    try:
        submit(visit)
        expect(page.get_by_text("Waiting for a Job to start")).to_be_visible()
        expect(page.locator("[data-position]")).to_have_text("next")
        page.get_by_role("button", name="Cancel run").click()
        expect(page.get_by_text("You cancelled this run")).to_be_visible()
    finally:
        visit.site.scaler.send(signal.SIGCONT)


def test_a_reproduction_is_found_identical_bit_for_bit(visit: Visit) -> None:
    page = visit.page
    new_run(visit, rule_type="TREND")

    page.get_by_role("button", name="Reproduce").click()

    expect(page.locator("#reproduction")).to_have_attribute(
        "data-verdict", "identical", timeout=JOB_MS
    )


def test_keys_lead_to_the_search_and_to_a_new_run(visit: Visit) -> None:
    page = visit.page
    visit.open("/runs")

    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("aapl rsi")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs?ticker=AAPL&rule=RSI")
    expect(page.get_by_label("Ticker")).to_have_value("AAPL")
    page.keyboard.press("n")

    expect(page.get_by_role("heading", name="New run")).to_be_visible()


def test_the_list_is_filtered_without_a_reload_and_the_address_keeps_it(visit: Visit) -> None:
    page = visit.page
    new_run(visit, ticker="GOOG", label="only here")
    visit.open("/runs")
    page.evaluate("window.neverReloaded = true")

    page.locator("#r-label").fill("only here")
    page.keyboard.press("Enter")

    page.wait_for_url("**/runs?label=only+here")
    expect(page.locator("#runs-list tbody tr")).to_have_count(1)
    assert page.evaluate("window.neverReloaded") is True


def test_the_next_page_of_a_list_begins_at_its_top(visit: Visit) -> None:
    page = visit.page
    dates = {"start_date": "2005-01-03", "end_date": "2005-03-29"}
    grid = [
        {
            "ticker": "IBM",
            "rule_type": "RSI",
            "params": {"period": period},
            "charts": False,
            **dates,
        }
        for period in range(2, 26)
    ]
    page.request.post("/api/runs/bulk?batch_id=pages", data=grid)
    page.request.post("/api/batches/pages/cancel")  # nothing here needs their results
    page.set_viewport_size({"width": 1440, "height": 320})
    visit.open("/runs?batch=pages&limit=12")
    first = page.locator("#runs-list tbody th").first.inner_text()

    page.get_by_role("link", name="Next").click()

    expect(page.locator("#runs-list tbody th").first).not_to_have_text(first)
    expect(page.locator("#runs-list tbody th").first).to_be_in_viewport()


def test_queue_and_batch_follow_a_batch_live(visit: Visit) -> None:
    page = visit.page
    dates = {"start_date": "2005-01-03", "end_date": "2006-12-29"}
    grid = [
        {
            "ticker": "AAPL",
            "rule_type": "MA_CROSS",
            "params": {"fast": fast, "slow": slow},
            "charts": False,
            **dates,
        }
        for fast in (5, 10)
        for slow in (30, 60)
    ]
    visit.site.scaler.send(signal.SIGSTOP)
    try:
        page.request.post("/api/runs/bulk?batch_id=walk", data=grid)
        visit.open("/queue")
        expect(page.locator(".wall .value").first).to_have_text("4")
    finally:
        visit.site.scaler.send(signal.SIGCONT)

    expect(page.locator(".wall .value").first).to_have_text("0", timeout=JOB_MS)
    page.goto("/batches/walk")
    expect(page.locator("#batch")).to_contain_text("4 of 4 finished", timeout=JOB_MS)
    page.locator(".heatmap td a").first.click()

    wait_for_result(page)
    expect(page.locator(".stage.drawn")).to_be_visible()


def test_a_batch_is_found_in_the_list_and_its_map_is_read_by_ticker(visit: Visit) -> None:
    page = visit.page
    dates = {"start_date": "2005-01-03", "end_date": "2006-12-29"}
    grid = [
        {
            "ticker": ticker,
            "rule_type": "MA_CROSS",
            "params": {"fast": f, "slow": s},
            "charts": False,
            **dates,
        }
        for ticker in ("AAPL", "IBM")
        for f in (5, 10)
        for s in (30, 60)
    ]
    page.request.post("/api/runs/bulk?batch_id=two-tickers", data=grid)
    visit.open("/")

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Batches").click()
    row = page.locator("#batches-list tr", has_text="two-tickers")
    expect(row).to_contain_text("100%", timeout=JOB_MS)  # the page follows the batch by itself
    expect(
        row.get_by_role("img", name="8 completed, 0 failed, 0 cancelled, 0 running, 0 pending")
    ).to_be_visible()
    row.get_by_role("link", name="MA crossover on AAPL … IBM · fast, slow").click()
    # and for its scripts, without which a choice does nothing
    page.wait_for_url("**/batches/two-tickers")
    expect(page.locator("#batch")).to_contain_text("each cell is the median of up to 2 runs")
    page.get_by_label("Ticker").select_option("IBM")

    expect(page.get_by_role("heading", name="Best runs of IBM")).to_be_visible()
    expect(page.locator("#batch")).not_to_contain_text("a cell is the median")
    assert "ticker=IBM" in page.url


def test_a_run_is_renamed_by_its_pencil_and_keys(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    address = submit(visit, rule_type="RSI", period="21")
    wait_for_result(page)
    pencil = page.locator('.rename > [title="Rename"]')

    pencil.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("mine, for now")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Title")).to_be_hidden()
    expect(pencil).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Title")).to_have_value("")
    page.keyboard.type("the best <b>of them</b>")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("the best <b>of them</b>")
    expect(page.locator("#announcer")).to_have_text("Renamed to the best <b>of them</b>")
    expect(page).to_have_title(re.compile("^the best <b>of them</b>"))
    expect(pencil).to_be_focused()
    visit.open("/runs")
    row = page.locator(f"#row-{address.rsplit('/', 1)[1]}")
    expect(row.get_by_role("link").first).to_have_text("the best <b>of them</b>")
    expect(row).to_contain_text("RSI_21_30_70")


@pytest.mark.parametrize(
    "path", ["/result/not-a-run", "/runs?sharpe_min=x", "/batches/none", "/compare"]
)
def test_a_wrong_address_is_a_page_with_a_way_on(visit: Visit, path: str) -> None:
    visit.open(path)
    missing = "run" in path and "?" not in path or "none" in path
    visit.expect_fault(f"status of {404 if missing else 400}")

    expect(visit.page.get_by_role("link", name="New run").last).to_be_visible()
