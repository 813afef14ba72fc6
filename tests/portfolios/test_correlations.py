"""Correlation of the legs' profits when they share only some bars."""

import numpy as np
import pandas as pd
import pytest

from consumer.kinds.portfolio import correlated


def test_profits_are_compared_between_common_bars_alone() -> None:
    for seed in range(100):
        rng = np.random.default_rng(seed)
        legs, bars = int(rng.integers(1, 6)), int(rng.integers(2, 120))
        has_bar = np.zeros((bars, legs), dtype=bool)
        for leg in range(legs):
            first, last = sorted(rng.integers(0, bars, 2))
            has_bar[first : last + 1, leg] = rng.random(last + 1 - first) < 0.9
        gains = np.where(
            has_bar, rng.normal(0, 1, (bars, 1)) + rng.normal(0, 1, has_bar.shape), 0
        )
        earned = gains.cumsum(axis=0)

        correlations = correlated(earned.T, has_bar)

        for one in range(legs):
            for other in range(legs):
                common = np.flatnonzero(has_bar[:, one] & has_bar[:, other])
                value = correlations["of"][one][other]
                if len(common) < 2:
                    assert value is None, seed
                    continue
                start = [[0.0] * legs] if common[0] == 0 else earned[[common[0] - 1]]
                levels = pd.DataFrame(np.concatenate((start, earned[common])))
                expected = levels[one].diff().corr(levels[other].diff())
                assert value == pytest.approx(expected, abs=6e-4), (seed, one, other)


def test_a_leg_that_ended_is_not_diluted_by_the_time_after_it() -> None:
    gains = np.random.default_rng(5).normal(0, 1, 200)
    twin = np.where(np.arange(200) < 100, gains, 0.0)
    has_bar = np.ones((200, 2), dtype=bool)
    has_bar[100:, 1] = False

    correlations = correlated(np.array([gains, twin]).cumsum(axis=1), has_bar)

    assert correlations["of"] == [[1.0, 1.0], [1.0, 1.0]]
