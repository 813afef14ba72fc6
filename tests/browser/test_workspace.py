"""Hands on the charts: zoom, drag, keys, trades and explanations, in Chromium and Firefox, at both widths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit, launched
from tests.browser.steps import JOB_MS, new_run, wait_for_result
from tests.services.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# each way of drawing and leading in both browsers; at both widths in Chromium, whose engine is the faster to start
WIDTHS = pytest.mark.parametrize(
    ("browser", "width"),
    [
        ("chromium", 1440),
        ("chromium", 390),
        ("firefox", 1440),
        pytest.param("firefox", 390, marks=pytest.mark.slow),
    ],
    indirect=["browser"],
    scope="module",
)
AXIS_PX = 90  # the prices' axis on the right, at most


@pytest.fixture(
    scope="module", params=["chromium", pytest.param("firefox", marks=pytest.mark.slow)]
)
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """One after the other."""
    with launched(request.param) as started:
        yield started


@pytest.fixture(scope="module")
def runs(site: object, browser: Browser) -> dict[str, str]:
    """Addresses of completed runs by name; filled by the first test of each browser."""
    return {}


def chart_of(visit: Visit, runs: dict[str, str], tab: str = "stats") -> Page:
    """The page of a run with 60 trades, its chart drawn."""
    if "traded" not in runs:
        runs["traded"] = new_run(visit, ticker="AAPL", rule_type="RSI", stop_loss_pct="8")
    visit.page.goto(f"{runs['traded']}?tab={tab}")
    expect(visit.page.locator(".stage.drawn")).to_be_visible()
    return visit.page


def visible_dates(page: Page) -> tuple[str, str]:
    """First and last date of what the chart shows."""
    first, last = re.findall(r"\d{4}-\d\d-\d\d", page.locator(".chart-range").inner_text())
    return first, last


def legend(page: Page) -> Locator:
    return page.locator(".pane-legend").first


def middle_of(stage: Locator) -> tuple[float, float]:
    """A place on the price pane, in pixels of the window."""
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    return box["x"] + (box["width"] - AXIS_PX) / 2, box["y"] + 150


@WIDTHS
def test_the_chart_is_zoomed_and_dragged(visit: Visit, runs: dict[str, str], width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = chart_of(visit, runs)
    everything = visible_dates(page)
    x, y = middle_of(page.locator(".stage"))

    page.mouse.move(x, y)
    for _ in range(5):
        page.mouse.wheel(0, -300)
    expect(page.locator(".chart-range")).not_to_contain_text(everything[0])
    zoomed = visible_dates(page)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=5)
    page.mouse.up()
    expect(page.locator(".chart-range")).not_to_contain_text(zoomed[1])
    dragged = visible_dates(page)
    expect(page.locator('.ranges [aria-pressed="true"]')).to_have_count(0)
    page.get_by_role("button", name="1Y", exact=True).click()
    expect(page.locator(".chart-range")).to_contain_text(everything[1])
    year = visible_dates(page)
    expect(page.locator('.ranges [aria-pressed="true"]')).to_have_text("1Y")
    page.get_by_role("button", name="All", exact=True).click()

    assert everything[0] < zoomed[0] < zoomed[1] < everything[1]
    assert dragged[0] < zoomed[0]
    assert int(everything[1][:4]) - int(year[0][:4]) == 1
    expect(page.locator(".chart-range")).to_have_text(" to ".join(everything))


@WIDTHS
def test_the_chart_is_led_by_keys(visit: Visit, runs: dict[str, str], width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = chart_of(visit, runs)
    everything = visible_dates(page)

    page.locator(".stage").focus()
    page.keyboard.press("Home")
    assert (
        page.locator(".stage").evaluate(
            "stage => getComputedStyle(stage, '::after').borderTopWidth"
        )
        == "2px"
    )
    expect(legend(page)).to_contain_text(everything[0])
    page.keyboard.press("ArrowRight")
    expect(legend(page)).not_to_contain_text(everything[0])
    page.keyboard.press("+")
    expect(page.locator(".chart-range")).not_to_contain_text(everything[1])
    page.keyboard.press("End")

    expect(legend(page)).to_contain_text(everything[1])
    expect(legend(page)).to_contain_text(
        re.compile(r"O\s[\d.]+ H\s[\d.]+ L\s[\d.]+ C\s[\d.]+ · (long|no position)")
    )
    heights = page.locator(".pane-legend").evaluate_all(
        "legends => legends.map((legend) => legend.clientHeight)"
    )
    assert max(heights) <= 40  # two lines
    expect(page.locator("#announcer")).to_contain_text("Equity")
    # the keys did not reach the tabs
    expect(page.locator("#tab-stats")).to_have_attribute("aria-selected", "true")


def test_a_link_has_the_range_that_is_shown(
    visit: Visit, runs: dict[str, str], browser: Browser
) -> None:
    page = chart_of(visit, runs)
    whole = page.locator(".chart-range").inner_text()
    page.get_by_role("button", name="1Y", exact=True).click()
    expect(page.locator(".chart-range")).not_to_have_text(whole)
    year = visible_dates(page)

    page.get_by_role("button", name="Copy link").first.click()
    page.goto(page.url)
    expect(page.locator(".stage.drawn")).to_be_visible()

    assert f"range={year[0]}_{year[1]}" in page.url
    expect(page.locator(".chart-range")).to_have_text(" to ".join(year))


def test_panes_and_scale_are_remembered(visit: Visit, runs: dict[str, str]) -> None:
    page = chart_of(visit, runs)
    panes = page.locator(".pane-legend").count()

    page.get_by_role("button", name="Drawdown", exact=True).click()
    page.get_by_role("button", name="Log", exact=True).click()
    log = page.get_by_role("button", name="Log", exact=True).get_attribute("aria-pressed")
    page = chart_of(visit, runs)

    expect(page.locator(".pane-legend")).to_have_count(panes - 1)
    expect(page.get_by_role("button", name="Drawdown", exact=True)).to_have_attribute(
        "aria-pressed", "false"
    )
    expect(page.get_by_role("button", name="Log", exact=True)).to_have_attribute(
        "aria-pressed", str(log)
    )


@WIDTHS
def test_a_row_of_the_table_shows_its_trade_and_an_arrow_its_row(
    visit: Visit, runs: dict[str, str], width: int
) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = chart_of(visit, runs, "trades")
    everything, card = visible_dates(page), page.locator(".trade-card")

    page.locator('[data-trade="4"]').click()
    expect(card.get_by_role("heading")).to_contain_text("Trade 5, long")
    row = page.locator("#trades tr[aria-current]")
    expect(row).to_contain_text(card.locator("dd").first.inner_text()[:10])
    expect(page.locator(".stage")).to_be_focused()
    first, last = visible_dates(page)
    entry, exit_ = (card.locator("dd").nth(at).inner_text()[:10] for at in (0, 1))
    card.get_by_role("button", name="Next trade").click()
    expect(card.get_by_role("heading")).to_contain_text("Trade 6, long")
    click_arrow_of_trade(page, "Trade 6")

    assert everything[0] < first < entry <= exit_ < last < everything[1]
    expect(row.locator("td").first).to_have_text("6")


def click_arrow_of_trade(page: Page, name: str) -> None:
    """Close the gap between what is known, that its arrows are near the middle, and where they are: by trying."""
    card, stage = page.locator(".trade-card"), page.locator(".stage")
    page.evaluate("document.querySelector('.trade-card h3').textContent = ''")
    stage.evaluate("stage => stage.scrollIntoView({ block: 'center' })")
    box = stage.bounding_box()
    assert box is not None
    for across in range(30, 70, 3):
        for down in range(30, 300, 12):
            page.mouse.click(box["x"] + (box["width"] - AXIS_PX) * across / 100, box["y"] + down)
            if card.get_by_role("heading").inner_text().startswith(name):
                return
    raise AssertionError(f"no arrow of {name} was met")


@WIDTHS
def test_a_bar_says_why_the_rule_traded_there_or_not(
    visit: Visit, runs: dict[str, str], width: int
) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = chart_of(visit, runs)
    why = page.locator(".explanation")

    page.mouse.click(*middle_of(page.locator(".stage")))
    expect(why).to_contain_text("RSI(14)")
    clicked = why.locator("h3").inner_text()
    page.locator(".stage").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")

    expect(why.locator("h3")).not_to_have_text(clicked)
    expect(why.locator("li").first).to_contain_text(re.compile("[✓✗—] (buy|sell): "))
    # the rule's own line has its pane
    expect(page.locator(".pane-legend", has_text="RSI(14)")).to_be_visible()


@WIDTHS
def test_what_a_click_explains_is_in_view(visit: Visit, runs: dict[str, str], width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = chart_of(visit, runs)
    expect(page.locator("#why [data-hint]")).to_be_visible()

    page.mouse.click(*middle_of(page.locator(".stage")))
    expect(page.locator(".explanation p")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="1Y", exact=True).click()
    expect(page.locator(".chart-range")).not_to_contain_text("2000")
    page.locator("[data-stretch]").click()
    expect(page.locator(".explanation p")).to_contain_text(
        re.compile(r"trades? (was|were) opened on these 2\d\d bars")
    )
    expect(page.locator(".explanation li").first).to_contain_text("RSI(14)")
    page.keyboard.press("Escape")

    if width < 1100:
        expect(page.locator("#why")).to_have_css("position", "static")


def enter(field: Locator, text: str) -> None:
    """In place of what a field of numbers holds: what `fill` writes stands behind it in Firefox."""
    field.press("ControlOrMeta+a")
    field.press_sequentially(text)


def test_a_run_is_repeated_with_other_params_and_compared_with_the_first(
    visit: Visit, runs: dict[str, str], browser: Browser
) -> None:
    page = chart_of(visit, runs)
    form = page.locator("#again-form")

    enter(form.get_by_label("oversold"), "99")
    form.get_by_role("button").click()
    expect(form).to_contain_text("99 is out of range: must be a number from 1 to 50")
    if browser.browser_type.name == "chromium":  # no other prints it
        visit.expect_fault("status of 400")
    enter(form.get_by_label("oversold"), "45")
    form.get_by_role("button").click()

    page.wait_for_url("**/result/*?beside=*")
    expect(page.locator("#compared-with")).to_contain_text("oversold 30 → 45", timeout=JOB_MS)
    expect(page.locator("#announcer")).to_contain_text("completed")
    expect(page.locator('[data-metric="num_trades"]')).to_contain_text(re.compile(r"was \d+"))
    expect(
        page.locator(".pane-legend", has_text=re.compile(r"Previous run\s[\d,.]+Equity\s[\d,.]+"))
    ).to_be_visible()
    page.get_by_role("link", name="the previous run").click()
    expect(page.locator("#compared-with")).to_have_count(0)


def test_nothing_moves_when_the_chart_is_drawn(
    visit: Visit, runs: dict[str, str], browser: Browser
) -> None:
    if browser.browser_type.name != "chromium":  # no other measures it
        return
    chart_of(visit, runs)
    for width in (1280, 390):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.add_init_script(
            """window.moved = 0;
            new PerformanceObserver((list) => list.getEntries().forEach((each) => (window.moved += each.value)))
              .observe({ type: "layout-shift", buffered: true });"""
        )
        page.goto(runs["traded"])
        expect(page.locator(".stage.drawn")).to_be_visible()
        page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        assert page.evaluate("window.moved") < 0.01
        page.close()


def test_legends_stay_with_their_panes_when_the_window_grows(
    visit: Visit, runs: dict[str, str]
) -> None:
    visit.page.set_viewport_size({"width": 1440, "height": 800})
    page = chart_of(visit, runs)
    last = page.locator(".pane-legend").last
    before = last.evaluate("legend => legend.offsetTop")

    page.set_viewport_size({"width": 1440, "height": 1300})

    wait_until(lambda: last.evaluate("legend => legend.offsetTop") > before + 100)


def test_a_system_that_forces_its_colours_gets_a_chart(
    visit: Visit, runs: dict[str, str], browser: Browser
) -> None:
    if browser.browser_type.name != "chromium":  # no other can be told to
        return
    visit.page.emulate_media(forced_colors="active")
    page = chart_of(visit, runs)
    colours = """() => {
      const canvas = document.querySelector(".stage canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }"""

    looks = (
        """elements => elements.map((each) => getComputedStyle(each)).map((style) => style[%r])"""
    )
    drawn = page.evaluate(colours)
    grounds = page.locator(".switches button, nav a, .tabs a").evaluate_all(
        looks % "backgroundColor"
    )
    words = page.locator(".pane-legend span").evaluate_all(looks % "color")
    visit.page.emulate_media(forced_colors="none")

    assert drawn > 20
    # what is chosen has one
    assert 0 < sum(ground.endswith(", 0)") for ground in grounds) < len(grounds)
    assert len(set(words)) > 3


def test_a_finger_zooms_and_taps(visit: Visit, runs: dict[str, str], browser: Browser) -> None:
    if browser.browser_type.name != "chromium":  # no other lets a test put two fingers down
        return
    chart_of(visit, runs)
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(runs["traded"])
    expect(page.locator(".stage.drawn")).to_be_visible()
    everything = visible_dates(page)
    x, y = middle_of(page.locator(".stage"))

    pinch = {"x": x, "y": y, "scaleFactor": 3, "gestureSourceType": "touch"}
    context.new_cdp_session(page).send("Input.synthesizePinchGesture", pinch)
    page.touchscreen.tap(x, y)

    expect(page.locator(".explanation")).to_contain_text("RSI(14)")
    expect(legend(page)).to_contain_text(page.locator(".explanation h3").inner_text())
    assert everything[0] < visible_dates(page)[0] < visible_dates(page)[1] < everything[1]
    context.close()


def test_colours_follow_the_theme(visit: Visit, runs: dict[str, str]) -> None:
    page = chart_of(visit, runs)
    corner = """() => [...document.querySelector(".stage canvas").getContext("2d").getImageData(1, 40, 1, 1).data]"""
    before = page.evaluate(corner)

    page.evaluate(
        """() => {
        document.querySelector(".workspace").style.setProperty("--panel", "#123456");
        document.documentElement.dataset.theme = "another";
    }"""
    )

    wait_until(lambda: page.evaluate(corner)[0] == 18)
    assert before[0] != 18


def test_a_run_of_a_batch_offers_to_be_run_again_with_its_lines(visit: Visit) -> None:
    page = visit.page
    run = {
        "ticker": "IBM",
        "rule_type": "RSI",
        "charts": False,
        "start_date": "2005-01-03",
        "end_date": "2009-12-31",
    }
    [run_id] = page.request.post("/api/runs/bulk", data=[run]).json()["run_ids"]
    page.goto(f"/result/{run_id}")
    wait_for_result(page)
    expect(page.locator(".stage.drawn")).to_be_visible()

    page.get_by_role("button", name="Run with indicators").click()
    page.wait_for_url(lambda url: run_id not in url)
    wait_for_result(page)

    expect(page.locator(".pane-legend", has_text="RSI(14)")).to_be_visible()
    expect(page.get_by_role("button", name="Run with indicators")).to_be_hidden()


def test_prices_without_volume_have_no_pane_of_it(visit: Visit, runs: dict[str, str]) -> None:
    button = chart_of(visit, runs).get_by_role("button", name="Volume", exact=True)
    expect(button).to_be_visible()

    new_run(visit, ticker="KO", rule_type="RSI")
    expect(visit.page.locator(".stage.drawn")).to_be_visible()

    expect(visit.page.get_by_role("button", name="Equity", exact=True)).to_be_visible()
    expect(button).to_have_count(0)


def test_a_long_run_is_refined_where_one_zooms_in(visit: Visit) -> None:
    page = visit.page
    start = datetime(2024, 2, 1, tzinfo=UTC)
    times = [(start + timedelta(minutes=5 * n)).isoformat() for n in range(28 * 24 * 12)]
    rows = [
        f"{at},{10 + n % 7},{12 + n % 7},{9 + n % 7},{11 + n % 7},{n}"
        for n, at in enumerate(times)
    ]
    csv = "\n".join(["Date,Open,High,Low,Close,Volume", *rows])
    page.request.put("/api/prices/LONG/5m", data=csv, headers={"Content-Type": "text/csv"})
    small = {
        "direction": "longshort",
        "position_size": 20,
        "start_date": "2024-02-01",
        "end_date": "2024-02-28",
    }
    run = {"ticker": "LONG", "timeframe": "5m", "rule_type": "MACD", **small}
    page.goto(page.request.post("/run_backtest", data=run).json()["result_url"])
    wait_for_result(page)
    expect(page.locator(".stage.drawn")).to_be_visible()
    expect(page.locator(".chart-status")).to_contain_text("zoom in to see them")

    with page.expect_response(lambda answer: "/bars?from=" in answer.url) as refined:
        page.get_by_role("button", name="1D", exact=True).click()

    assert refined.value.json()["bars_per_point"] == 1
    expect(page.locator(".chart-status")).to_have_text("")
    expect(page.locator(".chart-range")).to_contain_text("to 2024-02-28 23:55")
    page.locator(".stage").focus()
    page.mouse.move(0, 0)  # what is under the mouse would be said otherwise
    page.keyboard.press("End")
    expect(page.locator(".pane-legend").nth(1)).to_contain_text(f"Volume {len(times) - 1:,}")
    page.keyboard.press("Enter")
    expect(page.locator(".explanation h3")).to_have_text("2024-02-28 23:55")


def test_a_chart_whose_library_does_not_come_says_so(visit: Visit, runs: dict[str, str]) -> None:
    page = chart_of(visit, runs)
    page.route("**/lightweight-charts.js", lambda route: route.abort())

    page.reload()

    expect(page.locator(".chart-status")).to_have_text(
        "The chart could not be loaded. Reload the page."
    )
    visit.faults.clear()  # the browser prints each request that failed


def test_comparison_and_prices_are_drawn_in_the_same_kind_of_chart(
    visit: Visit, runs: dict[str, str]
) -> None:
    chart_of(visit, runs)
    runs.setdefault("other", new_run(visit, ticker="MSFT", rule_type="MACD"))
    one, other = (runs[name].rsplit("/", 1)[1] for name in ("traded", "other"))

    visit.open(f"/compare?run={one}&run={other}")
    expect(legend(visit.page)).to_contain_text(re.compile(r"1\s[\d.,]+% *2\s[\d.,]+%"))
    expect(visit.page.locator(".pane-legend").nth(1)).to_contain_text("Drawdown")
    visit.open("/prices/MSFT/1d")

    expect(legend(visit.page)).to_contain_text(re.compile(r"C\s[\d.]+"))


@WIDTHS
def test_a_benchmark_is_with_the_equity_in_comparisons_and_in_the_list(
    visit: Visit, runs: dict[str, str], width: int
) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": 900})
    runs.setdefault("beside", new_run(visit, ticker="MSFT", rule_type="MACD", benchmark="IBM"))
    chart_of(visit, runs)

    page.goto(runs["beside"])
    expect(
        page.locator(
            ".pane-legend",
            has_text=re.compile(r"Buy & hold\s[\d.,]+IBM buy & hold\s[\d.,]+Equity"),
        )
    ).to_be_visible()
    one, other = (runs[name].rsplit("/", 1)[1] for name in ("traded", "beside"))
    visit.open(f"/compare?run={one}&run={other}")
    expect(legend(page)).to_contain_text(re.compile(r"2\s[\d.,]+% *IBM buy & hold\s[\d.,]+%"))
    expect(page.locator("table.grid").first).to_contain_text("Information ratio")
    metrics = page.get_by_role("group", name="Metrics")
    assert metrics.evaluate("scroller => scroller.scrollWidth <= scroller.clientWidth")
    visit.open("/runs")
    row = page.locator(f"#row-{other}")
    expect(row).not_to_contain_text("IBM")
    page.locator(".chooser summary").click()
    for column in ("benchmark", "alpha"):
        page.locator(f"[data-column={column}]").check()
    page.reload()

    expect(row).to_contain_text("IBM")
    expect(row.locator("[data-metric]")).to_have_text(re.compile(r"[▲▼] [+−][\d.,]+%"))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
