"""A choice of a batch's runs by dragging, and its address."""

import re
import signal

from playwright.sync_api import expect

from tests.browser.conftest import Visit

RUNS = [
    {"ticker": "AAPL", "rule_type": "RSI", "params": {"period": period, "oversold": oversold},
     "start_date": "2003-01-03", "end_date": "2009-12-31"}
    for period in (7, 14, 21) for oversold in (35, 40, 45)
]  # fmt: skip


def test_runs_are_chosen_by_dragging_along_an_axis(visit: Visit) -> None:
    page = visit.page
    announcer = page.locator("#announcer")
    visit.site.scaler.send(signal.SIGSTOP)
    try:
        page.request.post("/api/runs/bulk?batch_id=explored", data=RUNS)
        visit.open("/batches/explored")
    finally:
        visit.site.scaler.send(signal.SIGCONT)
    expect(announcer).to_have_text("Batch finished: 9 of 9 runs completed", timeout=120_000)
    expect(page.locator("#batch")).to_contain_text("9 of 9 finished")
    rows = page.locator("table.leaders tbody tr")
    expect(rows).to_have_count(9)
    axis = page.locator("canvas.parallel")
    expect(axis).to_be_visible()
    # what is dragged before the runs have come is lost
    expect(page.locator(".range-row")).not_to_have_count(0)
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    assert box is not None

    # the first axis, of period
    left, top, bottom = box["x"] + 48, box["y"] + 30, box["y"] + box["height"] - 26
    page.mouse.move(left, top - 5)
    page.mouse.down()
    page.mouse.move(left, (top + bottom) / 2 - 20, steps=4)
    page.mouse.up()
    expect(rows).to_have_count(3)
    expect(page.locator("#best-runs")).to_contain_text("3 of 9 runs where period >=")
    expect(announcer).to_have_text("3 of 9 runs selected")
    assert re.search(r"where=period\+%3E%3D\+1\d\+and\+period\+%3C%3D\+21$", page.url)
    page.reload()
    expect(rows).to_have_count(3)
    expect(page.locator(".range-row")).not_to_have_count(0)
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left, bottom, steps=4)
    page.mouse.up()
    expect(rows).to_have_count(9)  # from end to end nothing is left out
    page.mouse.move(left, top - 5)
    page.mouse.down()
    page.mouse.move(left, (top + bottom) / 2 - 20, steps=4)
    page.mouse.up()
    expect(rows).to_have_count(3)

    page.get_by_text("Enter ranges as numbers").click()
    page.get_by_label("oversold from").fill("38")
    page.keyboard.press("Tab")
    expect(rows).to_have_count(2)
    expect(announcer).to_have_text("2 of 9 runs selected")
    expect(page.get_by_label("oversold to")).to_be_focused()
    expect(page.get_by_label("oversold to")).to_have_value("")
    assert page.url.endswith("and+oversold+%3E%3D+38")
    page.get_by_label("Metric", exact=True).select_option("max_drawdown_pct")
    expect(page.locator("table.leaders caption")).to_have_text("Best runs by Max drawdown")
    expect(rows).to_have_count(2)
    page.get_by_role("link", name="Show all").click()
    expect(rows).to_have_count(9)


def test_a_point_names_its_run(visit: Visit) -> None:
    page = visit.page
    page.request.post("/api/runs/bulk?batch_id=pointed", data=RUNS)
    visit.open("/batches/pointed")
    expect(page.locator(".range-row")).not_to_have_count(0, timeout=120_000)
    page.locator("[data-axis=x]").select_option(label="period")
    page.locator("[data-axis=y]").select_option(label="oversold")
    scatter = page.locator("canvas.scatter")
    scatter.scroll_into_view_if_needed()
    box = scatter.bounding_box()
    assert box is not None

    page.mouse.click(box["x"] + 48 + 2, box["y"] + box["height"] - 26 - 2)  # the lowest of both
    named = page.locator("[data-named]")
    expect(named).to_contain_text("period 7, oversold 35, ")
    assert "where=" not in page.url
    named.get_by_role("link", name="Open this run").click()

    expect(
        page.get_by_role("heading", name="AAPL RSI, period = 7, oversold = 35")
    ).to_be_visible()


def test_a_condition_that_is_invalid_leaves_the_page_as_it_is(visit: Visit) -> None:
    page = visit.page
    page.request.post("/api/runs/bulk?batch_id=asked", data=RUNS)
    visit.open("/batches/asked")
    rows = page.locator("table.leaders tbody tr")
    expect(rows).to_have_count(9, timeout=120_000)
    field = page.get_by_label("Only runs where")

    field.fill("foo > 3")
    field.blur()
    expect(page.locator("#action-fault")).to_contain_text("'foo' is none")
    visit.expect_fault("status of 400")
    expect(rows).to_have_count(9)

    field.fill("num_trades >= 1000")
    field.blur()
    expect(page.locator("#best-runs")).to_contain_text(
        "No completed run matches num_trades >= 1000"
    )
    expect(page.locator("#action-fault")).to_be_hidden()
    page.locator("#best-runs").get_by_role("link", name="Show all").click()
    expect(rows).to_have_count(9)
