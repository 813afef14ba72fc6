"""The leaderboard of a batch as a table, CSV or JSON; the data alone goes to stdout."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.results.leaderboard import Goal, rank, tried_note
from adapters.results.metrics.table import HEADLINE_NAMES
from scripts.sweep.conditions import Condition

SHOWN_METRICS = (*HEADLINE_NAMES, "win_rate")


@dataclass(frozen=True)
class Leaderboard:
    """The best runs of a batch, and out of how many they were chosen."""

    batch_id: str
    metric: str
    goal: Goal
    ranked: tuple[dict[str, Any], ...]
    tried: int
    completed: int
    excluded: int  # completed runs that break a constraint
    constraints: tuple[str, ...]

    @property
    def note(self) -> str:
        """What to bear in mind: how many combinations were tried."""
        kept = f" {self.excluded} of {self.completed} completed runs break a constraint." if self.constraints else ""
        return tried_note(self.tried) + kept


def leaderboard(
    batch_id: str, listed: Iterable[dict[str, Any]], metric: str, goal: Goal, constraints: Sequence[Condition], top: int
) -> Leaderboard:
    """The `top` completed runs that keep all constraints, best first."""
    runs = list(listed)
    completed = [run for run in runs if run["status"] == "completed"]
    kept = [run for run in completed if all(condition.holds(run["metrics"]) for condition in constraints)]
    ranked = tuple(rank(kept, metric, goal, top))
    texts = tuple(condition.text for condition in constraints)
    return Leaderboard(batch_id, metric, goal, ranked, len(runs), len(completed), len(completed) - len(kept), texts)


def as_json(board: Leaderboard) -> str:
    """One JSON object with the ranks and the note."""
    shown = {
        "batch_id": board.batch_id,
        "metric": board.metric,
        "goal": board.goal,
        "constraints": board.constraints,
        "tried": board.tried,
        "completed": board.completed,
        "note": board.note,
        "leaderboard": [{"rank": place, **run} for place, run in enumerate(board.ranked, start=1)],
    }
    return json.dumps(shown, indent=2)


def as_csv(board: Leaderboard) -> str:
    """A header and one line per rank, all params and metrics in columns of their own."""
    params = list(dict.fromkeys(name for run in board.ranked for name in run["params"]))
    metrics = list(dict.fromkeys(name for run in board.ranked for name in run["metrics"]))
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["rank", "run_id", "ticker", "rule_type", *(f"params.{name}" for name in params), *metrics])
    for place, run in enumerate(board.ranked, start=1):
        known = [run["params"].get(name) for name in params] + [run["metrics"].get(name) for name in metrics]
        writer.writerow([place, run["run_id"], run["ticker"], run["rule_type"], *known])
    return written.getvalue().rstrip("\n")


def as_table(board: Leaderboard) -> str:
    """Aligned columns for people, the ranking metric first, and the note below."""
    metrics = list(dict.fromkeys((board.metric, *SHOWN_METRICS)))
    rows = [["rank", "ticker", "rule", *metrics, "run_id"]]
    for place, run in enumerate(board.ranked, start=1):
        numbers = [_number(run["metrics"].get(name)) for name in metrics]
        rows.append([str(place), run["ticker"], run["rule_id"] or run["rule_type"], *numbers, run["run_id"]])
    return "\n".join([*_aligned(rows), "", board.note])


def _number(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


FORMATS: Mapping[str, Any] = {"table": as_table, "csv": as_csv, "json": as_json}
