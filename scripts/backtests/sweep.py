"""A sweep: named runs to be submitted as one batch, and how their results are to be ranked."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backtests.conditions import Condition
from backtests.errors import Refused

GOALS = {"max": "max", "min": "min", "maximize": "max", "minimize": "min"}
MAX_NAME = 40  # characters of the name that go into the batch id
_NUMBER = re.compile(r"(?<![\w'])-?\d+(\.\d+)?(?![\w'])")  # by itself, not in a ticker


@dataclass(frozen=True)
class PlannedRun:
    """One run as it will be sent, and the place in the file that it comes from."""

    values: dict[str, Any]
    place: str  # "line 12", or ticker and params of a grid's member


@dataclass(frozen=True)
class Sweep:
    """Everything that a file says. metric and goal: None where the platform's own are good.

    place_of: the place in the file of a field of all runs, such as "line 4: base.fee_rate"; None in a file that has a
    line for each run. study: how its runs are to be judged, for the command `study`.
    """

    name: str
    runs: tuple[PlannedRun, ...]
    metric: str | None = None
    goal: str | None = None
    constraints: tuple[Condition, ...] = ()
    place_of: Callable[[str], str] | None = None
    study: Mapping[str, Any] | None = None

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The runs as the platform takes them."""
        return [run.values for run in self.runs]

    @property
    def ranking(self) -> dict[str, str]:
        """What the file says about ranks, as the platform takes it; what it leaves out is the platform's to choose."""
        constraint = " and ".join(each.text for each in self.constraints)
        said = {"metric": self.metric, "goal": self.goal, "constraint": constraint}
        return {name: value for name, value in said.items() if value}

    @property
    def batch_id(self) -> str:
        """Equal for equal runs: the same file again is the same batch, a changed one is another."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:MAX_NAME] or "sweep"
        content = json.dumps(self.requests, sort_keys=True, default=str)
        return f"{slug}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    def faults_in(self, refused: Refused) -> list[str]:
        """What the platform refused, at its place in the file; what differs in numbers only is told once."""
        having: dict[tuple[str, str], list[tuple[PlannedRun, str]]] = {}
        for place, fault in refused.errors.items():
            number, _, field = place.partition(".")
            having.setdefault((field, _NUMBER.sub("0", fault)), []).append((self.runs[int(number) - 1], fault))
        told = [self._told(field, *runs[0], len(runs) - 1) for (field, _), runs in having.items()]
        return told + [line for line in refused.message.splitlines() if not told or "are listed" in line]

    def _told(self, field: str, run: PlannedRun, fault: str, more: int) -> str:
        others = f"and {more} more run{'s' if more > 1 else ''}" if more else ""
        if self.place_of is None:
            return f"{run.place}: {field}: {fault}" + (f" ({others})" if more else "")
        return f"{self.place_of(field)}: {fault} ({f'{run.place} {others}'.rstrip()})"


def ranking(asked: Any, goals: Mapping[str, str]) -> tuple[str, str]:
    """The metric and goal of `{name, goal}` or of a metric's name; ValueError for unknown ones."""
    wanted = asked if isinstance(asked, Mapping) else {"name": asked}
    if unknown := set(wanted) - {"name", "goal"}:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}; accepted: name, goal")
    name = wanted.get("name", "sharpe_ratio")
    if name not in list(goals):
        raise ValueError(f"{name!r} is not one of {', '.join(goals)}")
    goal = wanted.get("goal", goals[name])
    if goal not in list(GOALS):
        raise ValueError(f"goal {goal!r} is not one of {', '.join(GOALS)}")
    return name, GOALS[goal]


def crossed(
    base: Mapping[str, Any], tickers: Sequence[str], combinations: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One request for each ticker and combination; charts are left out unless the base asks for them."""
    fixed = base.get("params") or {}
    return [
        {"charts": False, **base, "ticker": ticker, "params": with_params(fixed, combination)}
        for ticker in tickers
        for combination in combinations
    ]


def with_params(fixed: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`fixed` with `given` on top, in which inputs.fast is the input `fast`; one that has bounds keeps them."""
    params = dict(fixed)
    for name, value in given.items():
        group, _, part = name.partition(".")
        if not part:
            params[name] = value
            continue
        inside = params[group] if isinstance(params.get(group), Mapping) else {}
        bounds = inside.get(part)
        params[group] = {**inside, part: {**bounds, "value": value} if isinstance(bounds, Mapping) else value}
    return params


def flat_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse: params by name, inputs by theirs, such as inputs.fast."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        inside = value if isinstance(value, Mapping) else {}
        flat |= {
            f"{name}.{part}": each["value"] if isinstance(each, Mapping) else each for part, each in inside.items()
        }
        flat |= {} if isinstance(value, Mapping) else {name: value}
    return flat
