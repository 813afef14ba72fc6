"""The dashboard under a path of a proxy's host, in a real browser: no request leaves that path."""

from urllib.parse import urlsplit

from playwright.sync_api import Request, expect

from tests.browser.conftest import Site, Visit
from tests.browser.steps import fill_sweep, new_run
from tests.services.prefix_proxy import prefix_proxy

PREFIX = "/tools/bt"


def test_runs_sweeps_and_settings_work_behind_a_proxy_that_strips_a_prefix(visit: Visit) -> None:
    page, outside = visit.page, set[str]()

    def note(request: Request) -> None:
        path = urlsplit(request.url).path
        if request.url.startswith("http") and not path.startswith(f"{PREFIX}/"):
            outside.add(path)

    page.on("request", note)
    with prefix_proxy(visit.site.url, PREFIX) as url:
        behind = Visit(page, Site(url, visit.site.scaler), visit.faults)
        address = new_run(behind)
        page.get_by_label("Theme").select_option("dark")
        page.locator("nav a", has_text="Runs").click()
        expect(page.locator("#runs-list")).to_be_visible()
        behind.open("/?rule_type=RSI")
        fill_sweep(page, period=("10", "12", "1"))
        page.get_by_role("button", name="Scan 3 combinations").click()
        page.wait_for_url("**/screens/*")
        screen = page.url
        cookies = {each["name"]: each["path"] for each in page.context.cookies(f"{url}/")}
        page.goto("about:blank")  # it asks for its numbers as long as it is open

    assert urlsplit(address).path.startswith(f"{PREFIX}/result/")
    assert urlsplit(screen).path.startswith(f"{PREFIX}/screens/")
    assert cookies["theme"] == f"{PREFIX}/"
    assert outside == set()
