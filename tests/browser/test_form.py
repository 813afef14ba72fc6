"""The form of a new run: what it keeps, how wide it is, and what it says before anything is sent."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.steps import fill_sweep, reached, submit, wait_for_result
from tests.services.prices import DATA

OWN = {"buy": "close > sma(close, slow)", "sell": "close < sma(close, slow)"}


def fill_own_rule(page: Page) -> None:
    """A rule of one's own, its input with a bound, and a range to sweep it over."""
    page.locator('[name="rule_type"]').select_option("FORMULA")
    for name, text in OWN.items():
        page.locator(f'[data-path="params.{name}"]').fill(text)
    page.locator('[data-path="params.inputs.slow"]').fill("40")
    page.get_by_label("slow to", exact=True).fill("90")
    fill_sweep(page, **{"inputs.slow": ("30", "50", "")})


@pytest.mark.parametrize("away", ["link", "result"])
def test_going_back_shows_what_was_entered_and_a_fresh_visit_nothing_of_it(
    visit: Visit, away: str
) -> None:
    page = visit.page
    visit.open("/")
    page.locator('[name="ticker"]').select_option("IBM")
    page.locator('[name="end_date"]').fill("2009-12-31")
    if away == "result":
        submit(
            visit,
            rule_type="MA_CROSS",
            fast="7",
            fee_rate="0.002",
            stop_loss_pct="8",
            tags="kept, here",
        )
    else:
        fill_own_rule(page)
        page.get_by_role("link", name="Batches").first.click()
    page.wait_for_url(lambda address: not address.endswith("/"))

    page.go_back()

    expect(page.locator('[name="ticker"]')).to_have_value("IBM")
    expect(page.locator('[name="end_date"]')).to_have_value("2009-12-31")
    if away == "result":
        expect(page.locator('[data-path="params.fast"]')).to_have_value("7")
        expect(page.locator('[name="fee_rate"]')).to_have_value("0.002")
        expect(page.locator('[name="stop_loss_pct"]')).to_have_value("8")
        expect(page.locator('[name="tags"]')).to_have_value("kept, here")
        expect(page.locator('[name="charts"]')).not_to_be_checked()
    else:
        for name, text in OWN.items():
            expect(page.locator(f'[data-path="params.{name}"]')).to_have_value(text)
        expect(page.locator('[data-path="params.inputs.slow"]')).to_have_value("40")
        expect(page.get_by_label("slow to", exact=True)).to_have_value("90")
        expect(page.get_by_label("inputs.slow to")).to_be_visible()
        expect(page.get_by_label("inputs.slow to")).to_have_value("50")
    visit.open("/?ticker=MSFT")
    expect(page.locator('[name="ticker"]')).to_have_value("MSFT")
    visit.open("/")
    expect(page.locator('[name="end_date"]')).not_to_have_value("2009-12-31")


# Of an input, whether a text in its own font fits between its padding.
FITS = """(input, text) => {
  const style = getComputedStyle(input);
  const pen = new OffscreenCanvas(1, 1).getContext("2d");
  pen.font = style.font;
  const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
  return pen.measureText(text).width <= input.clientWidth - padding;
}"""


@pytest.mark.parametrize("width", [1440, 390, 320])
def test_the_fields_of_a_sweep_show_nine_digits_and_whole_words(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 844})
    visit.open("/?rule_type=MACD")

    visit.page.get_by_text("Sweep: try ranges").click()

    for field in visit.page.locator("[data-axis]").all():
        assert field.evaluate(FITS, "123456789")
        assert field.evaluate(FITS, field.get_attribute("placeholder"))


def test_a_rule_that_cannot_signal_is_not_called_ready(visit: Visit) -> None:
    page = visit.page
    visit.open("/?rule_type=FORMULA&ticker=AAPL")
    state = page.locator("[data-formula-state]")

    page.locator('[data-path="params.buy"]').fill("close > sma(close, 5000)")
    expect(state).to_contain_text("but AAPL has only 3,270 by")
    page.locator('[data-path="params.buy"]').fill("close > 20")
    page.locator('[data-path="params.sell"]').fill("close >  20")
    expect(state).to_contain_text("buy and sell are the same condition")
    page.locator('[data-path="params.sell"]').fill("close < 20")
    expect(state).to_contain_text("✓ Ready")

    page.locator('[name="rule_type"]').select_option("MA_CROSS")
    page.locator('[data-path="params.slow"]').fill("300")
    page.locator('[name="ticker"]').select_option("FB")
    expect(page.locator("#rule-warnings")).to_contain_text("MA_CROSS needs 300 bars of history")
    page.locator('[data-path="params.slow"]').fill("100")
    expect(page.locator("#rule-warnings")).to_be_empty()


