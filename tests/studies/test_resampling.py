"""Resampled returns and shuffled trades: the same for the same seed, and as wide as theory says."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from adapters.metrics.moments import NoValue
from adapters.studies.resampling import (
    LEAST_TRADES,
    bootstrap,
    mean_block,
    shuffled_trades,
    stationary_indices,
    trade_steps,
)
from tests.engine.test_determinism import DISPATCHED, ROOT

RETURNS = np.random.default_rng(7).normal(0.0006, 0.01, 1000)


def resampled(returns=RETURNS, seed=1, samples=500, bar_rate=0.0):
    return bootstrap(returns, len(returns) / 252, 252.0, bar_rate, seed, samples)


def test_the_places_are_those_of_the_stationary_bootstrap_walked_bar_by_bar() -> None:
    length, samples, block = 50, 7, 4.0
    places = stationary_indices(np.random.default_rng(9), length, samples, block)

    rng = np.random.default_rng(9)
    starts, begins = (
        rng.integers(0, length, (length, samples)),
        rng.random((length, samples)) < 1 / block,
    )
    for sample in range(samples):
        at = starts[0, sample]
        for bar in range(length):
            if bar:
                at = starts[bar, sample] if begins[bar, sample] else (at + 1) % length
            assert places[bar, sample] == at, (bar, sample)


def test_blocks_are_as_long_as_requested_on_average() -> None:
    places = stationary_indices(np.random.default_rng(3), 2000, 200, 10.0)
    goes_on = (places[1:] - places[:-1]) % 2000 == 1

    assert 1 / (1 - goes_on.mean()) == pytest.approx(10, rel=0.03)


def test_the_interval_of_the_ratio_is_as_wide_as_theory_says() -> None:
    low, high = resampled(samples=2000)["sharpe_ratio"]

    ratio = RETURNS.mean() / RETURNS.std(ddof=1)
    error = math.sqrt((1 + ratio**2 / 2) / len(RETURNS)) * math.sqrt(252)
    assert low < ratio * math.sqrt(252) < high
    assert high - low == pytest.approx(2 * 1.645 * error, rel=0.15)


def test_the_interval_is_of_the_ratio_above_the_risk_free_rate() -> None:
    rate = 0.0012  # per bar, twice what the returns bring

    low, high = resampled(bar_rate=rate)["sharpe_ratio"]

    assert low < (RETURNS.mean() - rate) / RETURNS.std(ddof=1) * math.sqrt(252) < high < 0
    assert resampled(bar_rate=rate)["cagr"] == resampled()["cagr"]


def test_growth_and_drawdown_are_those_of_each_sample() -> None:
    ranges = resampled(samples=100)

    places = stationary_indices(
        np.random.default_rng(1), len(RETURNS), 100, mean_block(len(RETURNS))
    )
    growths, falls = [], []
    for sample in places.T:
        path = [1.0]
        for bar in sample:
            path.append(path[-1] * (1 + RETURNS[bar]))
        growths.append((path[-1] ** (252 / len(RETURNS)) - 1) * 100)
        falls.append(
            max(1 - after / max(path[: place + 1]) for place, after in enumerate(path)) * 100
        )
    assert ranges["cagr"] == pytest.approx([sorted(growths)[5], sorted(growths)[94]], rel=1e-9)
    assert ranges["max_drawdown_pct"] == pytest.approx(
        [sorted(falls)[5], sorted(falls)[94]], rel=1e-9
    )


PROGRAM = """
import numpy as np
from adapters.studies.resampling import bootstrap, shuffled_trades
from adapters.studies.path import block_sums, overfitting
rng = np.random.default_rng(7)
noise = rng.normal(0, 0.01, (40, 320))
print(bootstrap(rng.normal(0.0006, 0.01, 1001), 4.0, 252.0, 0.0001, 1, 300))
print(shuffled_trades([1.01, 0.98, 1.03] * 7, 5, 300), overfitting(np.stack([block_sums(row, 8) for row in noise]), 40))
"""


def printed(**environment: str) -> bytes:
    """Output of PROGRAM in a process of its own."""
    command, environ = [sys.executable, "-c", PROGRAM], os.environ | environment
    return subprocess.run(command, capture_output=True, cwd=ROOT, env=environ, check=True).stdout


def test_the_same_seed_gives_the_same_bits_on_another_cpu() -> None:
    here = printed()

    there = printed(OPENBLAS_CORETYPE="Prescott", NPY_DISABLE_CPU_FEATURES=" ".join(DISPATCHED))

    assert here.count(b"\n") == 2
    assert there == here


def test_another_seed_gives_other_numbers() -> None:
    assert resampled(seed=1)["sharpe_ratio"] != resampled(seed=2)["sharpe_ratio"]


@pytest.mark.parametrize(
    ("returns", "reason"),
    [(RETURNS[:29], "fewer than 30 returns"), (np.zeros(100), "equity did not vary")],
)
def test_what_cannot_be_resampled_has_a_reason(returns: np.ndarray, reason: str) -> None:
    with pytest.raises(NoValue, match=reason):
        resampled(returns)


def test_trades_in_other_orders_end_with_the_same_money_and_fall_by_more_or_less() -> None:
    profits = [100.0] * 10 + [-100.0] * 10  # the worst order but one: all losses in a row

    shuffled = shuffled_trades(trade_steps(profits, 1000), 1, 2000)

    assert shuffled["observed_pct"] == pytest.approx(50.0)
    assert shuffled["share_worse"] == 0.0
    assert (
        shuffled["max_drawdown_pct"][0]
        < shuffled["median_pct"]
        < shuffled["max_drawdown_pct"][1]
        < 50
    )
    assert math.prod(trade_steps(profits, 1000)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("profits", "reason"),
    [
        ([1.0] * (LEAST_TRADES - 1), "fewer than 10 closed trades"),
        ([-60.0] * 10, "equity fell to zero"),
    ],
)
def test_too_few_trades_and_an_empty_account_have_a_reason(
    profits: list[float], reason: str
) -> None:
    with pytest.raises(NoValue, match=reason):
        shuffled_trades(trade_steps(profits, 100), 1, 10)
