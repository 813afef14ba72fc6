"""A wave of runs over time, in numbers and drawn, from the times that the API gives: who scaled does not matter."""

from collections.abc import Iterable, Sequence
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
    start = min(datetime.fromisoformat(run["created_at"]) for run in runs)
    moments, changes = zip(*(each for run in runs for each in _changes(run)), strict=True)
    seconds = [(datetime.fromisoformat(moment) - start).total_seconds() for moment in moments]
    at, places = np.unique(seconds, return_inverse=True)
    counts = np.zeros((at.size, 3), dtype=int)
    np.add.at(counts, places, changes)  # of one moment together: in between, nothing was ever so
    return Wave(at.tolist(), *counts.cumsum(axis=0).T.tolist())


def _changes(run: Json) -> Iterable[tuple[str, tuple[int, int, int]]]:
    """What each moment of a run changes: (waiting, running, ended)."""
    yield run["created_at"], (1, 0, 0)
    if run["started_at"]:
        yield run["started_at"], (-1, 1, 0)
    if run["completed_at"]:
        yield run["completed_at"], (0, -1, 1) if run["started_at"] else (-1, 0, 1)


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
