"""Take screenshots for the documentation: `python -m docs.tools.screenshots --url http://127.0.0.1:5000`.

Submits a few runs and a batch to a running platform over HTTP, waits for them, and takes screenshots of the pages that
the documentation shows, in headless Chromium, into docs/images/. The README's picture is one screen in both themes, and
its animation a walk from the form to a second run.
"""

import argparse
import io
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from backtests import Client

IMAGES = Path(__file__).resolve().parents[1] / "images"
WIDTH = 1440
SCREEN: ViewportSize = {"width": WIDTH, "height": 900}
WALK_SIZE = (960, 600)
TERMS = {
    "start_date": "2003-01-02",
    "end_date": "2013-03-01",
    "position_size": 90,
    "size_type": "percent",
}
RUN = {
    "ticker": "AAPL",
    "rule_type": "MA_CROSS",
    "params": {"fast": 20, "slow": 100},
    "stop_loss_pct": 15,
    "label": "trend with a stop",
    **TERMS,
}
OTHERS: list[dict[str, Any]] = [
    {"ticker": "AAPL", "rule_type": "MOMENTUM", **TERMS},
    {"ticker": "MSFT", "rule_type": "BOLLINGER", **TERMS},
]
FORMULA = {"ticker": "AAPL", "rule_type": "FORMULA", **TERMS}
GRID = {
    "base": {"tickers": ["AAPL", "IBM"], "rule_type": "MA_CROSS", "charts": False, **TERMS},
    "parameters": {"fast": [5, 10, 15, 20, 30, 40], "slow": [50, 80, 100, 150, 200]},
}
PATIENCE_S = 180.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description="take screenshots of a running platform into docs/images/"
    )
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:5000",
        help="address of the platform (default: %(default)s)",
    )
    client = Client(parser.parse_args().url)
    executable = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not executable:
        sys.exit("Chromium is not installed")
    pages = submit_all(client)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        take_screenshots(browser, client.url, pages)
        for theme in ("light", "dark"):
            take_hero(browser, client.url + pages["run-stats"], theme)
        record_walk(browser, client.url)
        browser.close()


def submit_all(client: Client) -> dict[str, str]:
    """Submit the runs and wait for them; return the paths of the pages by the names of their pictures."""
    batch_id = f"ma-cross-{int(time.time())}"
    client.submit_sweep(GRID, batch_id)
    one, formula, *others = [client.submit(each) for each in [RUN, FORMULA, *OTHERS]]
    client.wait_batch(batch_id)
    for run_id in [one, formula, *others]:
        client.wait(run_id, PATIENCE_S)
    compared = "&".join(f"run={run_id}" for run_id in [one, *others])
    return {
        "new-run": f"/?clone={one}",
        "new-formula": f"/?clone={formula}",
        "run-stats": f"/result/{one}",
        "runs": "/runs",
        "compare": f"/compare?{compared}",
        "batch": f"/batches/{batch_id}",
        "prices": "/prices",
        "queue": "/queue?window=5m",
    }


def take_screenshots(browser: Browser, url: str, pages: dict[str, str]) -> None:
    """Save a screenshot of each page, as tall as the page but at most three screens."""
    page = browser.new_page()
    for name, path in pages.items():
        page.set_viewport_size({"width": WIDTH, "height": 900})
        page.goto(url + path, wait_until="networkidle")
        height = min(page.evaluate("document.documentElement.scrollHeight"), 2700)
        # so that a bar at the foot is drawn there
        page.set_viewport_size({"width": WIDTH, "height": height})
        save(page.screenshot(), IMAGES / f"{name}.png")
        print(f"docs/images/{name}.png")


def take_hero(browser: Browser, address: str, theme: Literal["light", "dark"]) -> None:
    """Save the first screen of a run in a theme, for the README."""
    page = browser.new_page(viewport=SCREEN, color_scheme=theme)
    page.goto(address, wait_until="networkidle")
    save(page.screenshot(), IMAGES / f"hero-{theme}.png")
    print(f"docs/images/hero-{theme}.png")


def record_walk(browser: Browser, url: str) -> None:
    """Save an animation: a run, why it bought, the same run with another number, and both compared."""
    page = browser.new_page(viewport=SCREEN)
    frames: list[tuple[Image.Image, int]] = []

    def show(milliseconds: int) -> None:
        page.wait_for_load_state("networkidle")
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        frames.append((picture.resize(WALK_SIZE, Image.Resampling.LANCZOS), milliseconds))

    page.goto(url, wait_until="networkidle")
    show(1500)
    page.get_by_role("button", name="Run backtest").click()
    page.wait_for_url("**/result/*")
    await_chart(page)
    show(2500)
    page.locator(".stage").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.locator("#why-text, .conditions, .why").first.wait_for()
    show(2000)
    page.locator('[data-path="fast"]').fill("10")
    show(1000)
    page.get_by_role("button", name="Run again").click()
    page.locator("#compared-with").wait_for()
    await_chart(page)
    show(3000)
    pictures = [picture.quantize(128, dither=Image.Dither.NONE) for picture, _ in frames]
    pictures[0].save(
        IMAGES / "walk.gif",
        save_all=True,
        append_images=pictures[1:],
        duration=[milliseconds for _, milliseconds in frames],
        loop=0,
        optimize=True,
    )
    print("docs/images/walk.gif")


def await_chart(page: Page) -> None:
    """Wait until the chart of a result is drawn."""
    page.locator(".stage.drawn").first.wait_for()


def save(png: bytes, path: Path) -> None:
    """Write a picture with 256 colours, which looks the same at half the size."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    main()