def test_a_fold_says_what_is_set_in_it_while_somebody_types(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    money, stops, label = (
        page.locator("#run-form summary", has_text=name) for name in ("Money", "Stops", "Label")
    )
    expect(page.locator("#request-json")).to_be_hidden()
    expect(money).to_contain_text(
        "initial capital 100,000 · fee rate 0.1 % · slippage 0 bps · position size 100 % of equity"
    )
    expect(stops).to_contain_text("no stops")
    expect(label).to_contain_text("PNG charts")

    reached(page, "initial_capital").fill("10000")
    reached(page, "direction").select_option("longshort")
    reached(page, "fractional_shares").check()
    reached(page, "stop_loss_pct").fill("8")
    reached(page, "charts").uncheck()
    reached(page, "tags").fill("idea")

    expect(money).to_contain_text("initial capital 10,000 ·")
    expect(money).to_contain_text("· long and short · fractional shares")
    expect(stops).to_contain_text("stop loss 8 %")
    expect(label).to_contain_text("no PNG charts · tags idea")
    page.get_by_role("button", name="Reset").click()
    expect(stops).to_contain_text("no stops")


def test_the_shape_of_the_prices_shows_the_chosen_part(visit: Visit) -> None:
    page = visit.page
    visit.open("/?ticker=AAPL")
    part = page.locator("#price-shape rect")
    expect(page.locator("#price-shape polyline")).to_have_attribute(
        "points", re.compile(r"^0.0,\S+( \S+){46} 96.0,\S+$")
    )
    expect(page.get_by_role("button", name="5Y")).to_have_attribute("aria-pressed", "true")
    expect(part).to_have_attribute("x", re.compile(r"^59"))  # five of thirteen years

    page.get_by_role("button", name="All", exact=True).click()
    expect(part).to_have_attribute("width", "96")
    page.locator('[name="end_date"]').fill("2006-09-01")
    expect(part).to_have_attribute("width", re.compile(r"^48"))


DROP = """(form, text) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], "MINE.csv", { type: "text/csv" }));
  form.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""


def test_a_file_that_is_dropped_on_the_form_is_examined_where_prices_are_loaded(
    visit: Visit,
) -> None:
    page = visit.page
    visit.open("/")
    expect(page.get_by_role("link", name="Use your own prices")).to_have_attribute(
        "href", "/prices"
    )
    page.locator('[name="start_date"]').fill("2010-01-04")

    page.locator("#run-form").evaluate(DROP, (DATA / "IBM.csv").read_text())

    page.wait_for_url("**/prices")
    expect(page.locator("#price-reports")).to_contain_text("New series")
    expect(page.get_by_role("group", name="MINE.csv").get_by_label("Ticker")).to_have_value(
        "MINE"
    )
    page.go_back()
    expect(page.locator('[name="start_date"]')).to_have_value("2010-01-04")


def test_a_fresh_form_begins_with_averages_over_five_years(visit: Visit) -> None:
    visit.open("/")

    submit(visit)
    wait_for_result(visit.page)

    expect(
        visit.page.get_by_role(
            "heading", name="AAPL MA crossover, fast = 20, slow = 50, kind = sma"
        )
    ).to_be_visible()
    expect(visit.page.locator('[data-metric="sharpe_ratio"] .value')).to_have_text(
        re.compile(r"^1\.[012]")
    )


def test_of_prices_shorter_than_every_range_all_are_chosen(visit: Visit) -> None:
    rows = [f"2024-01-{day:02},10,12,9,11,100" for day in range(2, 30)]
    csv = "\n".join(["Date,Open,High,Low,Close,Volume", *rows])
    visit.page.request.put("/api/prices/SHORT/1d", data=csv, headers={"Content-Type": "text/csv"})

    visit.open("/?ticker=SHORT")

    expect(visit.page.locator('[data-years][aria-pressed="true"]')).to_have_text("All")
