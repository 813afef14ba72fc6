"""Other sites in the same browser reach nothing: not by host name, by a form, or in a frame."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.browser.conftest import Site
from tests.services.waiting import wait_until

FOREIGN = "http://foreign.example"
RUN = {"ticker": "AAPL", "rule_type": "RSI", "start_date": "2004-01-01", "end_date": "2006-12-31"}
# what a page of our own tries when something foreign has got into it, each on its own
INJECTED = {
    "script-src-elem": "() => document.body.append(Object.assign(document.createElement('script'), {text: 'harm()'}))",
    "script-src-attr": "() => { document.body.innerHTML += '<img src=x onerror=harm()>' }",
    "img-src": f"() => {{ new Image().src = '{FOREIGN}/seen' }}",
    "connect-src": f"() => {{ fetch('{FOREIGN}/seen').catch(() => 0) }}",
    "style-src-elem": f"() => {{ document.head.innerHTML += '<link rel=stylesheet href={FOREIGN}/a.css>' }}",
    "frame-src": f"() => {{ document.body.innerHTML += '<iframe src={FOREIGN}/></iframe>' }}",
    "base-uri": f"() => {{ document.head.innerHTML += '<base href={FOREIGN}/>' }}",
    "form-action": f"() => {{ document.body.innerHTML += '<form action={FOREIGN}/seen id=bad></form>'; bad.submit() }}",
}
WATCH = """() => {
    window.harm = () => { window.seen = 'it ran' };
    document.addEventListener('securitypolicyviolation', event => { window.seen = event.effectiveDirective });
}"""


@pytest.fixture
def page(profile: BrowserContext) -> Iterator[Page]:
    """A page whose faults are what is looked for."""
    opened = profile.new_page()
    yield opened
    opened.close()


class _Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><body></body>")

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def foreign(page: Page) -> Iterator[Page]:
    """A page of another site; on this machine, since browsers keep others from it by themselves."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere) as server:
        Thread(target=server.serve_forever).start()
        page.goto(f"http://localhost:{server.server_port}/")
        yield page
        page.goto("about:blank")
        server.shutdown()


def runs(page: Page, site: Site) -> int:
    """Number of runs."""
    return len(page.request.get(f"{site.url}/api/runs").json()["runs"])


def test_a_name_that_was_made_to_lead_here_shows_nothing(page: Page, site: Site) -> None:
    # browsers take every such name for this machine
    rebound = site.url.replace("127.0.0.1", "rebound.localhost")

    response = page.goto(rebound)
    assert response is not None and (
        response.status,
        "is not allowed; add it to TRUSTED_HOSTS" in page.content(),
    ) == (
        400,
        True,
    )
    read = page.evaluate(
        "async () => [(await fetch('/api/runs')).status, (await fetch('/api/openapi.json')).status]"
    )
    ran = page.evaluate(
        """async run => (await fetch('/run_backtest', {
            method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(run)})).status""",
        RUN,
    )
    assert (read, ran, runs(page, site)) == ([400, 400], 400, 0)


def test_another_sites_page_reads_and_changes_nothing(foreign: Page, site: Site) -> None:
    sent = foreign.evaluate(
        """async ([url, run]) => {
            const send = (path, options) => fetch(url + path, options).then(answer => answer.type, () => 'refused');
            const body = JSON.stringify(run), json = {'Content-Type': 'application/json'};
            return [
                await send('/api/runs'),
                await send('/run_backtest', {method: 'POST', headers: json, body}),
                await send('/run_backtest', {method: 'POST', mode: 'no-cors', body}),
                await send('/logout', {method: 'POST', mode: 'no-cors', credentials: 'include'}),
            ];
        }""",
        [site.url, RUN],
    )
    assert (sent[:2], runs(foreign, site)) == (["refused"] * 2, 0)

    with foreign.expect_navigation() as submitted:
        foreign.evaluate(
            """url => {
                document.body.innerHTML = `<form method=post action="${url}/logout"></form>`;
                document.forms[0].submit();
            }""",
            site.url,
        )
    assert submitted.value is not None and submitted.value.status == 403


def test_no_other_site_shows_ours_in_a_frame(foreign: Page, site: Site) -> None:
    foreign.evaluate(
        """url => new Promise(loaded => {
            document.body.append(Object.assign(document.createElement('iframe'), {src: url, onload: loaded}));
        })""",
        f"{site.url}/runs",
    )

    assert foreign.frames[-1].url == "chrome-error://chromewebdata/"


@pytest.mark.parametrize("directive", INJECTED)
def test_what_gets_into_a_page_of_ours_runs_nothing_and_tells_nobody(
    page: Page, site: Site, directive: str
) -> None:
    reached: list[str] = []

    def note(route: Route) -> None:
        reached.append(route.request.url)
        route.abort()

    page.route(f"{FOREIGN}/**", note)
    page.goto(f"{site.url}/runs")

    page.evaluate(WATCH)
    page.evaluate(INJECTED[directive])

    assert wait_until(lambda: page.evaluate("window.seen")) == directive
    assert reached == []
