"""Crossings, levels, stances and shifted lines, bar by bar as written down by hand."""

import numpy as np
import pytest

from rules.arrays import (
    carry_forward,
    changes,
    crossings,
    directions,
    levels,
    reversals,
    shift,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ([-1, 1, 1, -1, -1], [0, 1, 0, -1, 0]),
        ([-1, 0, 1], [0, 0, 1]),  # through a touch
        ([1, 0, 1], [0, 0, 1]),  # touch and part to the same side: it was not above, now it is
        ([-1, 0, -1], [0, 0, -1]),
        ([0, 0, 0], [0, 0, 0]),
        ([1, 1, 1], [0, 0, 0]),
        ([NAN, 1, -1], [0, 0, -1]),  # the first value comes from nowhere
        ([NAN, NAN, -1, NAN, 1, 1], [0] * 6),
        ([1], [0]),
        ([], []),
    ],
)
def test_a_line_crosses_zero(line, expected):
    line = np.array(line, dtype=float)

    assert crossings(line, np.zeros(line.size)).tolist() == expected
    assert crossings(np.zeros(line.size), line).tolist() == [-signal for signal in expected]


def test_levels_cancel_where_both_hold():
    buy, sell = np.array([True, False, True, False]), np.array([False, True, True, False])

    assert levels(buy, sell).tolist() == [1, -1, 0, 0]


@pytest.mark.parametrize(
    ("signals", "stances", "changed", "reversed_on"),
    [
        (
            [0, 1, 0, 0, -1, -1, 0, 1],
            [0, 1, 1, 1, -1, -1, -1, 1],
            [0, 1, 0, 0, -1, 0, 0, 1],
            [4, 7],
        ),
        ([1, 0], [1, 1], [0, 0], []),
        ([0, 0], [0, 0], [0, 0], []),
        ([], [], [], []),
    ],
)
def test_a_stance_is_held_until_the_next_signal_and_turns_with_it(
    signals, stances, changed, reversed_on
):
    signals = np.array(signals, dtype=np.int8)

    assert carry_forward(signals).tolist() == stances
    assert changes(carry_forward(signals)).tolist() == changed
    assert reversals(carry_forward(signals)).tolist() == [
        change if bar in reversed_on else 0 for bar, change in enumerate(changed)
    ]


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        ([0, 1, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0], [0, 1, 1, -1, -1, 1]),
        # both at once turn it round, each time
        ([1, 0, 1, 1, 0], [0, 0, 1, 1, 0], [1, 1, -1, 1, 1]),
        ([1, 1, 0], [1, 0, 1], [0, 1, -1]),  # where there is no direction there is none to turn
        ([], [], []),
    ],
)
def test_a_direction_lasts_until_the_next_and_both_at_once_turn_it(up, down, expected):
    assert directions(np.array(up, dtype=bool), np.array(down, dtype=bool)).tolist() == expected


@pytest.mark.parametrize(
    ("bars", "expected"), [(0, [1, 2, 3]), (1, [NAN, 1, 2]), (3, [NAN] * 3), (5, [NAN] * 3)]
)
def test_a_shifted_line_says_on_each_bar_what_it_said_before(bars, expected):
    np.testing.assert_array_equal(shift(np.array([1.0, 2.0, 3.0]), bars), expected)
