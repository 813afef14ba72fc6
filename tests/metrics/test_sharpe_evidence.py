"""Evidence of a Sharpe ratio: the papers' own worked examples, and an independent computation with scipy."""

import math

import numpy as np
import pytest
import scipy

from adapters.metrics.moments import (
    MeasuredSharpe,
    NoValue,
    evidence,
    least_timing_record,
    least_track_record,
    luck_sharpe,
    probabilistic_sharpe,
    sharpe_variance,
    student_cdf,
    timing_evidence,
    timing_probability,
)

# Bailey & López de Prado (2012), the track record of 24 months: a Sharpe ratio of 0.458 a month
MONTHS = {"sharpe": 0.458, "returns": 24}
# Bailey & López de Prado (2014), "A numerical example": daily returns of 5 years of 250 days, 2.5 a year
FIVE_YEARS = MeasuredSharpe(2.5 / math.sqrt(250), 1250, -3, 10)
VARIANCE = 0.5 / 250


def deflated(measured: MeasuredSharpe, sharpe_variance: float, trials: int) -> float:
    return probabilistic_sharpe(measured, luck_sharpe(sharpe_variance, trials))


def test_the_probabilistic_ratio_is_that_of_the_papers_example(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapters.metrics.moments.LEAST_RETURNS", 24)

    assert probabilistic_sharpe(
        MeasuredSharpe(**MONTHS, skewness=0, kurtosis=3)
    ) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(
        MeasuredSharpe(**MONTHS, skewness=-2.448, kurtosis=10.164)
    ) == pytest.approx(0.913, abs=5e-4)


def test_the_deflated_ratio_is_that_of_the_papers_example() -> None:
    assert luck_sharpe(VARIANCE, 100) == pytest.approx(0.1132, abs=5e-5)
    assert deflated(FIVE_YEARS, VARIANCE, 100) == pytest.approx(0.9004, abs=5e-5)
    assert deflated(FIVE_YEARS, VARIANCE, 46) == pytest.approx(0.9505, abs=5e-5)
    normal = MeasuredSharpe(FIVE_YEARS.sharpe, 1250, 0, 3)
    assert deflated(normal, VARIANCE, 88) == pytest.approx(0.9505, abs=5e-5)


@pytest.mark.parametrize(("per_year", "years"), [(252, 2.73), (52, 2.83), (12, 3.24)])
def test_the_least_track_record_is_that_of_the_papers_table(per_year: int, years: float) -> None:
    two = MeasuredSharpe(2 / math.sqrt(per_year), 100, 0, 3)

    assert least_track_record(two, 1 / math.sqrt(per_year)) / per_year == pytest.approx(
        years, abs=5e-3
    )


def test_they_equal_an_independent_computation() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        count, trials = int(rng.integers(30, 3000)), int(rng.integers(2, 5000))
        returns = rng.standard_t(5, count) * 0.01 + 0.0005
        ratio = returns.mean() / returns.std(ddof=1)
        skew, tails = scipy.stats.skew(returns), scipy.stats.kurtosis(returns, fisher=False)
        spread = float(rng.uniform(1e-4, 1e-2))

        best = scipy.stats.norm.ppf([1 - 1 / trials, 1 - 1 / (trials * math.e)]) @ [
            1 - np.euler_gamma,
            np.euler_gamma,
        ]
        error = np.sqrt((1 - skew * ratio + (tails - 1) / 4 * ratio**2) / (count - 1))
        expected = scipy.stats.norm.sf((math.sqrt(spread) * best - ratio) / error)

        ours = deflated(MeasuredSharpe(ratio, count, skew, tails), spread, trials)
        assert ours == pytest.approx(expected, rel=1e-9, abs=1e-12), (count, trials)


def test_the_luck_of_many_is_what_the_best_of_many_draws_is() -> None:
    draws = np.random.default_rng(2).normal(0, 0.1, (20_000, 100)).max(axis=1)

    assert luck_sharpe(0.01, 100) == pytest.approx(draws.mean(), rel=0.01)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (MeasuredSharpe(0.1, 29, 0, 3), "fewer than 30 returns"),
        (MeasuredSharpe(1.0, 100, 5, 3), "skewness and kurtosis leave"),
    ],
)
def test_what_would_mean_nothing_has_a_reason(measured: MeasuredSharpe, reason: str) -> None:
    with pytest.raises(NoValue, match=reason):
        probabilistic_sharpe(measured)


