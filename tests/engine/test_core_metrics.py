"""The engine's four metrics on equity paths that can be followed by hand."""

import math

import numpy as np
import pytest

from engine.metrics import PerformanceMetrics, measure


def of(*path: float, periods_per_year: float = 1.0) -> PerformanceMetrics:
    return measure(np.array(path, dtype=float), periods_per_year, 0)


def test_total_return_is_against_the_initial_capital():
    assert of(100, 90, 125).total_return_pct == pytest.approx(25)


def test_sharpe_starts_from_the_initial_capital():
    """Returns 10 % and -10 % and 30 %: mean 10 %, deviation (ddof 1) 20 %."""
    assert of(100, 110, 99, 128.7, periods_per_year=4).sharpe_ratio == pytest.approx(
        0.1 / 0.2 * math.sqrt(4)
    )


@pytest.mark.parametrize(
    ("case", "path", "expected"),
    [
        ("one return", [100, 110], None),
        ("no change at all", [100, 100, 100, 100], None),
        ("equal growth up to rounding", [100, 110, 121, 133.1], None),
        ("touched zero", [100, 0, 50], None),
        ("below zero", [100, -1, 50], None),
    ],
)
def test_sharpe_is_none_where_it_does_not_exist(case, path, expected):
    assert of(*path).sharpe_ratio is expected


@pytest.mark.parametrize(
    ("case", "path", "expected"),
    [
        ("the initial capital is the first peak", [100, 80, 90], 20),
        ("from the running peak", [100, 200, 150, 300, 180, 290], 40),
        ("percent, not money", [100, 50, 1000, 900], 50),
        ("never below its peak", [100, 100, 101], 0),
        ("all is lost", [100, 0, 10], 100),
        ("more than all is lost", [100, -50, 10], 150),
    ],
)
def test_drawdown_is_the_largest_fall_from_a_peak(case, path, expected):
    assert of(*path).max_drawdown_pct == pytest.approx(expected)


def test_what_overflows_has_no_value():
    metrics = of(1e-300, 1e300, 1e-300)

    assert metrics.total_return_pct == 0
    assert of(1e-300, 1e300).total_return_pct is None
    assert metrics.sharpe_ratio is None
