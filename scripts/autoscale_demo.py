"""Show Jobs scaling with the queue: submit a wave of runs, follow it, and report queue depth and Jobs over time.

Speaks HTTP to any running platform, on one machine or in a cluster, and takes the times from its answers. Writes
<out>.png and <out>.json, and a summary to stdout. Exit codes: 0 all runs completed, 1 some failed, 2 wrong
arguments, 3 the platform cannot be reached, 130 interrupted (the runs continue).
"""

import argparse
import itertools
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from backtests import Client
from backtests.cli import ARGUMENTS, WHOLE_NUMBER, described, exit_code, form
from backtests.commands import EXIT_OK, EXIT_SOME_FAILED
from backtests.output import Progress
from backtests.transport import Json

MANIFEST = Path(__file__).resolve().parents[1] / "keda" / "scaledjob.yaml"
RATE = form(r"(?=.*[1-9])\d*\.?\d+", "a number above 0", float)
EXAMPLES = """examples:
  %(prog)s --runs 200
  %(prog)s --runs 120 --rate 2 --out var/steady
  %(prog)s --url https://backtests.example.com --runs 500 --limit 100
"""
WORDS = """\
runs            {runs}: {completed} completed, {failed} failed
time            {seconds:.1f} s, {runs_per_s} runs/s
peak            {peak_waiting} waiting, {peak_running} running (limit {limit})
Jobs            {jobs} took {messages} messages
queue wait      {wait}
run             {run}"""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; the exit code is the outcome."""
    return exit_code(demonstrate, parser().parse_args(arguments))


def demonstrate(client: Client, arguments: argparse.Namespace, progress: Progress) -> int:
    progress.when_stopped = "interrupted; the runs continue"
    batch_id = f"autoscale-{uuid4().hex[:12]}"
    planned = list(itertools.islice(wave_runs(client), arguments.runs))
    pace = f", {arguments.rate:g} a second" if arguments.rate else ""
    progress.say(f"submitting {len(planned)} runs as batch {batch_id}{pace}")
    send(client, batch_id, planned, arguments.rate)
    batch = client.wait_batch(batch_id, progress.show_batch)
    runs = list(client.runs(batch_id))
    wave, limit = wave_of(runs), arguments.limit or manifest_limit(client.url)
    numbers = {"url": client.url, "rate_per_s": arguments.rate} | summary(
        batch, runs, wave, limit
    )
    picture, report = arguments.out.with_suffix(".png"), arguments.out.with_suffix(".json")
    picture.parent.mkdir(parents=True, exist_ok=True)
    draw(wave, numbers, picture)
    report.write_text(json.dumps({**numbers, "wave": wave._asdict()}) + "\n", "utf-8")
    print(in_words(numbers))
    progress.say(f"written: {picture} and {report}")
    return EXIT_OK if numbers["completed"] == numbers["runs"] else EXIT_SOME_FAILED


def wave_runs(client: Client) -> Iterator[Json]:
    """Yield different runs on all daily tickers of the platform, each on all of its prices."""
    daily = [
        (each["ticker"], each["timeframes"]["1d"])
        for each in client.tickers()
        if "1d" in each["timeframes"]
    ]
    bounds = itertools.product(range(5, 40), range(20, 41, 2), range(60, 81, 2))
    for (period, oversold, overbought), (ticker, prices) in itertools.product(bounds, daily):
        yield {
            "ticker": ticker,
            "rule_type": "RSI",
            "params": {"period": period, "oversold": oversold, "overbought": overbought},
            "start_date": prices["first_date"],
            "end_date": prices["last_date"],
            "charts": False,
        }


def send(client: Client, batch_id: str, planned: list[Json], rate: float | None) -> None:
    """Submit all at once, or one at a time at a steady rate; a late one does not delay the next."""
    if not rate:
        client.submit(planned, batch_id)
        return
    start = time.monotonic()
    for number, run in enumerate(planned):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        client.submit([run], batch_id)


def manifest_limit(url: str) -> int:
    """Return maxReplicaCount of keda/scaledjob.yaml; on this machine at most its cores, as for the local scaler."""
    limit = int(re.findall(r"maxReplicaCount: (\d+)", MANIFEST.read_text("utf-8"))[0])
    local = urlsplit(url).hostname in ("127.0.0.1", "localhost")
    return min(limit, os.cpu_count() or limit) if local else limit


class Wave(NamedTuple):
    """Counts over time: from `seconds[i]` after the first submission on they are those at index i."""

    seconds: list[float]
    waiting: list[int]
    running: list[int]
    ended: list[int]


def wave_of(runs: Sequence[Json]) -> Wave:
    """Count waiting, running and ended runs at each moment at which one of the counts changes."""
    times = np.array(
        [
            [
                _time(run["created_at"]),
                _time(run["started_at"] or run["completed_at"]),
                _time(run["completed_at"]),
            ]
            for run in runs
        ]
    )
    times = np.round(times - times.min(), 6)  # the API's microseconds
    at = np.unique(times[np.isfinite(times)])
    created, left, ended = (np.searchsorted(np.sort(each), at, side="right") for each in times.T)
    return Wave(*(each.tolist() for each in (at, created - left, left - ended, ended)))


def _time(moment: str | None) -> float:
    """Return a time in seconds, infinity for None, which has not happened yet."""
    return datetime.fromisoformat(moment).timestamp() if moment else np.inf


def summary(batch: Json, runs: Sequence[Json], wave: Wave, limit: int) -> Json:
    """Summarize the wave: counts, peaks, the batch's latencies in seconds, Jobs and messages."""
    last = max(wave.seconds)
    return {
        "batch_id": batch["batch_id"],
        "runs": len(runs),
        "completed": batch["counts"]["completed"],
        "failed": batch["counts"]["failed"],
        "messages": len(runs),
        "jobs": sum(run["attempt"] for run in runs if run["started_at"]),
        "limit": limit,
        "peak_waiting": max(wave.waiting),
        "peak_running": max(wave.running),
        "seconds": round(last, 3),
        "runs_per_s": round(wave.ended[-1] / last, 3) if last else None,
        "queue_wait_s": batch["queue_wait_s"],
        "run_s": batch["run_s"],
    }


