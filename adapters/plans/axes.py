"""Values of parameters and their combinations: a whole grid, or a random sample of it without repetition."""

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice, product
from math import prod
from typing import Any

from adapters.plans.conditions import Condition
from contracts.values import Json, Values

# combinations that are generated before `where` filters them
MAX_ENUMERATED = 2_000_000
# values that the conditions of `where` evaluate over all combinations: seconds of web's time
MAX_VALUES_SEEN = 4_000_000
DRAWS_PER_RUN = 50  # random combinations drawn for each one requested, since `where` rejects some
MAX_VALUES = 10_000  # values of one parameter
MOST_COMBINATIONS = 10**18

Axes = dict[str, list[Any]]
Member = Json


def axis_values(axis: Any) -> list[Any]:
    """Return the values of `{min, max, step}`, `{values: […]}`, a list or a single value; ValueError otherwise."""
    match axis:
        case {"min": least, "max": most, "step": step, **more} if not more:
            return _steps(least, most, step)
        case {"values": list(values), **more} if not more:
            pass
        case list(values):
            pass
        case value:
            values = [value]
    if 0 < len(values) <= MAX_VALUES and all(
        isinstance(value, int | float | str) for value in values
    ):
        return list(dict.fromkeys(values))
    raise ValueError(
        f"{str(axis)[:60]!r} is not {{min, max, step}}, {{values: [...]}}, a list of 1 to {MAX_VALUES} "
        "numbers or words, or one of them"
    )


def _steps(*bounds: Any) -> list[Any]:
    """Values from min to max inclusive, exact in decimals; integers if min, max and step are integers."""
    kinds = {type(value) for value in bounds}
    if not kinds <= {int, float}:
        raise ValueError(f"min, max and step are numbers, not {list(bounds)}")
    least, most, step = ends = [Decimal(str(value)) for value in bounds]
    is_range = all(map(Decimal.is_finite, ends)) and step > 0 and most >= least
    count = int((most - least) / step) + 1 if is_range else 0
    if not 0 < count <= MAX_VALUES:
        raise ValueError(
            f"min {bounds[0]}, max {bounds[1]}, step {bounds[2]} give no values, or more than {MAX_VALUES}"
        )
    kind = int if kinds == {int} else float
    return [kind(least + number * step) for number in range(count)]


def grid(axes: Axes, where: Sequence[Condition], fixed: Values) -> Iterator[Member]:
    """Yield all combinations that `where` accepts, the last axis fastest; ValueError above MAX_ENUMERATED."""
    if size(axes) > MAX_ENUMERATED:
        raise ValueError(
            f"{size(axes):,} combinations are more than {MAX_ENUMERATED:,}; use method: random"
        )
    _refuse_too_much(size(axes), where)
    members = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
    return _accepted(members, where, fixed)


def sample(
    axes: Axes, where: Sequence[Condition], fixed: Values, count: int, seed: int
) -> Iterator[Member]:
    """Yield at most `count` distinct combinations that `where` accepts, in the order drawn by `seed`."""
    total = size(axes)
    draws = total if total <= MAX_ENUMERATED else min(total, count * DRAWS_PER_RUN)
    _refuse_too_much(draws, where)
    members = (
        _member(axes, number) for number in random.Random(seed).sample(range(total), draws)
    )
    return islice(_accepted(members, where, fixed), count)


def _refuse_too_much(combinations: int, where: Sequence[Condition]) -> None:
    values = sum(each.values for each in where)
    if combinations * values > MAX_VALUES_SEEN:
        raise ValueError(
            f"{combinations:,} combinations, of which where looks at {values} values each, are more than "
            f"{MAX_VALUES_SEEN:,} values; use fewer or shorter conditions, or narrower parameters"
        )


def size(axes: Axes) -> int:
    """Number of combinations; ValueError above MOST_COMBINATIONS."""
    combinations = prod(len(values) for values in axes.values())
    if combinations > MOST_COMBINATIONS:
        raise ValueError(f"more than {MOST_COMBINATIONS:,} combinations; use narrower parameters")
    return combinations


def _member(axes: Axes, number: int) -> Member:
    """Return the combination of this number, with the last axis fastest."""
    chosen = {}
    for name, values in reversed(axes.items()):
        number, place = divmod(number, len(values))
        chosen[name] = values[place]
    return dict(reversed(chosen.items()))


def _accepted(
    members: Iterator[Member], where: Sequence[Condition], fixed: Values
) -> Iterator[Member]:
    for member in members:
        values = {**fixed, **member}
        if all(each.holds(values) for each in where):
            yield member
