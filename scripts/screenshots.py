"""Pictures of every page for the documentation: `python scripts/screenshots.py --url http://127.0.0.1:5000`.

Submits a few runs and a small batch to a running platform over HTTP, waits for them, and photographs each page in
headless Chromium at desktop and phone width into docs/images/.
"""

import argparse
import io
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from backtests import Client

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTHS = {"desktop": 1440, "phone": 390}
DATES = {"start_date": "2003-01-02", "end_date": "2013-03-01"}
RUN = {
    "ticker": "AAPL",
    "rule_type": "MA_CROSS",
    "params": {"fast": 20, "slow": 100},
    "position_size": 90,
    "size_type": "percent",
    "stop_loss_pct": 15,
    "label": "trend with a stop",
    **DATES,
}
OTHERS: list[dict[str, Any]] = [
    {"ticker": "AAPL", "rule_type": "MOMENTUM", "position_size": 90, "size_type": "percent", **DATES},
    {"ticker": "MSFT", "rule_type": "BOLLINGER", "position_size": 90, "size_type": "percent", **DATES},
    {"ticker": "IBM", "rule_type": "RSI", "params": {"oversold": 1, "overbought": 99}, **DATES},
]
FORMULA = {"ticker": "AAPL", "rule_type": "FORMULA", "position_size": 90, "size_type": "percent", **DATES}
PATIENCE_S = 180.0


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description="photograph every page of a running platform into docs/images/")
    parser.add_argument("--url", default="http://127.0.0.1:5000", help="where the platform runs")
    client = Client(parser.parse_args().url)
    executable = shutil.which("chromium") or sys.exit("Chromium is not installed (chromium not found)")
    pages = submitted(client)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        for device, width in WIDTHS.items():
            photograph(browser, client.url, pages, device, width)
        browser.close()


def submitted(client: Client) -> dict[str, str]:
    """The pages by the name of their picture, after everything on them has ended."""
    batch, members = submitted_batches(client)
    one, formula, *others = [client.submit(each) for each in [RUN, FORMULA, *OTHERS]]
    for run_id in [*members, one, formula, *others]:
        client.wait(run_id, PATIENCE_S)
    compared = "&".join(f"run={run_id}" for run_id in [one, *others[:2]])
    return {
        "new-run": f"/?clone={one}",
        "new-formula": f"/?clone={formula}",
        "run-stats": f"/result/{one}",
        **{f"run-{tab}": f"/result/{one}?tab={tab}" for tab in ("trades", "numbers")},
        "run-without-trades": f"/result/{others[2]}",
        "runs": "/runs",
        "compare": f"/compare?{compared}",
        "batches": "/batches",
        "batch": f"/batches/{batch}",
        "prices": "/prices",
        "prices-of-one": "/prices/AAPL/1d",
        "queue": "/queue?window=5m",
        "not-found": "/result/no-such-run",
    }


def submitted_batches(client: Client) -> tuple[str, list[str]]:
    """The newest of three batches, and the runs of all three."""
    sweeps = {
        "rsi": ("RSI", ("IBM",), "period", (7, 14, 21), "oversold", (25, 30)),
        "bollinger": ("BOLLINGER", ("MSFT",), "period", (10, 20, 30), "width", (1.5, 2.0)),
        "ma-cross": ("MA_CROSS", ("AAPL", "IBM"), "fast", (5, 10, 15, 20, 30, 40), "slow", (50, 80, 100, 150, 200)),
    }
    batch, members = "", []
    for name, (rule_type, tickers, x, across, y, down) in sweeps.items():
        batch = f"{name}-{int(time.time())}"
        grid = [
            {"ticker": ticker, "rule_type": rule_type, "params": {x: one, y: other}, "charts": False, **DATES}
            for ticker in tickers
            for one in across
            for other in down
        ]
        members += client.submit(grid, batch).run_ids
    return batch, members


def photograph(browser: Browser, url: str, pages: dict[str, str], device: str, width: int) -> None:
    """One picture of each page, as tall as the page, but at most three screens."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    for name, path in pages.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(url + path, wait_until="networkidle")
        page.set_viewport_size(
            {"width": width, "height": top_of(page, width)["height"]}
        )  # what sticks stands at the end
        path_of_picture = IMAGES / f"{name}-{device}.png"
        save(page.screenshot(full_page=True, clip=top_of(page, width)), path_of_picture)
        print(path_of_picture.relative_to(IMAGES.parents[1]))
    page.close()


def save(png: bytes, path: Path) -> None:
    """Write a picture with 256 colours, which nobody tells from all of them at half the size."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def top_of(page: Page, width: int) -> Any:
    """The upper part of the page."""
    height = page.evaluate("document.documentElement.scrollHeight")
    return {"x": 0, "y": 0, "width": width, "height": min(height, 2700)}


if __name__ == "__main__":
    main()
