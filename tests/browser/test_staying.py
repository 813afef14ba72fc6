"""A page that stays open: what it keeps while it refreshes itself, and when the server is away or its answer lost."""

import signal

import pytest
from playwright.sync_api import CDPSession, Route, expect

from tests.browser.conftest import Visit
from tests.browser.steps import fill_sweep, new_run, reached, run_sweep, submit, wait_for_result

DATES = {"start_date": "2005-01-03", "end_date": "2006-12-29"}
REFRESHES_OF_EIGHT_HOURS = 8 * 60 * 60  # one a second
HURRY = 100
AWAY = {"status": 503, "content_type": "text/html", "body": "<main id='main'>away</main>"}
OUTAGES = {
    "a 503": ("Connection lost", lambda route: route.fulfill(**AWAY)),
    "no database": (
        "The database is unavailable",
        lambda route: route.fulfill(**AWAY, headers={"Away": "The database"}),
    ),
    "no network": ("Connection lost", lambda route: route.abort()),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_page_survives_an_outage_and_says_since_when_it_is_old(
    visit: Visit, outage: str
) -> None:
    page = visit.page
    line = page.locator("#connection")
    visit.open("/queue")
    expect(page.locator("#queue")).to_be_visible()
    expect(line).to_be_hidden()

    expect(page.get_by_text("Database connected")).to_be_visible()

    words, answer = OUTAGES[outage]
    page.route("**/*", answer)
    expect(line).to_contain_text(words)
    expect(page.get_by_text("Status unknown")).to_be_visible()
    expect(page.get_by_text("Database connected")).to_be_hidden()
    expect(line).to_contain_text("s ago, reconnecting")
    expect(page.locator("#queue .wall")).to_be_visible()
    page.get_by_role("link", name="Batches").first.evaluate(
        "link => link.dataset.swap = 'navigation main'"
    )
    page.get_by_role("link", name="Batches").first.click()
    expect(page.locator("#queue .wall")).to_be_visible()
    page.unroute("**/*")

    # what was asked for comes by itself
    expect(page.get_by_role("heading", name="Batches")).to_be_visible()
    expect(line).to_be_hidden()
    visit.faults.clear()  # Chromium prints each request that failed


def test_a_list_that_refreshes_itself_keeps_focus_scroll_ticks_and_order(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 420, "height": 800})
    visit.site.scaler.send(signal.SIGSTOP)
    try:
        grid = [
            {
                "ticker": "IBM",
                "rule_type": "RSI",
                "params": {"period": period},
                "charts": False,
                **DATES,
            }
            for period in range(2, 9)
        ]
        page.request.post("/api/runs/bulk?batch_id=staying", data=grid)
        visit.open("/runs?batch=staying")
        page.locator("#runs-list thead").get_by_role("link", name="Submitted").click()
        page.wait_for_url("**order=asc**")
        of_rule = page.locator("[title^=RSI_5_]")
        row = page.locator("#runs-list tbody tr", has=of_rule)
        row.get_by_role("checkbox").check()
        row.get_by_role("link").first.focus()
        scroll = page.locator("#runs-list .scroll")
        scroll.evaluate("element => { element.scrollLeft = 40; element.dataset.same = 'yes'; }")
        page.request.post(
            f"/api/runs/{row.get_by_role('checkbox').get_attribute('value')}/cancel"
        )

        expect(row).to_contain_text("cancelled")  # the list has refreshed itself
        expect(row.get_by_role("link").first).to_be_focused()
        expect(row.get_by_role("checkbox")).to_be_checked()
        assert scroll.evaluate("element => element.scrollLeft") == 40
        page.get_by_label("Ticker", exact=True).fill("ibm")
        page.get_by_label("Ticker", exact=True).press("Enter")
        page.wait_for_url("**ticker=ibm**")
        assert "order=asc" in page.url
        expect(page.get_by_role("link", name="Clear")).to_be_visible()

        # it was ticked under another filter
        expect(row.get_by_role("checkbox")).not_to_be_checked()
        page.get_by_label("Select all runs on this page").check()
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Cancel 6").click()
        expect(page.locator("#runs-list .state-cancelled")).to_have_count(7)
        expect(page.locator("#selection-status")).to_have_text("6 runs cancelled.")
        expect(page.locator("#runs-list tbody :checked")).to_have_count(0)
    finally:
        visit.site.scaler.send(signal.SIGCONT)
        page.request.post("/api/batches/staying/cancel")


