"""The points that faults are made at, and the limits that they shorten, are there."""

from importlib import import_module
from operator import attrgetter

import pytest

from tests.faults.points import LIMITS, POINTS


@pytest.mark.parametrize("name", POINTS)
def test_a_point_is_a_function_of_the_program(name: str) -> None:
    module, _, function = POINTS[name].call.partition(":")

    assert callable(attrgetter(function)(import_module(module)))


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_a_number_of_the_program(name: str) -> None:
    module, _, constant = LIMITS[name].partition(":")

    assert isinstance(getattr(import_module(module), constant), int | float)
