"""Every page at both widths: nothing sticks out or is small, words have contrast, axe-core finds no serious fault.

That every control has a name is one of axe-core's rules; contrast is measured here, which is stricter and much faster.
"""

from importlib.resources import files
from io import BytesIO
from typing import Literal

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from adapters.database import connect_database
from tests.browser.conftest import Visit
from tests.services.mariadb_server import MariaDBServer
from tests.services.portfolios import trade_when_legs_have_run

# Text, its size in pixels and its contrast (WCAG 2.2) against the nearest opaque background behind it.
MEASURE = r"""() => {
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const numbers = (color) => {
    const parts = (color.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    return color.startsWith("color(srgb") ? parts.map((part, place) => (place < 3 ? part * 255 : part)) : parts;
  };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const over = (front, back) => {
    const alpha = front[3] ?? 1;
    return [0, 1, 2].map((i) => front[i] * alpha + back[i] * (1 - alpha));
  };
  const background = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      const color = numbers(getComputedStyle(each).backgroundColor);
      layers.push(color);
      if ((color[3] ?? 1) === 1) break;
    }
    return layers.reverse().reduce((back, front) => over(front, back), [0, 0, 0]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    const box = element.getBoundingClientRect();
    const skipped = "option, noscript, script, svg, .visually-hidden, :disabled";
    if (!text || box.width < 2 || box.height < 2 || element.closest(skipped)) continue;
    const style = getComputedStyle(element);
    if (style.visibility !== "visible") continue;
    const back = background(element);
    const [one, other] = [light(over(numbers(style.color), back)), light(back)].sort((a, b) => b - a);
    found.push({ text: text.slice(0, 40), px: parseFloat(style.fontSize), contrast: (one + 0.05) / (other + 0.05) });
  }
  return found;
}"""


# Pixels of the smallest letters of each visible picture with words.
PICTURE_LETTERS = """() => [...document.querySelectorAll("main svg")]
  .filter((svg) => svg.clientWidth && svg.querySelector("text"))
  .map((svg) => {
    const box = svg.viewBox.baseVal;
    const scale = box?.width ? Math.min(svg.clientWidth / box.width, svg.clientHeight / box.height) : 1;
    const sizes = [...svg.querySelectorAll("text")].map((text) => parseFloat(getComputedStyle(text).fontSize));
    return scale * Math.min(...sizes);
  })"""
PICTURED = {"queue", "batch", "run stats"}  # pages that must have such a picture

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RUN_AXE = (
    "axe.run({ resultTypes: ['violations'], rules: { 'color-contrast': { enabled: false } } })"
)


@pytest.fixture(scope="module")
def addresses(site: object) -> dict[str, str]:
    """Filled in by the first test of the module: the pages of a completed run."""
    return {}


def pages(visit: Visit, addresses: dict[str, str], database_url: str) -> dict[str, str]:
    if not addresses:
        dates = {"start_date": "2005-01-03", "end_date": "2009-12-31"}
        runs = [{"ticker": "AAPL", "rule_type": "MA_CROSS", "params": {"fast": f, "slow": s}, **dates}
                for f in (5, 9) for s in (30, 60)]  # fmt: skip
        visit.page.request.post("/api/runs/bulk?batch_id=legible", data=runs)
        visit.page.goto("/batches/legible")
        expect(visit.page.locator("#batch")).to_contain_text("4 of 4 finished", timeout=60_000)
        listed = visit.page.request.get("/api/runs?batch=legible").json()["runs"]
        one, other = listed[0]["run_id"], listed[1]["run_id"]
        tabs = ("stats", "trades", "numbers")
        addresses |= {f"run {tab}": f"/result/{one}?tab={tab}" for tab in tabs}
        addresses |= {
            "compare": f"/compare?run={one}&run={other}",
            "batch": "/batches/legible",
            "form": "/",
        }
        addresses |= {
            "runs": "/runs",
            "no runs": "/runs?label=none",
            "queue": "/queue",
            "login": "/login",
        }
        addresses |= {"batches": "/batches", "no batches": "/batches?after=1"}
        addresses |= {"prices": "/prices", "one series": "/prices/MSFT/1d"}
        addresses |= {"studies": "/studies", "audit": "/audit"}
        legs = [{"ticker": ticker, "rule_type": "RSI"} for ticker in ("AAPL", "IBM")]
        portfolio = {"legs": legs, **dates, "max_positions": 1, "label": "legible"}
        together = visit.page.request.post("/api/portfolios", data=portfolio).json()["page_url"]
        trade_when_legs_have_run(connect_database(database_url))
        addresses |= {
            f"portfolio {tab}": f"{together}?tab={tab}" for tab in ("legs", "stats", "trades")
        }
        addresses |= {"portfolios": "/portfolios"}
        both = {
            "ticker": "AAPL",
            "rule_type": "COMPOSITE",
            "params": {},
            "charts": False,
            **dates,
        }
        composite = visit.page.request.post("/run_backtest", data=both).json()["result_url"]
        visit.page.goto(composite)
        expect(visit.page.locator("#tab-panel")).to_be_visible(timeout=60_000)
        formula_request = {
            "ticker": "AAPL",
            "rule_type": "FORMULA",
            "params": {},
            "charts": False,
            **dates,
        }
        formula = visit.page.request.post("/run_backtest", data=formula_request).json()["run_id"]
        addresses |= {"own rule": f"/result/{formula}", "editor": f"/?clone={formula}"}
        addresses |= {
            "composite": composite,
            "clone": f"/?clone={one}",
            "table": f"/result/{one}/bars",
        }
    return addresses


