"""A strategy in Python, written in the browser."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.steps import submit, wait_for_result

CODE = """import pandas as pd


def signals(bars, fast=20, slow=50):
    close = bars.frame["close"]
    quick = close.rolling(fast).mean()
    above = quick > close.rolling(slow).mean()
    change = above.astype(int).diff().fillna(0)
    return change, {"fast": quick}
"""
PEEK = """import numpy as np


def signals(bars):
    return np.sign(np.append(np.diff(bars.close), 0))
"""


def open_editor(visit: Visit, code: str) -> None:
    visit.open("/")
    visit.page.locator('[name="rule_type"]').select_option("PYTHON")
    expect(visit.page.locator(".code-editor .ace_text-input")).to_be_attached()
    paste(visit, code)


def paste(visit: Visit, code: str) -> None:
    visit.page.locator(".code-editor .ace_content").click()
    visit.page.keyboard.press("Control+A")
    visit.page.keyboard.insert_text(code)


def test_code_is_checked_while_it_is_written_and_its_run_says_how_it_was_checked(
    visit: Visit,
) -> None:
    page = visit.page
    open_editor(visit, CODE.replace("close.rolling(slow)", "close.rolling(slow"))
    expect(page.locator(".fault").filter(has_text="never closed")).to_be_visible()
    expect(page.locator(".ace_gutter-cell.ace_error")).to_be_visible()

    paste(visit, CODE)
    expect(page.locator("[data-formula-state]")).to_contain_text("signals is called once")
    expect(page.locator("[data-input]")).to_have_count(2)
    submit(visit, ticker="AAPL")
    wait_for_result(page)

    expect(page.get_by_label("code", exact=True)).to_contain_text("close.rolling(slow)")
    expect(page.locator(".rail")).to_contain_text("signals were given without later bars")


def test_a_strategy_that_peeks_one_bar_ahead_is_refused_with_the_bar(visit: Visit) -> None:
    open_editor(visit, PEEK)
    submit(visit, ticker="AAPL")

    expect(
        visit.page.get_by_role("alert").filter(has_text="without the later ones")
    ).to_be_visible()
