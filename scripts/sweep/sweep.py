"""A sweep: named runs to be submitted as one batch, and how their results are to be ranked."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.results.leaderboard import Goal, default_goal
from adapters.results.metrics.table import METRIC_NAMES
from scripts.sweep.conditions import Condition

GOALS: Mapping[str, Goal] = {"max": "max", "min": "min", "maximize": "max", "minimize": "min"}
MAX_NAME = 40  # characters of the name that go into the batch id


@dataclass(frozen=True)
class PlannedRun:
    """One run as it will be sent, and the place in the file that it comes from."""

    values: dict[str, Any]
    place: str  # "line 12", or the params of a grid's member


@dataclass(frozen=True)
class Sweep:
    """Everything that a file says."""

    name: str
    runs: tuple[PlannedRun, ...]
    metric: str = "sharpe_ratio"
    goal: Goal = "max"
    constraints: tuple[Condition, ...] = field(default=())

    @property
    def batch_id(self) -> str:
        """Equal for equal runs: the same file again is the same batch, a changed one is another."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:MAX_NAME] or "sweep"
        content = json.dumps([run.values for run in self.runs], sort_keys=True, default=str)
        return f"{slug}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"


def ranking(asked: Any) -> tuple[str, Goal]:
    """The metric and goal of `{name, goal}` or of a metric's name; ValueError for unknown ones."""
    wanted = asked if isinstance(asked, Mapping) else {"name": asked}
    if unknown := set(wanted) - {"name", "goal"}:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}; accepted: name, goal")
    name = wanted.get("name", "sharpe_ratio")
    if name not in METRIC_NAMES:
        raise ValueError(f"{name!r} is not one of {', '.join(METRIC_NAMES)}")
    goal = wanted.get("goal", default_goal(name))
    if goal not in list(GOALS):
        raise ValueError(f"goal {goal!r} is not one of {', '.join(GOALS)}")
    return name, GOALS[goal]


def crossed(
    base: Mapping[str, Any], tickers: Sequence[str], combinations: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One request for each ticker and combination; charts are left out unless the base asks for them."""
    fixed = base.get("params") or {}
    return [
        {"charts": False, **base, "ticker": ticker, "params": {**fixed, **combination}}
        for ticker in tickers
        for combination in combinations
    ]
