"""A rule of one's own, written in the browser."""

import json

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.steps import fill_sweep, run_sweep, submit, wait_for_result

BUY = "crosses_above(ema(close, fast), ema(close, slow)) and rsi(close, 14) < 70"
SELL = (
    "crosses_below(ema(close, fast), ema(close, slow)) or close < highest(high, 22) - 3 * atr(22)"
)


def open_editor(visit: Visit) -> Page:
    page = visit.page
    visit.open("/")
    page.locator('[name="rule_type"]').select_option("FORMULA")
    expect(page.locator("[data-formula-state]")).to_contain_text("Ready")
    return page


def write(page: Page, buy: str, sell: str) -> None:
    page.locator('[data-path="params.buy"]').fill(buy)
    page.locator('[data-path="params.sell"]').fill(sell)


def form_request(page: Page) -> dict[str, object]:
    """The request that the form would send."""
    values: dict[str, object] = json.loads(page.locator("#request-json").text_content() or "")
    return values


def test_a_rule_is_written_run_and_cloned(visit: Visit) -> None:
    page = open_editor(visit)
    write(page, "close > 1", "close < 1")
    expect(page.locator("[data-input]")).to_have_count(0)

    write(page, BUY, SELL)
    expect(page.locator("[data-input]")).to_have_count(2)
    page.locator('[data-path="params.inputs.fast"]').fill("12")
    page.get_by_label("fast to", exact=True).fill("90")
    expect(page.locator("[data-formula-state]")).to_have_text("✓ Ready. Warm-up: 26 bars.")
    submit(visit, ticker="AAPL")
    wait_for_result(page)

    buy_text = page.get_by_label("buy, with the values of its inputs")
    expect(buy_text).to_have_text(BUY.replace("fast", "12").replace("slow", "26"))
    page.get_by_role("link", name="Clone").click()
    expect(page.locator('[data-path="params.buy"]')).to_have_value(BUY)
    expect(page.locator('[data-path="params.inputs.fast"]')).to_have_value("12")
    expect(page.get_by_label("fast to", exact=True)).to_have_value("90")
    expect(page.locator("[data-formula-state]")).to_contain_text("Ready")
    assert form_request(page)["params"] == {
        "buy": BUY,
        "sell": SELL,
        "inputs": {
            "fast": {"value": 12, "min": 2, "max": 90},
            "slow": {"value": 26, "min": 3, "max": 300},
        },
    }


def test_a_column_of_the_tickers_prices_is_offered_used_and_explained(visit: Visit) -> None:
    page = visit.page
    rows = [
        f"2020-{month:02}-{day:02},{10 + day},0.{day:02}"
        for month in (1, 2)
        for day in range(1, 29)
    ]
    prices = "\n".join(["Date,Close,Score", *rows])
    url = f"{visit.site.url}/api/prices/SCORED/1d"
    assert page.request.put(url, data=prices, headers={"Content-Type": "text/csv"}).ok
    visit.open("/?ticker=SCORED&rule_type=FORMULA")

    page.locator('[data-path="params.buy"]').fill("")
    page.get_by_role("button", name="score a column of these prices").click()
    expect(page.locator('[data-path="params.buy"]')).to_have_value("score")
    write(page, "score > 0.2", "score < 0.1")
    submit(visit)
    wait_for_result(page)

    expect(page.locator(".stage.drawn")).to_be_visible()
    expect(page.get_by_role("button", name="score", exact=True)).to_be_visible()


def test_a_fault_is_shown_at_its_place_while_somebody_types(visit: Visit) -> None:
    page = open_editor(visit)

    write(page, "close > higest(high, 20)", "close < 1")

    fault = page.locator('[data-fault="params.buy"]')
    expect(fault).to_contain_text("did you mean `highest`?")
    expect(fault.locator("code")).to_have_text("close > higest(high, 20)\n        ^")
    expect(page.locator('[data-path="params.buy"]')).to_have_attribute("aria-invalid", "true")
    page.locator('[data-path="params.buy"]').fill("close > highest(high, 20)")
    expect(fault).to_be_empty()
    expect(page.locator("[data-formula-state]")).to_contain_text("buy can never hold")
    page.locator('[data-path="params.buy"]').fill("close > prev(highest(high, 20))")
    expect(page.locator("[data-formula-state]")).to_contain_text("Ready")


