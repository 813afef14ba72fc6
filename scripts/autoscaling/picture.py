"""The wave as a picture: queue depth, running Jobs with the scaler's limit, and ended runs over time."""

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from autoscaling.timeline import Wave

WAITING, RUNNING, ENDED, LIMIT = "#4c78a8", "#f58518", "#54a24b", "#b279a2"


def draw(wave: Wave, numbers: dict[str, Any], path: Path) -> None:
    """Write the PNG; matplotlib's object API, so that nothing is left in the process."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    above.step(
        wave.seconds, wave.waiting, where="post", color=WAITING, label="waiting in the queue"
    )
    above.step(wave.seconds, wave.ended, where="post", color=ENDED, label="ended")
    above.set_ylabel("runs")
    below.step(wave.seconds, wave.running, where="post", color=RUNNING, label="running Jobs")
    below.axhline(
        numbers["limit"], color=LIMIT, linestyle="--", label=f"scaler's limit: {numbers['limit']}"
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


def _title(numbers: dict[str, Any]) -> str:
    wait = numbers["queue_wait_s"]
    started = (
        "none started"
        if wait["p50"] is None
        else f"p50 {wait['p50']:.1f} s, p95 {wait['p95']:.1f} s"
    )
    rate = "" if numbers["runs_per_s"] is None else f" ({numbers['runs_per_s']:.1f} runs/s)"
    return f"{numbers['runs']} runs in {numbers['seconds']:.0f} s{rate}; queue wait {started}"