PAPER_PX = 690  # between the margins of A4
# names and heads of what is not folded, without the buttons that paper leaves out
ON_PAPER = """[...document.querySelectorAll("main .tip, main h2, main thead th")]
    .filter((each) => each.checkVisibility() && !each.closest("form")).map((each) => each.innerText)"""


def test_every_page_is_whole_on_paper(
    visit: Visit, addresses: dict[str, str], mariadb_process: MariaDBServer
) -> None:
    page = visit.page
    page.set_viewport_size({"width": 1440, "height": 900})

    faults = []
    for name, path in pages(visit, addresses, mariadb_process.url()).items():
        page.emulate_media(media="null")
        visit.open(path)
        if page.locator(".stage").count():
            expect(page.locator(".stage.drawn").first).to_be_visible()
        paper = PdfReader(BytesIO(page.pdf(format="A4", prefer_css_page_size=True)))
        printed = squeezed("".join(each.extract_text() for each in paper.pages))
        page.emulate_media(media="print")
        faults += [
            f"{name}: {text!r} is not printed"
            for text in page.evaluate(ON_PAPER)
            if squeezed(text) not in printed
        ]
        page.set_viewport_size({"width": PAPER_PX, "height": 900})
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > PAPER_PX:
            faults.append(f"{name}: {wide} px wide on {PAPER_PX} px of paper")
        page.set_viewport_size({"width": 1440, "height": 900})

    assert not faults, "\n".join(faults)


def squeezed(text: str) -> str:
    """Return the text without spaces and case, since lines of a PDF end anywhere."""
    return "".join(text.split()).casefold()


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_every_page_is_legible_and_accessible(
    visit: Visit,
    addresses: dict[str, str],
    mariadb_process: MariaDBServer,
    width: int,
    theme: Literal["light", "dark"],
) -> None:
    page = visit.page
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 844})

    faults = []
    for name, path in pages(visit, addresses, mariadb_process.url()).items():
        visit.open(path)
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            faults.append(f"{name}: {wide} px wide")
        for each in page.evaluate(MEASURE):
            if each["px"] < 14 or each["contrast"] < 4.5:
                faults.append(
                    f"{name}: {each['text']!r} {each['px']} px, contrast {each['contrast']:.2f}"
                )
        for fault in page.evaluate(f"{AXE};{RUN_AXE}")["violations"]:
            if fault["impact"] in ("serious", "critical"):
                faults.append(f"{name}: {fault['id']}: {fault['nodes'][0]['html'][:120]}")
        letters = page.evaluate(PICTURE_LETTERS)
        if min(letters, default=0 if name in PICTURED else 13) < 13:
            faults.append(f"{name}: letters of {letters} px in pictures")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        if page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "none":
            faults.append(f"{name}: the focus is not visible")

    assert faults == []


def test_nothing_scrolls_sideways_at_400_percent(
    visit: Visit, addresses: dict[str, str], mariadb_process: MariaDBServer
) -> None:
    """WCAG 2.2, 1.4.10: 1,280 px at 400 %, less a scroll bar; tables and code scroll in their own places."""
    pages_by_name = pages(visit, addresses, mariadb_process.url())
    faults = []

    for width in (320, 305):
        visit.page.set_viewport_size({"width": width, "height": 256})
        for name, path in (pages_by_name | {"vote": "/?rule_type=COMPOSITE"}).items():
            visit.open(path)
            if (wide := visit.page.evaluate("document.documentElement.scrollWidth")) > width:
                faults.append(f"{name}: {wide} px wide in {width}")
            if visit.page.locator("#navigation").evaluate(
                "bar => bar.scrollWidth > bar.clientWidth"
            ):
                faults.append(f"{name}: the navigation scrolls")

    assert faults == []


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_a_run_can_be_started_without_scrolling(visit: Visit, size: tuple[int, int]) -> None:
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})

    visit.open("/")

    expect(visit.page.get_by_role("button", name="Run backtest")).to_be_in_viewport()