def test_an_input_that_goes_and_comes_back_finds_its_number_again(visit: Visit) -> None:
    page = open_editor(visit)
    write(page, "close > sma(close, n)", "close < 1")
    page.locator('[data-path="params.inputs.n"]').fill("7")
    expect(page.locator("[data-formula-state]")).to_contain_text("Ready")

    page.locator('[data-path="params.buy"]').fill("close > 1")
    expect(page.locator("[data-input]")).to_have_count(0)
    page.locator('[data-path="params.buy"]').fill("close > sma(close, n)")

    expect(page.locator('[data-path="params.inputs.n"]')).to_have_value("7")


def test_every_worked_example_is_a_click_away_and_ready_and_can_be_undone(visit: Visit) -> None:
    page = open_editor(visit)
    first = page.locator('[data-path="params.sell"]').input_value()

    for example in page.locator("[data-example]").all():
        example.click()
        params = json.loads(example.get_attribute("data-example") or "")
        expect(page.locator('[data-path="params.buy"]')).to_have_value(params["buy"])
        expect(page.locator("[data-input]")).to_have_count(len(params["inputs"]))
        expect(page.locator("[data-formula-state]")).to_contain_text("Ready")
        assert form_request(page)["params"] == params

    page.locator('[data-path="params.sell"]').focus()
    while page.locator('[data-path="params.sell"]').input_value() != first:
        page.keyboard.press("Control+z")


def test_a_function_of_the_list_is_written_where_the_cursor_is(visit: Visit) -> None:
    page = open_editor(visit)
    write(page, "open < ", "close < 1")
    page.locator('[data-path="params.buy"]').press("End")
    # which moves what is below it
    expect(page.locator('[data-fault="params.buy"]')).not_to_be_empty()

    page.locator('[data-insert="highest(close, 20)"]').click()

    expect(page.locator('[data-path="params.buy"]')).to_have_value("open < highest(close, 20)")
    expect(page.locator("[data-formula-state]")).to_contain_text("Ready")


def test_a_rule_is_saved_and_changed_as_a_preset(visit: Visit) -> None:
    page = open_editor(visit)
    write(page, "close > sma(close, n)", "close < 1")
    page.locator('[data-path="params.inputs.n"]').fill("7")
    page.get_by_label("Name of a new preset").fill("own")
    page.get_by_role("button", name="Save as new").click()
    expect(page.locator("#preset-state")).to_have_text("saved")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()

    page.locator('[data-path="params.inputs.n"]').fill("8")
    expect(page.locator("#preset-state")).to_have_text("modified")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#preset-state")).to_have_text("saved")
    page.reload()
    page.get_by_label("Load a preset").select_option(label="own · FORMULA")

    expect(page.locator('[data-path="params.inputs.n"]')).to_have_value("8")
    expect(page.locator("#preset-state")).to_have_text("saved")


def test_a_check_that_was_put_off_does_nothing_once_another_rule_is_chosen(visit: Visit) -> None:
    visit.page.clock.install()
    page = open_editor(visit)

    page.evaluate(
        """() => {
          const area = document.querySelector('[data-path="params.buy"]');
          area.dispatchEvent(new Event("input", { bubbles: true }));
          const select = document.querySelector('[name="rule_type"]');
          select.value = "RSI";
          select.dispatchEvent(new Event("change", { bubbles: true }));
        }"""
    )
    page.clock.run_for(1_000)  # longer than the editor's pause; a script's error ends the test

    expect(page.locator('[data-path="params.period"]')).to_have_value("14")


def test_a_form_that_begins_with_a_rule_without_numbers_offers_no_sweep(visit: Visit) -> None:
    visit.open("/?rule_type=COMPOSITE")

    expect(visit.page.locator(".member")).not_to_have_count(0)
    expect(visit.page.locator("#sweep")).to_be_hidden()


def test_a_rule_of_one_s_own_is_swept_and_its_combinations_are_studied(visit: Visit) -> None:
    page = open_editor(visit)
    write(page, BUY, SELL)
    expect(page.locator("[data-input]")).to_have_count(2)
    page.get_by_label("fast to", exact=True).fill("90")
    fill_sweep(page, **{"inputs.fast": ("5", "15", "5")})
    expect(page.locator("[data-count]")).to_have_text("3 inputs.fast = 3 combinations")
    run_sweep(page, 3)
    expect(page.get_by_role("heading", name="by parameter")).to_be_visible()

    page.get_by_role("link", name="Study", exact=True).click()
    expect(page.get_by_text("3 combinations of FORMULA")).to_be_visible()
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#study-cost")).to_contain_text("3 combinations")
