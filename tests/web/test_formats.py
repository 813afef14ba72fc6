"""Formats of numbers and names on pages."""

import pytest

from web.formats import breakable, number, plain


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.001, "0.00"), (-0.0, "0.00"), (-0.01, "−0.01"), (1234.5, "1,234.50"), (None, "—")],
)
def test_a_number_has_a_sign_only_when_it_is_not_zero(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e6, "1,000,000"), (2.5e10, "25,000,000,000"), (-0.00001, "−0.00001"), (14, "14"), (0.1, "0.1"),
     (1e300, "1e+300"), (True, "yes"), ("sma", "sma"), (None, "—")],
)  # fmt: skip
def test_a_value_is_written_without_an_exponent_and_with_a_true_minus_sign(
    value: object, text: str
) -> None:
    assert plain(value) == text


def test_a_name_may_break_between_its_parts_and_stays_text() -> None:
    assert breakable("MA_CROSS_5") == "MA_<wbr>CROSS_<wbr>5"
    assert breakable("<b>-x") == "&lt;b&gt;-<wbr>x"
