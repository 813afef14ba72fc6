"""The probability of backtest overfitting, against the paper's own procedure, and on cases with a known answer."""

import math
from itertools import combinations

import numpy as np
import pytest
import scipy

from adapters.metrics.moments import NoValue
from adapters.studies.path import block_sums, overfitting

Matrix = np.ndarray


def ours(returns: Matrix, blocks: int) -> dict[str, float]:
    sums = np.stack([block_sums(column, blocks) for column in returns.T])
    return overfitting(sums, len(returns) // blocks)


def of_the_paper(returns: Matrix, blocks: int) -> float:
    """Steps 1 to 5 of section 2.3, on the matrix of returns itself."""
    parts = np.split(returns, blocks)
    logits = []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[number] for number in chosen])
        outside = np.concatenate(
            [parts[number] for number in range(blocks) if number not in chosen]
        )
        best = (inside.mean(axis=0) / inside.std(axis=0, ddof=1)).argmax()
        rank = scipy.stats.rankdata(outside.mean(axis=0) / outside.std(axis=0, ddof=1))[best] / (
            returns.shape[1] + 1
        )
        logits.append(math.log(rank / (1 - rank)))
    return float(np.mean(np.array(logits) <= 0))


def test_it_equals_the_procedure_of_the_paper() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        returns = rng.normal(rng.normal(0, 0.0005, 12), 0.01, (240, 12))

        assert ours(returns, 8)["probability"] == of_the_paper(returns, 8), seed


def test_noise_is_overfitted_about_half_of_the_time() -> None:
    probabilities = [
        ours(np.random.default_rng(seed).normal(0, 0.01, (480, 40)), 10)["probability"]
        for seed in range(30)
    ]

    assert np.mean(probabilities) == pytest.approx(0.5, abs=0.08)


def test_skill_is_not_overfitted() -> None:
    returns = np.random.default_rng(3).normal(0, 0.01, (480, 40))
    returns[:, 7] += 0.005

    assert ours(returns, 16)["probability"] < 0.01
    assert ours(returns, 16)["splits"] == 12_870


def test_combinations_that_never_move_are_left_out() -> None:
    returns = np.random.default_rng(4).normal(0, 0.01, (320, 6))
    still = np.zeros((320, 3))

    assert ours(np.hstack([returns, still]), 8) == ours(returns, 8)


@pytest.mark.parametrize("columns", [1, 2])
def test_a_single_combination_that_moves_has_no_probability(columns: int) -> None:
    returns = np.zeros((320, columns))
    returns[:, 0] = np.random.default_rng(5).normal(0, 0.01, 320)

    with pytest.raises(NoValue, match="fewer than two combinations"):
        ours(returns, 8)


def test_a_short_run_has_no_blocks() -> None:
    with pytest.raises(NoValue, match="fewer than 32 returns"):
        block_sums(np.zeros(31))
