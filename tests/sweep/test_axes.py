"""Values of parameters, whole grids and random members of them."""

from typing import Any

import pytest

from adapters.plans import expansion
from adapters.plans.expansion import axis_values
from adapters.plans.ranking import Reader

AXES = {"fast": [5, 10, 15], "slow": [10, 20]}
WHERE = [Reader("parameters", ("fast", "slow")).parse("fast < slow")]


def grid(*arguments: Any) -> list[dict[str, Any]]:
    return list(expansion.grid(*arguments))


def drawn(*arguments: Any, seed: int) -> list[dict[str, Any]]:
    return list(expansion.sample(*arguments, seed))


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ({"min": 5, "max": 15, "step": 5}, [5, 10, 15]),
        ({"min": 5, "max": 14, "step": 5}, [5, 10]),
        ({"min": 0.1, "max": 0.5, "step": 0.1}, [0.1, 0.2, 0.3, 0.4, 0.5]),
        ({"min": 1, "max": 2, "step": 0.5}, [1.0, 1.5, 2.0]),
        ({"values": ["sma", "ema"]}, ["sma", "ema"]),
        ([3, 1, 3], [3, 1]),
        (7, [7]),
    ],
)
def test_an_axis_stands_for_its_values(axis: object, values: list[object]) -> None:
    expanded = axis_values(axis)

    assert expanded == values
    assert [type(value) for value in expanded] == [type(value) for value in values]


@pytest.mark.parametrize(
    "axis",
    [
        {"min": 5, "max": 1, "step": 1},
        {"min": 1, "max": 5, "step": 0},
        {"min": 1, "max": 5, "step": -1},
        {"min": 1, "max": 1e12, "step": 1},
        {"min": "1", "max": 5, "step": 1},
        {"min": 1, "max": 5},
        {"min": float("nan"), "max": 5, "step": 1},
        {"min": 1, "max": float("inf"), "step": 1},
        {"values": []},
        {"values": 3},
        [],
        [None],
        None,
    ],
)
def test_an_axis_without_sense_is_refused(axis: object) -> None:
    with pytest.raises(ValueError, match=r"values|numbers"):
        axis_values(axis)


def test_a_grid_is_every_combination_that_where_accepts_last_axis_fastest() -> None:
    assert grid(AXES, WHERE, {}) == [
        {"fast": 5, "slow": 10},
        {"fast": 5, "slow": 20},
        {"fast": 10, "slow": 20},
        {"fast": 15, "slow": 20},
    ]


def test_where_sees_the_fixed_params_too() -> None:
    assert grid({"fast": [5, 10, 15]}, WHERE, {"slow": 12}) == [{"fast": 5}, {"fast": 10}]


def test_random_members_are_distinct_accepted_and_the_same_for_the_same_seed() -> None:
    values = {"fast": list(range(1, 51)), "slow": list(range(1, 101))}

    sampled = drawn(values, WHERE, {}, 500, seed=7)

    assert (
        sampled == drawn(values, WHERE, {}, 500, seed=7) != drawn(values, WHERE, {}, 500, seed=8)
    )
    assert len({tuple(member.values()) for member in sampled}) == 500
    assert all(member["fast"] < member["slow"] for member in sampled)


def test_random_members_come_from_a_grid_too_large_to_list() -> None:
    values = {name: list(range(1000)) for name in "abcd"}

    assert len(drawn(values, [], {}, 100, seed=1)) == 100
    with pytest.raises(ValueError, match="use method: random"):
        grid(values, [], {})


def test_a_small_grid_gives_all_its_members_when_more_are_requested() -> None:
    assert sorted(map(str, drawn(AXES, WHERE, {}, 100, seed=1))) == sorted(
        map(str, grid(AXES, WHERE, {}))
    )
