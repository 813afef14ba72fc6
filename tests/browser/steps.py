"""Walks of a person through the dashboard, one after another."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.services.waiting import slowness

JOB_MS = 30_000 * slowness()  # a Job needs a second; a busy machine may need many


def submit(visit: Visit, *, charts: bool = False, **fields: str) -> str:
    """Fill the open form, run it, and return the run's address; pictures cost its Job two seconds."""
    page = visit.page
    reached(page, "charts").set_checked(charts)
    for name, value in fields.items():
        control = reached(page, name)
        if control.evaluate("element => element.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
    page.get_by_role("button", name="Run backtest").click()
    page.wait_for_url("**/result/*")
    return page.url


def reached(page: Page, name: str) -> Locator:
    """The control of a field or parameter, whose fold is opened first."""
    control = page.locator(f'[name="{name}"], [data-path="params.{name}"]').first
    folded = page.locator("#run-form details:not([open])").filter(
        has=page.locator(f'[name="{name}"]')
    )
    if folded.count():
        folded.locator("summary").click()
    return control


def wait_for_result(page: Page) -> None:
    """Until the page shows the tabs, or what failed, and its chart, which moves all below it when it is drawn."""
    expect(page.locator("#tab-panel")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#workspace .stage:not(.drawn)")).to_have_count(0)


def new_run(visit: Visit, **fields: str) -> str:
    """The address of a completed run."""
    visit.open("/")
    address = submit(visit, charts=False, **fields)
    wait_for_result(visit.page)
    return address


def fill_sweep(page: Page, **axes: tuple[str, str, str]) -> None:
    """Open the form's sweep and give a range to each parameter: from, to, step."""
    page.get_by_text("Sweep: try ranges").click()
    for name, values in axes.items():
        for part, value in zip(("from", "to", "step"), values, strict=True):
            page.get_by_label(f"{name} {part}").fill(value)


def run_sweep(page: Page, count: int) -> None:
    """Submit it as runs, and wait on its page until all of them have ended."""
    page.get_by_label("Full runs: trades and charts").check()
    page.get_by_role("button", name=f"Run {count} backtests").click()
    page.wait_for_url("**/batches/*")
    expect(page.locator("#batch")).to_contain_text(
        f"{count} of {count} finished", timeout=2 * JOB_MS
    )
