"""A wave of runs over time, in numbers and drawn, from the times that the API gives: who scaled does not matter."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from backtests.transport import Json

WORDS = """\
runs            {runs}: {completed} completed, {failed} failed
time            {seconds:.1f} s, {runs_per_s} runs/s
peak            {peak_waiting} waiting, {peak_running} running (limit {limit})
Jobs            {jobs} took {messages} messages
queue wait      {wait}
run             {run}"""


class Wave(NamedTuple):
    """Steps over time: at `seconds[i]` after the first submission the counts become those at i."""

    seconds: list[float]
    waiting: list[int]
    running: list[int]
    ended: list[int]


def wave_of(runs: Sequence[Json]) -> Wave:
    """Waiting, running and ended runs at every moment at which one of them changes."""
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
    """In seconds; of what has not happened after all others."""
    return datetime.fromisoformat(moment).timestamp() if moment else np.inf


def summary(batch: Json, runs: Sequence[Json], wave: Wave, limit: int) -> Json:
    """The wave in numbers: counts, peaks, the batch's latencies in seconds, Jobs against messages."""
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
    told = [f"{name} {value:.2f} s" for name, value in spread_s.items() if value is not None]
    return "  ".join(told) or "-"


def draw(wave: Wave, numbers: Json, path: Path) -> None:
    """Write the PNG; matplotlib's object API, so that nothing is left in the process."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, counts, color, label in (
        (above, wave.waiting, "#4c78a8", "waiting in the queue"),
        (above, wave.ended, "#54a24b", "ended"),
        (below, wave.running, "#f58518", "running Jobs"),
    ):
        axes.step(wave.seconds, counts, where="post", color=color, label=label)
    above.set_ylabel("runs")
    below.axhline(
        numbers["limit"],
        color="#b279a2",
        linestyle="--",
        label=f"scaler's limit: {numbers['limit']}",
    )
    below.set_ylabel("Jobs")
    below.set_xlabel("seconds since the first submission")
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
