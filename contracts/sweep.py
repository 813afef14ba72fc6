"""A sweep: many backtests in one request. A new field has a default; none is removed or renamed."""

from dataclasses import field, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge, MaxLen, MinLen

from contracts.run_request import Closed
from contracts.values import Json, frozen_by_name

Conditions = Annotated[list[str], MaxLen(20)] | str


@frozen_by_name
class SweepSpec(Closed):
    """Content of a sweep file: one run for each ticker and each combination of parameters.

    Each field is annotated with what it accepts, in words. The batch id follows from the name and the runs, so that
    the same sweep is the same batch again.
    """

    base: Annotated[
        Json,
        "an object with the fields that all runs share: ticker or tickers, rule_type, start_date, end_date, ...",
    ]
    name: Annotated[Annotated[str, MinLen(1), MaxLen(255)] | None, "1 to 255 characters"] = None
    method: Annotated[Literal["grid", "random", "list"], "grid, random, list"] = "grid"
    parameters: Annotated[
        Json | list[Any],
        "an object of parameter names and values; with method list, a list of objects",
    ] = field(default_factory=dict)
    where: Annotated[
        Conditions,
        "at most 20 conditions on parameters; only combinations that meet them are run",
    ] = field(default_factory=list)
    metric: Annotated[
        str | Json | None,
        "a metric to rank by, or an object with its name and goal",
    ] = None
    constraints: Annotated[
        Conditions, "at most 20 conditions on metrics; only results that meet them are ranked"
    ] = field(default_factory=list)
    run_cap: Annotated[
        int,
        Ge(1),
        "a whole number from 1: the most runs of a grid, or the number of random draws",
    ] = 20_000
    seed: Annotated[int, Ge(0), "a whole number from 0; the same seed draws the same runs"] = 0
    study: Annotated[
        Json | None,
        "an object with kind: walk_forward, holdout, selection or permutation; for studies only",
    ] = None
    portfolio: Annotated[
        Json | None,
        "an object that sets how runs share an account: mode, max_positions, ...; for portfolios only",
    ] = None


# what each field accepts, in words
ACCEPTED: dict[str, str] = {
    each.name: each.type.__metadata__[-1]  # type: ignore[union-attr]
    for each in fields(SweepSpec)
}
