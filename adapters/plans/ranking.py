"""The ranking of a plan's runs: a metric, a goal and constraints; and the caveat that every ranking needs."""

from collections.abc import Sequence
from typing import Literal

from adapters.metrics.table import METRICS_BY_NAME
from adapters.plans.conditions import METRIC_CONDITIONS, Condition
from contracts.values import Json, Values, frozen

Goal = Literal["max", "min"]

RUIN_PCT = 100.0  # maximum drawdown at which equity was 0 or less


@frozen
class Ranking:
    """Metric, goal, and the constraints that a run must keep to be ranked."""

    metric: str
    goal: Goal
    constraints: Sequence[Condition] = ()

    def to_json(self) -> Json:
        """Return this ranking in the form of the API."""
        return {
            "metric": self.metric,
            "goal": self.goal,
            "constraints": [each.text for each in self.constraints],
        }


DEFAULT = Ranking("sharpe_ratio", "max")


def ranking_by(metric: str, goal: Goal | None, constraints: Sequence[str]) -> Ranking:
    """Build a ranking from checked values; without a goal, by the better direction of the metric."""
    return Ranking(
        metric, goal or default_goal(metric), list(map(METRIC_CONDITIONS.parse, constraints))
    )


def default_goal(metric: str) -> Goal:
    """Return the better direction of a metric."""
    return "min" if METRICS_BY_NAME[metric].better == "low" else "max"


def is_ruined(metrics: Values) -> bool:
    """Return True if equity once fell to 0: no broker would have let the account continue."""
    return (metrics.get("max_drawdown_pct") or 0.0) >= RUIN_PCT


def tried_note(tried: int, left_out: int = 0, *, to_come: int = 0, what: str = "run") -> str:
    """Return a caveat on the best of `tried` completed runs, of which `left_out` are not ranked.

    to_come: number of runs that have not ended; the caveat waits for them.
    """
    if to_come:
        return f"How much of the best is luck is said once all {what}s have ended; still to come: {to_come:,}."
    runs = f"1 {what} was" if tried == 1 else f"{tried:,} {what}s were"
    note = (
        f"{runs} tried: the best of many looks better than it is (selection bias), so confirm it on dates "
        "that took no part in the choice."
    )
    has_no_place = "breaks a constraint, made no trade or lost everything"
    if left_out > 1:
        has_no_place = has_no_place.replace("breaks", "break")
    return note + (f" {left_out:,} of them {has_no_place}." if left_out else "")
