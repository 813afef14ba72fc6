"""How numbers and names are written on pages."""

import pytest

from web.formats import breakable, number


@pytest.mark.parametrize(
    ("value", "text"), [(-0.001, "0.00"), (-0.0, "0.00"), (-0.01, "−0.01"), (1234.5, "1,234.50"), (None, "—")]
)
def test_a_number_has_a_sign_only_when_it_is_not_zero(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_name_may_break_between_its_parts_and_stays_text() -> None:
    assert breakable("MA_CROSS_5") == "MA_<wbr>CROSS_<wbr>5"
    assert breakable("<b>-x") == "&lt;b&gt;-<wbr>x"