def test_what_was_pressed_for_many_runs_is_done_also_when_the_page_is_left_at_once(
    visit: Visit,
) -> None:
    page = visit.page
    visit.site.scaler.send(signal.SIGSTOP)
    try:
        grid = [
            {
                "ticker": "IBM",
                "rule_type": "RSI",
                "params": {"period": period},
                "charts": False,
                **DATES,
            }
            for period in range(2, 52)
        ]
        page.request.post("/api/runs/bulk?batch_id=left", data=grid)
        visit.open("/runs?batch=left")
        page.get_by_label("Select all runs on this page").check()
        questions = []
        page.once("dialog", lambda dialog: (questions.append(dialog.message), dialog.dismiss()))
        page.get_by_role("button", name="Cancel 50").click()
        page.once("dialog", lambda dialog: dialog.accept())
        page.evaluate(
            "document.querySelector('[data-word=Cancel]').click(); location.assign('/health')"
        )
        page.wait_for_url("**/health")

        visit.open("/runs?batch=left")
        expect(page.locator("#runs-list .state-cancelled")).to_have_count(50)
        expect(page.locator("#runs-list tbody :checked")).to_have_count(0)
        assert questions == ["Cancel 50 runs?"]
    finally:
        visit.site.scaler.send(signal.SIGCONT)
        page.request.post("/api/batches/left/cancel")


def test_cancel_is_not_where_reproduce_comes_to_be(visit: Visit) -> None:
    page = visit.page
    visit.site.scaler.send(signal.SIGSTOP)
    try:
        answer = page.request.post(
            "/run_backtest", data={"ticker": "IBM", "rule_type": "RSI", "charts": False, **DATES}
        )
        page.goto(answer.json()["result_url"])
        at = page.get_by_role("button", name="Cancel run").bounding_box()
    finally:
        visit.site.scaler.send(signal.SIGCONT)

    later = page.get_by_role("button", name="Reproduce")
    expect(later).to_be_visible(timeout=30_000)
    box = later.bounding_box()
    assert at and box
    assert at["y"] > box["y"] + box["height"]


def test_more_than_five_ticked_runs_are_named_and_can_be_unticked(visit: Visit) -> None:
    page = visit.page
    grid = [
        {
            "ticker": "IBM",
            "rule_type": "RSI",
            "params": {"period": period},
            "charts": False,
            **DATES,
        }
        for period in range(2, 9)
    ]
    page.request.post("/api/runs/bulk?batch_id=ticked", data=grid)
    visit.open("/runs?batch=ticked")
    expect(page.locator("#runs-list .state-completed")).to_have_count(7, timeout=30_000)

    page.get_by_label("Select all runs on this page").check()
    expect(page.locator("[data-hint]")).to_have_text(
        "At most 5 runs can be compared; deselect 2."
    )
    expect(page.locator("[data-names]")).to_contain_text(
        "IBM RSI, period = 8, oversold = 30, overbought = 70"
    )
    for period in (2, 3):
        of_rule = page.locator(f"[title^=RSI_{period}_]")
        page.locator("#runs-list tbody tr", has=of_rule).get_by_role("checkbox").uncheck()
    page.get_by_role("button", name="Compare 5").click()

    page.wait_for_url("**/compare?**")
    expect(page.get_by_role("heading", name="Compare 5 runs")).to_be_visible()


