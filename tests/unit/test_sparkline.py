"""The shape of an equity curve in a few characters."""

from adapters.sparkline import POINTS, decode_sparkline, encode_sparkline
from adapters.tables import runs


def test_a_rise_goes_from_the_lowest_level_to_the_highest() -> None:
    heights = decode_sparkline(encode_sparkline([float(value) for value in range(1000)]))

    assert (heights[0], heights[-1], len(heights)) == (0, 63, POINTS)
    assert heights == sorted(heights)


def test_short_and_flat_curves_have_a_shape() -> None:
    assert decode_sparkline(encode_sparkline([1.0, 3.0, 2.0])) == [0, 63, 32]
    assert len(set(decode_sparkline(encode_sparkline([5.0] * 100)))) == 1
    assert encode_sparkline([7.0]) != ""
    assert encode_sparkline([]) == ""


def test_a_shape_fits_its_column() -> None:
    assert runs.c.sparkline.type.length >= POINTS
