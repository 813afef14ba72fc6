"""The block-wise sums against the recursions and windows that they stand for."""

from itertools import accumulate, product

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from rules.rolling import (
    decayed_ratio,
    decayed_sums,
    window_deviations,
    window_max,
    window_means,
    window_min,
    window_sums,
)
from tests.rules.loops import naming

SIZES = (0, 1, 2, 90, 91, 255, 256, 257, 512, 16_383, 16_384, 16_385, 40_000)


@pytest.mark.parametrize("decay", [1 / 3, 0.5, 13 / 14, 199 / 201, 399 / 400])
def test_decayed_sums_are_the_recursion(decay):
    for size in SIZES:
        values = np.random.default_rng(size).normal(size=size)
        expected = list(
            accumulate(values.tolist(), lambda total, value: decay * total + value, initial=0.7)
        )[1:]
        with naming(size=size):
            np.testing.assert_allclose(
                decayed_sums(values, decay, 0.7), expected, rtol=1e-12, atol=1e-12
            )


@pytest.mark.parametrize("scale", [1e-290, 1e-9, 1e12, 1e250])
def test_decayed_sums_neither_overflow_nor_vanish(scale):
    for period in (*range(2, 40), 100, 200, 399, 400):
        values, decay = np.random.default_rng(period).random(2000), 1 - 2 / (period + 1)
        sums = decayed_sums(values * scale, decay, scale)
        with naming(period=period):
            np.testing.assert_allclose(sums / scale, decayed_sums(values, decay, 1.0), rtol=1e-12)


@pytest.mark.parametrize("decay", [0.5, 13 / 14, 399 / 400])
def test_a_decayed_ratio_is_that_of_two_recursions(decay):
    for size in SIZES:
        part, whole = np.random.default_rng(size).random((2, size))
        expected = decayed_sums(part.copy(), decay, 0.3) / decayed_sums(whole.copy(), decay, 0.9)
        ratio = np.empty(size)
        decayed_ratio(part, whole, decay, 0.3 + 0.9j, out=ratio)
        with naming(size=size):
            np.testing.assert_allclose(ratio, expected, rtol=1e-12)


def test_a_ratio_of_nothing_to_nothing_is_no_number_until_something_comes():
    ratio, values = np.empty(3), np.array([0.0, 0.0, 2.0])

    decayed_ratio(values, values, 0.5, 0.0, out=ratio)

    np.testing.assert_array_equal(ratio, [np.nan, np.nan, 1.0])


def test_windows_are_what_each_of_them_holds():
    for size, period in product(
        (1, 2, 5, 19, 20, 21, 400, 16_384 + 19, 16_384 + 20, 40_000), (2, 3, 20, 400)
    ):
        values = np.random.default_rng(size).normal(100.0, 5.0, size)
        windows = sliding_window_view(values, period) if size >= period else np.empty((0, period))
        with naming(size=size, period=period):
            np.testing.assert_allclose(
                window_sums(values, period), windows.sum(axis=1), rtol=1e-13
            )
            np.testing.assert_array_equal(window_max(values, period), windows.max(axis=1))
            np.testing.assert_array_equal(window_min(values, period), windows.min(axis=1))


@pytest.mark.parametrize("period", [2, 3, 20])
def test_means_and_deviations_are_exact_where_a_loop_is(period):
    # cents: many flat windows
    values = np.round(np.random.default_rng(1).normal(100.0, 0.01, 2000), 2)
    windows = [values[end - period : end] for end in range(period, values.size + 1)]
    flat = np.array([(w == w[0]).all() for w in windows])

    means, deviations = window_means(values, period), window_deviations(values, period)

    np.testing.assert_allclose(means, [w.mean() for w in windows], rtol=1e-14)
    np.testing.assert_allclose(deviations, [w.std() for w in windows], rtol=1e-9, atol=1e-12)
    assert flat.any() or period == 20
    assert (means[flat] == values[period - 1 :][flat]).all()
    assert (deviations[flat] == 0.0).all()


def test_windows_without_a_number_have_no_sum():
    values = np.arange(30.0)
    values[7] = np.nan

    sums = window_sums(values, 5)

    assert np.flatnonzero(np.isnan(sums)).tolist() == [3, 4, 5, 6, 7]