def test_a_sweep_leaves_out_what_the_rule_does_not_allow(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    page.locator('[name="rule_type"]').select_option("MA_CROSS")
    fill_sweep(page, fast=("10", "40", "10"), slow=("10", "40", "10"))
    expect(page.locator("[data-count]")).to_have_text(
        "4 fast × 4 slow = 6 combinations with fast < slow"
    )

    run_sweep(page, 6)


def test_a_sweep_is_submitted_from_the_form_and_read_on_its_page(visit: Visit) -> None:
    page = visit.page
    visit.open("/?rule_type=RSI")
    page.locator('[name="start_date"]').fill("2010-01-04")
    fill_sweep(
        page, period=("5", "15", "5"), oversold=("25", "30", "5"), overbought=("65", "70", "5")
    )
    expect(page.locator("[data-count]")).to_have_text(
        "3 period × 2 oversold × 2 overbought = 12 combinations"
    )

    run_sweep(page, 12)
    page.get_by_label("Heatmap rows").select_option("overbought")
    expect(page.get_by_role("heading", name="over period and overbought")).to_be_visible()
    page.get_by_label("Only runs where").fill("num_trades >= 1000")
    page.get_by_label("Only runs where").press("Enter")
    expect(page.get_by_text("No completed run matches num_trades >= 1000")).to_be_visible()
    page.get_by_label("Only runs where").fill("")
    page.get_by_label("Only runs where").press("Enter")
    page.get_by_role("link", name="Compare the best 5").click()

    expect(page.get_by_role("heading", name="Compare 5 runs")).to_be_visible()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_eight_hours_on_a_wall_leave_the_memory_of_the_browser_as_it_was(visit: Visit) -> None:
    """Its clock runs a hundred times as fast; by half time everything is on it that five minutes of a window show."""
    page = visit.page
    page.add_init_script(
        f"const late = setTimeout; window.setTimeout = (then, ms) => late(then, ms / {HURRY})"
    )
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    answers: list[str] = []
    page.on(
        "response",
        lambda response: answers.append(response.url) if "/queue" in response.url else None,
    )
    visit.open("/queue?window=5m")

    kept = []
    for refreshes in (REFRESHES_OF_EIGHT_HOURS // 2, REFRESHES_OF_EIGHT_HOURS):
        while len(answers) < refreshes:
            page.request.post(
                "/run_backtest",
                data={"ticker": "IBM", "rule_type": "RSI", "charts": False, **DATES},
            )
            page.wait_for_timeout(5000)
        kept.append(memory_of(session))

    print(kept)
    half, whole = kept
    assert whole["JSHeapUsedSize"] <= 1.1 * half["JSHeapUsedSize"]
    assert whole["JSEventListeners"] == half["JSEventListeners"]
    # the page's, and those of answers that are about to be collected
    assert whole["Nodes"] <= 5 * half["Nodes"]


def memory_of(session: CDPSession) -> dict[str, float]:
    """Bytes, nodes and listeners that the page holds after a collection of what it does not."""
    session.send("HeapProfiler.collectGarbage")
    metrics = {
        each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]
    }
    return {name: metrics[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}


def lose_the_answer(route: Route) -> None:
    """Let the request reach the server, and its answer nobody."""
    route.fetch()
    route.abort()


def runs_labelled(visit: Visit, label: str) -> int:
    answer = visit.page.request.get(f"{visit.site.url}/api/runs", params={"label": label})
    return len(answer.json()["runs"])


def test_a_run_that_is_sent_again_after_a_lost_answer_is_one_run(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    reached(page, "label").fill("lost and sent again")
    page.route("**/run_backtest", lose_the_answer, times=1)

    page.get_by_role("button", name="Run backtest").click()
    expect(page.locator("#form-fault")).to_contain_text("does not answer")
    page.get_by_role("button", name="Run backtest").click()
    wait_for_result(page)

    assert runs_labelled(visit, "lost and sent again") == 1
    visit.expect_fault("ERR_FAILED")


def test_the_same_form_sent_twice_on_purpose_is_two_runs(visit: Visit) -> None:
    for _ in range(2):
        visit.open("/")
        submit(visit, label="twice on purpose")

    assert runs_labelled(visit, "twice on purpose") == 2


def test_a_reproduction_after_a_lost_answer_is_one_run(visit: Visit) -> None:
    page = visit.page
    new_run(visit, label="reproduced once")
    page.route("**/reproduce", lose_the_answer, times=1)

    page.get_by_role("button", name="Reproduce").click()
    expect(page.locator("#action-fault")).to_contain_text("does not answer")
    page.get_by_role("button", name="Reproduce").click()
    expect(page.locator("#reproduction")).to_be_visible()

    assert runs_labelled(visit, "reproduced once") == 2
    visit.expect_fault("ERR_FAILED")


def test_large_numbers_of_the_queue_stay_within_their_tiles_at_every_width(visit: Visit) -> None:
    page = visit.page
    visit.open("/queue?window=24h")  # refreshed once a minute
    texts = ["123,456", "1,500", "98,765", *["23 min 05 s"] * 3]
    for width in (1920, 1440, 1280, 1101, 1024, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        for value, text in zip(page.locator(".wall .value").all(), texts, strict=True):
            value.evaluate("(element, text) => { element.textContent = text; }", text)
            assert value.evaluate("element => element.scrollWidth <= element.clientWidth"), (
                width,
                text,
            )
