"""The leaderboard of a batch as a table, CSV or JSON; the data alone goes to stdout."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backtests.conditions import Condition
from backtests.sweep import flat_params

SHOWN_METRICS = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades", "win_rate")


@dataclass(frozen=True)
class Leaderboard:
    """The best runs of a batch, and out of how many they were chosen."""

    batch_id: str
    metric: str
    goal: str  # max or min
    ranked: tuple[dict[str, Any], ...]
    tried: int
    completed: int
    constraints: tuple[str, ...]
    note: str  # what to bear in mind when reading it


def leaderboard(
    batch: Mapping[str, Any], listed: Iterable[dict[str, Any]], constraints: Sequence[Condition], top: int
) -> Leaderboard:
    """The `top` completed runs that keep all constraints, best first; those without a value are left out."""
    completed = [run for run in listed if run["status"] == "completed"]
    kept = [run for run in completed if all(condition.holds(run["metrics"]) for condition in constraints)]
    broken = f" {len(completed) - len(kept)} of {len(completed)} completed runs break a constraint."
    return Leaderboard(
        batch_id=batch["batch_id"],
        metric=batch["metric"],
        goal=batch["goal"],
        ranked=tuple(_ranked(kept, batch["metric"], batch["goal"])[:top]),
        tried=batch["runs"],
        completed=len(completed),
        constraints=tuple(condition.text for condition in constraints),
        note=batch["note"] + (broken if constraints else ""),
    )


def _ranked(runs: Iterable[dict[str, Any]], metric: str, goal: str) -> list[dict[str, Any]]:
    valued = [run for run in runs if run["metrics"].get(metric) is not None]
    return sorted(valued, key=lambda run: run["metrics"][metric], reverse=goal == "max")


def as_json(board: Leaderboard) -> str:
    """One JSON object with the ranks and the note."""
    ranks = [{"rank": place, **run} for place, run in enumerate(board.ranked, start=1)]
    shown = {name: value for name, value in vars(board).items() if name != "ranked"}
    return json.dumps(shown | {"leaderboard": ranks}, indent=2)


def as_csv(board: Leaderboard) -> str:
    """A header and one line per rank, all params and metrics in columns of their own."""
    flat = [flat_params(run["params"]) for run in board.ranked]
    params = list(dict.fromkeys(name for each in flat for name in each))
    metrics = list(dict.fromkeys(name for run in board.ranked for name in run["metrics"]))
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["rank", "run_id", "ticker", "rule_type", *(f"params.{name}" for name in params), *metrics])
    for place, (run, own) in enumerate(zip(board.ranked, flat, strict=True), start=1):
        known = [own.get(name) for name in params] + [run["metrics"].get(name) for name in metrics]
        writer.writerow([place, run["run_id"], run["ticker"], run["rule_type"], *known])
    return written.getvalue().rstrip("\n")


def as_table(board: Leaderboard) -> str:
    """Aligned columns for people, the ranking metric first, and the note below."""
    metrics = list(dict.fromkeys((board.metric, *SHOWN_METRICS)))
    rows = [["rank", "ticker", "rule", *metrics, "run_id"]]
    for place, run in enumerate(board.ranked, start=1):
        numbers = [_number(run["metrics"].get(name)) for name in metrics]
        rows.append([str(place), run["ticker"], run["rule_id"] or run["rule_type"], *numbers, run["run_id"]])
    return "\n".join([*aligned(rows), "", board.note])


def _number(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose columns are as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


FORMATS: Mapping[str, Any] = {"table": as_table, "csv": as_csv, "json": as_json}
