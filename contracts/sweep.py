"""A sweep: many backtests in one request. A new field has a default; none is removed or renamed."""

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, MaxLen, MinLen

Conditions = Annotated[list[str], MaxLen(20)] | str


def accepts(words: str) -> dict[str, str]:
    """What people read of a field."""
    return {"accepts": words}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSpec:
    """What a sweep file says: one run for each ticker and each combination of parameters.

    With a name the batch is named after it and its runs, so that the same
    sweep again is the same batch.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    base: dict[str, Any] = field(
        metadata=accepts(
            "an object of what all runs share: ticker or tickers, rule_type, start_date, end_date, ..."
        )
    )
    name: Annotated[str, MinLen(1), MaxLen(255)] | None = field(
        default=None, metadata=accepts("1 to 255 characters")
    )
    method: Literal["grid", "random", "list"] = field(
        default="grid", metadata=accepts("grid, random, list")
    )
    parameters: dict[str, Any] | list[Any] = field(
        default_factory=dict,
        metadata=accepts(
            "an object of parameter names and their values; with method list, a list of objects"
        ),
    )
    where: Conditions = field(
        default_factory=list,
        metadata=accepts("at most 20 conditions on parameters: which combinations are tried"),
    )
    metric: str | dict[str, Any] | None = field(
        default=None,
        metadata=accepts("a metric, or an object of its name and goal: how results are ranked"),
    )
    constraints: Conditions = field(
        default_factory=list,
        metadata=accepts("at most 20 conditions on metrics: which results are ranked"),
    )
    run_cap: Annotated[int, Ge(1)] = field(
        default=20_000,
        metadata=accepts(
            "a whole number from 1: a grid of more runs is refused, of random ones so many are drawn"
        ),
    )
    seed: Annotated[int, Ge(0)] = field(
        default=0, metadata=accepts("a whole number from 0: the same one draws the same runs")
    )
    study: dict[str, Any] | None = field(
        default=None,
        metadata=accepts(
            "an object with kind: walk_forward, holdout, selection or permutation; of a study only"
        ),
    )
    portfolio: dict[str, Any] | None = field(
        default=None,
        metadata=accepts(
            "an object of how its runs share one account: mode, max_positions, ...; of a portfolio only"
        ),
    )


# what each field accepts, in words
ACCEPTED = {each.name: str(each.metadata["accepts"]) for each in fields(SweepSpec)}