def test_a_track_record_of_a_loss_is_never_long_enough() -> None:
    with pytest.raises(NoValue, match="not above"):
        least_track_record(MeasuredSharpe(-0.01, 1000, 0, 3))


def test_one_trial_is_not_deflated() -> None:
    result = evidence(MeasuredSharpe(0.05, 1000, 0, 3), None, 1, 252)

    assert result["deflated"] == result["probabilistic"]
    assert result["luck_sharpe_ratio"] == 0.0


def test_trials_without_ratios_leave_no_number_but_a_reason() -> None:
    result = evidence(MeasuredSharpe(0.05, 1000, 0, 3), sharpe_variance([0.05]), 20, 252)

    assert result["deflated"] is None
    assert result["notes"]["deflated"] == "fewer than two trials have a Sharpe ratio"
    assert result["probabilistic"] is not None


def test_students_distribution_equals_scipys() -> None:
    values = np.linspace(-12, 12, 481)
    for freedom in (29, 30, 35, 74, 149, 1000, 100_000):
        ours = [student_cdf(value, freedom) for value in values.tolist()]

        assert ours == pytest.approx(scipy.stats.t.cdf(values, freedom), abs=2e-5), freedom


def test_the_probability_of_timing_is_that_of_students_t_test() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        returns = rng.normal(rng.normal(0, 0.002), 0.01, int(rng.integers(30, 2000)))
        ratio = float(returns.mean() / returns.std(ddof=1))
        expected = scipy.stats.ttest_1samp(returns, 0.0, alternative="greater").pvalue

        probability = timing_probability(MeasuredSharpe(ratio, len(returns), 0.0, 3.0))

        assert probability == pytest.approx(1 - expected, abs=2e-5), len(returns)


def test_skewness_never_makes_timing_surer() -> None:
    rng = np.random.default_rng(4)
    for _ in range(300):
        ratio, skew, tails = rng.normal(0, 0.3), rng.normal(0, 4), rng.uniform(1, 40)
        count = int(rng.integers(30, 500))
        plain = timing_probability(MeasuredSharpe(ratio, count, 0.0, 3.0))

        skewed = timing_probability(MeasuredSharpe(ratio, count, skew, tails))

        assert abs(skewed - 0.5) <= abs(plain - 0.5), (ratio, skew, count)
        if skew * ratio > 0:
            assert skewed == plain


def test_the_least_record_of_timing_is_where_its_probability_is_95_percent() -> None:
    for ratio in (0.02, 0.05, 0.1, 0.2, 0.29):
        for skew in (-3.0, 0.0, 3.0):
            least = least_timing_record(MeasuredSharpe(ratio, 100, skew, 3.0))

            before, after = (
                timing_probability(MeasuredSharpe(ratio, round(least) + bars, skew, 3.0))
                for bars in (-1, 1)
            )

            assert before < 0.95 < after, (ratio, skew)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (MeasuredSharpe(0.1, 29, 0, 3), "fewer than 30 returns"),
        (MeasuredSharpe(-0.1, 300, 0, 3), "not above"),
    ],
)
def test_timing_without_a_number_has_its_reason(measured: MeasuredSharpe, reason: str) -> None:
    result = timing_evidence(measured, None, 1, 252)

    assert reason in " ".join(result["notes"].values())


def test_timing_has_a_probability_whatever_its_skewness_and_tails() -> None:
    result = timing_evidence(MeasuredSharpe(1.0, 100, 5.0, 3.0), 0.01, 20, 252)

    assert 0.5 < result["deflated"] < result["probabilistic"] <= 1.0
    assert result["notes"] == {}