def in_words(numbers: Json) -> str:
    return WORDS.format(
        **numbers, wait=_percentiles(numbers["queue_wait_s"]), run=_percentiles(numbers["run_s"])
    )


def _percentiles(spread_s: dict[str, float | None]) -> str:
    values = [f"{name} {value:.2f} s" for name, value in spread_s.items() if value is not None]
    return "  ".join(values) or "-"


def draw(wave: Wave, numbers: Json, path: Path) -> None:
    """Write the PNG, with matplotlib's object API, which leaves no global state."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, counts, color, label in (
        (above, wave.waiting, "#4c78a8", "waiting in the queue"),
        (above, wave.ended, "#54a24b", "ended"),
        (below, wave.running, "#f58518", "running Jobs"),
    ):
        axes.step(wave.seconds, counts, where="post", color=color, label=label)
    above.set(ylabel="runs")
    below.axhline(
        numbers["limit"],
        color="#b279a2",
        linestyle="--",
        label=f"scaler's limit: {numbers['limit']}",
    )
    below.set(ylabel="Jobs", xlabel="seconds since the first submission")
    for axes in (above, below):
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(loc="best")
    figure.suptitle(_title(numbers))
    figure.savefig(path, dpi=100)


def _title(numbers: Json) -> str:
    wait, rate = numbers["queue_wait_s"], numbers["runs_per_s"]
    pace = f" ({rate:.1f} runs/s)" if rate else ""
    waited = (
        "none started"
        if wait["p50"] is None
        else "p50 {p50:.1f} s, p95 {p95:.1f} s".format(**wait)
    )
    return f"{numbers['runs']} runs in {numbers['seconds']:.0f} s{pace}; queue wait {waited}"


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
