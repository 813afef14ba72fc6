"""The shape of an equity curve in a few characters."""

from adapters.sparkline import LEVELS, POINTS, encode_sparkline
from adapters.tables import runs
from web.formats import sparkline_points


def heights_of(values: list[float]) -> list[int]:
    return [LEVELS.index(character) for character in encode_sparkline(values)]


def test_a_rise_goes_from_the_lowest_level_to_the_highest() -> None:
    heights = heights_of([float(value) for value in range(1000)])

    assert (heights[0], heights[-1], len(heights)) == (0, 63, POINTS)
    assert heights == sorted(heights)


def test_short_and_flat_curves_have_a_shape() -> None:
    assert heights_of([1.0, 3.0, 2.0]) == [0, 63, 32]
    assert len(set(heights_of([5.0] * 100))) == 1
    assert encode_sparkline([7.0]) != ""
    assert encode_sparkline([]) == ""


def test_a_shape_fits_its_column() -> None:
    assert runs.c.sparkline.type.length >= POINTS


def test_a_shape_is_drawn_from_left_to_right_with_the_highest_level_on_top() -> None:
    assert sparkline_points(encode_sparkline([1.0, 3.0])) == "0,22 96,1.84"
    assert sparkline_points(encode_sparkline([1.0])) == "0,11.76"
