"""The wave as a picture: queue depth, running Jobs with the scaler's limit, and ended runs over time."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from autoscaling.timeline import Wave
from backtests.transport import Json

WAITING, RUNNING, ENDED, LIMIT = "#4c78a8", "#f58518", "#54a24b", "#b279a2"


def draw(wave: Wave, numbers: Json, path: Path) -> None:
    """Write the PNG; matplotlib's object API, so that nothing is left in the process."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, counts, color, label in (
        (above, wave.waiting, WAITING, "waiting in the queue"),
        (above, wave.ended, ENDED, "ended"),
        (below, wave.running, RUNNING, "running Jobs"),
    ):
        axes.step(wave.seconds, counts, where="post", color=color, label=label)
    above.set_ylabel("runs")
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


def _title(numbers: Json) -> str:
    wait, rate = numbers["queue_wait_s"], numbers["runs_per_s"]
    pace = f" ({rate:.1f} runs/s)" if rate else ""
    waited = (
        "none started"
        if wait["p50"] is None
        else "p50 {p50:.1f} s, p95 {p95:.1f} s".format(**wait)
    )
    return f"{numbers['runs']} runs in {numbers['seconds']:.0f} s{pace}; queue wait {waited}"
