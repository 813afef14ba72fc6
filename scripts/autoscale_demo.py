"""Show the queue scale Jobs: submit a wave of runs, follow it, and report queue depth and Jobs over time.

Speaks HTTP to any running platform, on one machine or in a cluster, and takes the times from its answers. Writes
<out>.png and <out>.json, and a summary to stdout. Exit codes: 0 all runs completed, 1 some failed, 2 wrong question,
3 the platform cannot be reached, 130 interrupted (the runs go on).
"""

import argparse
import itertools
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from autoscaling import draw, in_words, summary, wave_of
from backtests import Client
from backtests.cli import ARGUMENTS, WHOLE_NUMBER, described, exit_code, form
from backtests.commands import EXIT_OK, EXIT_SOME_FAILED
from backtests.progress import Progress
from backtests.transport import Json

MANIFEST = Path(__file__).resolve().parents[1] / "keda" / "scaledjob.yaml"
RATE = form(r"(?=.*[1-9])\d*\.?\d+", "a number above 0", float)
EXAMPLES = """examples:
  %(prog)s --runs 200
  %(prog)s --runs 120 --rate 2 --out var/steady
  %(prog)s --url https://backtests.example.com --runs 500 --limit 100
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; the exit code is the outcome."""
    return exit_code(demonstrate, parser().parse_args(arguments))


def demonstrate(client: Client, asked: argparse.Namespace, progress: Progress) -> int:
    progress.when_stopped = "interrupted; the runs go on"
    batch_id = f"autoscale-{uuid4().hex[:12]}"
    planned = list(itertools.islice(wave_runs(client), asked.runs))
    pace = f", {asked.rate:g} a second" if asked.rate else ""
    progress.say(f"submitting {len(planned)} runs as batch {batch_id}{pace}")
    send(client, batch_id, planned, asked.rate)
    batch = client.wait_batch(batch_id, progress.show_batch)
    runs = list(client.runs(batch_id))
    wave, limit = wave_of(runs), asked.limit or manifest_limit(client.url)
    numbers = {"url": client.url, "rate_per_s": asked.rate} | summary(batch, runs, wave, limit)
    picture, report = asked.out.with_suffix(".png"), asked.out.with_suffix(".json")
    picture.parent.mkdir(parents=True, exist_ok=True)
    draw(wave, numbers, picture)
    report.write_text(json.dumps({**numbers, "wave": wave._asdict()}) + "\n", "utf-8")
    print(in_words(numbers))
    progress.say(f"written: {picture} and {report}")
    return EXIT_OK if numbers["completed"] == numbers["runs"] else EXIT_SOME_FAILED


def wave_runs(client: Client) -> Iterator[Json]:
    """Different runs over all daily tickers of the platform, each over all of its prices."""
    daily = [
        (each["ticker"], each["timeframes"]["1d"])
        for each in client.tickers()
        if "1d" in each["timeframes"]
    ]
    bounds = itertools.product(range(5, 40), range(20, 41, 2), range(60, 81, 2))
    for (period, oversold, overbought), (ticker, held) in itertools.product(bounds, daily):
        yield {
            "ticker": ticker,
            "rule_type": "RSI",
            "params": {"period": period, "oversold": oversold, "overbought": overbought},
            "start_date": held["first_date"],
            "end_date": held["last_date"],
            "charts": False,
        }


def send(client: Client, batch_id: str, planned: list[Json], rate: float | None) -> None:
    """All at once, or one at a time at a steady rate; a late one does not delay the next."""
    if not rate:
        client.submit(planned, batch_id)
        return
    start = time.monotonic()
    for number, run in enumerate(planned):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        client.submit([run], batch_id)


def manifest_limit(url: str) -> int:
    """maxReplicaCount of keda/scaledjob.yaml; on this machine at most its cores, as the local scaler has it."""
    limit = int(re.findall(r"maxReplicaCount: (\d+)", MANIFEST.read_text("utf-8"))[0])
    local = urlsplit(url).hostname in ("127.0.0.1", "localhost")
    return min(limit, os.cpu_count() or limit) if local else limit


def parser() -> argparse.ArgumentParser:
    whole = described(__doc__, EXAMPLES)
    whole.add_argument("--url", **ARGUMENTS["--url"])
    whole.add_argument(
        "--runs", type=WHOLE_NUMBER, default=200, help="how many runs (default: 200)"
    )
    whole.add_argument("--rate", type=RATE, help="submissions per second; without it all at once")
    whole.add_argument(
        "--limit",
        type=WHOLE_NUMBER,
        help="the scaler's limit (default: that of keda/scaledjob.yaml)",
    )
    whole.add_argument(
        "--out",
        type=Path,
        default=Path("var/autoscale"),
        help="report files (default: var/autoscale)",
    )
    return whole


if __name__ == "__main__":
    sys.exit(main())
