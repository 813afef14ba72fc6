"""A wave of runs from the API's timestamps: counts over time, latencies, picture."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from autoscale_demo import draw, in_words, summary, wave_of


def run(
    created: int, started: int | None, completed: int | None, attempt: int = 1
) -> dict[str, Any]:
    def at(second: int | None) -> str | None:
        return None if second is None else f"2026-01-01T00:00:{second:02d}.000000Z"

    status = "completed" if completed and started else "failed" if completed else "pending"
    return {
        "created_at": at(created), "started_at": at(started), "completed_at": at(completed),
        "attempt": attempt, "status": status,
    }  # fmt: skip


RUNS = [run(0, 1, 3), run(0, 2, 4, attempt=2), run(1, 3, 5), run(2, None, 6)]


def test_every_moment_has_its_counts() -> None:
    wave = wave_of(RUNS)

    counts = zip(wave.waiting, wave.running, wave.ended, strict=True)
    assert dict(zip(wave.seconds, counts, strict=True)) == {
        0: (2, 0, 0),
        1: (2, 1, 0),
        2: (2, 2, 0),
        3: (1, 2, 1),
        4: (1, 1, 2),
        5: (1, 0, 3),
        6: (0, 0, 4),
    }


def test_no_count_is_ever_negative_when_moments_coincide() -> None:
    wave = wave_of([run(0, 0, 0), run(0, 0, 1), run(1, 1, 1)])

    assert min(*wave.waiting, *wave.running, *wave.ended) >= 0
    assert (wave.waiting[-1], wave.running[-1], wave.ended[-1]) == (0, 0, 3)


def batch(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Summary of a batch, as the platform computes it."""
    counts = Counter(run["status"] for run in runs)
    wait = {"average": 1.5, "p50": 2, "p95": 2, "p99": 2, "max": 2}
    return {"batch_id": "b", "counts": counts, "queue_wait_s": wait, "run_s": dict.fromkeys(wait)}


def test_the_summary_has_latencies_peaks_and_jobs() -> None:
    numbers = summary(batch(RUNS), RUNS, wave_of(RUNS), limit=4)

    assert (numbers["runs"], numbers["completed"], numbers["failed"]) == (4, 3, 1)
    assert (numbers["jobs"], numbers["messages"], numbers["limit"]) == (4, 4, 4)
    assert numbers["peak_running"] == 2
    assert "queue wait      average 1.50 s  p50 2.00 s" in in_words(numbers)
    assert numbers["runs_per_s"] == pytest.approx(4 / 6, abs=1e-3)
    assert "Jobs            4 took 4 messages" in in_words(numbers)


def test_the_picture_is_a_png_and_leaves_no_figure_behind(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    draw(wave_of(RUNS), summary(batch(RUNS), RUNS, wave_of(RUNS), limit=4), tmp_path / "wave.png")

    assert (tmp_path / "wave.png").read_bytes().startswith(b"\x89PNG")
    assert plt.get_fignums() == []


def test_a_wave_of_which_nothing_started_has_a_picture_too(tmp_path: Path) -> None:
    cancelled = [run(0, None, 0), run(0, None, 0)]

    numbers = summary(batch(cancelled), cancelled, wave_of(cancelled), limit=4)
    draw(wave_of(cancelled), numbers, tmp_path / "wave.png")

    assert (tmp_path / "wave.png").read_bytes().startswith(b"\x89PNG")
    assert "run             -" in in_words(numbers)


def test_the_documented_result_adds_up() -> None:
    recorded = json.loads(
        (Path(__file__).parents[2] / "docs" / "images" / "autoscaling.json").read_text()
    )

    assert recorded["completed"] == recorded["runs"] == recorded["wave"]["ended"][-1]
    assert max(recorded["wave"]["running"]) == recorded["peak_running"] <= recorded["limit"]
