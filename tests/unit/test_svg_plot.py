"""Plots: what is thinned keeps its peaks, ticks are round, and no number of a curve breaks the picture."""

import random
from xml.etree import ElementTree

import pytest

from web.svg_plot import COLUMNS, PHONE, Plot, axis_ticks, date_ticks, log_ticks, thinned


def test_a_thinned_line_keeps_its_lowest_and_highest_value() -> None:
    chance = random.Random(1)
    values = [chance.random() for _ in range(10_000)]

    kept = list(thinned(values, first=7))

    assert len(kept) <= 2 * COLUMNS + 1
    assert (values.index(min(values)) + 7, min(values)) in kept
    assert (values.index(max(values)) + 7, max(values)) in kept
    assert kept == sorted(kept)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 8.1), (99_990, 100_010), (1e-6, 2e-6), (-1e12, 1e12)])
def test_ticks_are_few_inside_and_different(low: float, high: float) -> None:
    ticks = axis_ticks(low, high, "")

    assert 2 <= len(ticks) <= 7
    assert all(low <= value <= high for value, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks)


def test_ticks_of_a_logarithmic_scale_are_powers_of_ten_or_simple_multiples() -> None:
    assert [text for _, text in log_ticks(0.0, 2.0, "%")] == ["1%", "2%", "5%", "10%", "20%", "50%", "100%"]


def test_date_ticks_mark_the_beginning_of_years_or_months() -> None:
    years = [f"{year}-{month:02d}-01" for year in range(2000, 2013) for month in range(1, 13)]
    days = [f"2012-{month:02d}-{day:02d}" for month in range(1, 6) for day in range(1, 29)]

    assert [text for _, text in date_ticks(years, 8)][:2] == ["2001", "2003"]
    assert [text for _, text in date_ticks(days, 8)] == ["2012-02", "2012-03", "2012-04", "2012-05"]


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0], [0.0, 0.0], [1e-9, 1e9], [-1e12, 1e12], [float("nan"), 1.0]])
def test_every_curve_gives_well_formed_svg(values: list[float]) -> None:
    finite = [value for value in values if value == value]
    plot = Plot(["2012-01-03"] * len(values), min(finite), max(finite))
    plot.line(values, "amber")
    plot.area(finite, min(finite), "amber")
    plot.dot(0, finite[0], "up", 'a "quoted" <title>')

    root = ElementTree.fromstring(plot.svg('<script>"&'))

    assert root.attrib["aria-label"] == '<script>"&'
    assert "nan" not in plot.svg("").lower()


def test_a_narrow_plot_has_fewer_points_and_keeps_its_peak() -> None:
    values = [float(index % 97) for index in range(5000)] + [1000.0] + [0.0] * 5000
    dates = [f"bar {index:05d}" for index in range(len(values))]

    wide, narrow = (Plot(dates, 0.0, 1000.0, size) for size in ((1400, 400), PHONE))
    for plot in (wide, narrow):
        plot.line(values, "amber")

    highest = {plot: f",{plot.y(1000.0):.1f} " in plot.svg("") for plot in (wide, narrow)}
    assert all(highest.values())
    assert len(narrow.svg("")) < len(wide.svg("")) / 2
