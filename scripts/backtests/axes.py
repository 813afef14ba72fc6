"""The values of a parameter and their combinations: a whole grid, or distinct random members of it."""

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from math import prod
from typing import Any

from backtests.conditions import Condition

MAX_ENUMERATED = 2_000_000  # combinations that are looked at, before `where` has chosen among them
DRAWS_PER_RUN = 50  # random combinations that are tried for each one that `where` accepts
MAX_VALUES = 10_000  # of one parameter

Axes = Mapping[str, Sequence[Any]]


def axis_values(axis: Any) -> list[Any]:
    """The values that `{min, max, step}`, `{values: […]}`, a list or a single value stand for; ValueError otherwise."""
    if isinstance(axis, Mapping):
        if set(axis) == {"values"}:
            return axis_values(axis["values"]) if isinstance(axis["values"], list) else _refuse(axis)
        return _steps(axis) if set(axis) == {"min", "max", "step"} else _refuse(axis)
    values = axis if isinstance(axis, list) else [axis]
    if not 0 < len(values) <= MAX_VALUES or not all(isinstance(value, int | float | str) for value in values):
        _refuse(axis)
    return list(dict.fromkeys(values))


def _refuse(axis: Any) -> Any:
    raise ValueError(
        f"{str(axis)[:60]!r} is not {{min, max, step}}, {{values: [...]}}, a list of 1 to {MAX_VALUES} "
        "numbers or words, or one of them"
    )


def _steps(axis: Mapping[str, Any]) -> list[Any]:
    """From min to max inclusive, exact in decimals; whole numbers stay whole when all three are."""
    given = [axis[name] for name in ("min", "max", "step")]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in given):
        raise ValueError(f"min, max and step are numbers, not {given}")
    try:
        least, most, step = (Decimal(str(value)) for value in given)
        count = int((most - least) / step) + 1 if step > 0 and most >= least else 0
    except (InvalidOperation, OverflowError):
        count = 0
    if not 0 < count <= MAX_VALUES:
        raise ValueError(f"min {given[0]}, max {given[1]}, step {given[2]} give no values, or more than {MAX_VALUES}")
    whole = all(isinstance(value, int) for value in given)
    return [int(value) if whole else float(value) for value in (least + number * step for number in range(count))]


def size(axes: Axes) -> int:
    return prod(len(values) for values in axes.values())


def grid(axes: Axes, where: Sequence[Condition], fixed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All combinations that `where` accepts, the last axis fastest; ValueError above MAX_ENUMERATED."""
    if size(axes) > MAX_ENUMERATED:
        raise ValueError(f"{size(axes):,} combinations are more than {MAX_ENUMERATED:,}; use method: random")
    return [found for number in range(size(axes)) if _accepted(found := _member(axes, number), where, fixed)]


def drawn(
    axes: Axes, where: Sequence[Condition], fixed: Mapping[str, Any], count: int, seed: int
) -> list[dict[str, Any]]:
    """At most `count` distinct combinations that `where` accepts, in the order that `seed` draws them."""
    found: list[dict[str, Any]] = []
    total = size(axes)
    draws = total if total <= MAX_ENUMERATED else min(total, count * DRAWS_PER_RUN)
    for number in random.Random(seed).sample(range(total), draws):
        member = _member(axes, number)
        if _accepted(member, where, fixed):
            found.append(member)
        if len(found) == count:
            break
    return found


def _member(axes: Axes, number: int) -> dict[str, Any]:
    """The combination of this number, counting with the last axis fastest."""
    chosen = []
    for name, values in reversed(list(axes.items())):
        number, place = divmod(number, len(values))
        chosen.append((name, values[place]))
    return dict(reversed(chosen))


def _accepted(member: Mapping[str, Any], where: Sequence[Condition], fixed: Mapping[str, Any]) -> bool:
    return all(condition.holds({**fixed, **member}) for condition in where)
