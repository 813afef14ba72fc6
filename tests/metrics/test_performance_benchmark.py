"""A run beside its benchmark: against empyrical and pandas on random series, and where there is nothing to compare."""

import empyrical
import numpy as np
import pandas as pd
import pytest

from adapters.prices.bars import closes_at, held
from adapters.prices.packing import unpack
from tests.metrics.test_performance import of
from tests.services.prices import DATA, packed_file

NAMES = (
    "alpha",
    "beta",
    "correlation",
    "tracking_error",
    "information_ratio",
    "up_capture",
    "down_capture",
)


def random_pair(seed):
    """Equity and the closes of a benchmark that it partly follows."""
    rng = np.random.default_rng(seed)
    market = rng.normal(0.0004, 0.01, int(rng.integers(31, 900)))
    own = rng.normal(0.0002, 0.006, len(market)) + rng.uniform(-0.5, 1.5) * market
    return 100 * np.cumprod(1 + own), 50 * np.cumprod(1 + market)


def test_they_equal_empyrical_s():
    for seed in range(100):
        equity, closes = random_pair(seed)
        ours, theirs = equity[1:] / equity[:-1] - 1, closes[1:] / closes[:-1] - 1

        found = of(equity, close=closes, risk_free_rate=0.02).metrics

        bar_rate = 1.02 ** (1 / 252) - 1
        alpha, beta = empyrical.alpha_beta_aligned(
            ours, theirs, risk_free=bar_rate, annualization=252
        )
        assert found["alpha"] == pytest.approx(alpha * 100, rel=1e-9, abs=1e-9), seed
        assert found["beta"] == pytest.approx(beta, rel=1e-9), seed
        assert found["correlation"] == pytest.approx(
            pd.Series(ours).corr(pd.Series(theirs)), rel=1e-9
        ), seed
        assert found["tracking_error"] == pytest.approx(
            (ours - theirs).std(ddof=1) * 252**0.5 * 100, rel=1e-9
        ), seed
        ratio = empyrical.excess_sharpe(ours, theirs) * 252**0.5
        assert found["information_ratio"] == pytest.approx(ratio, rel=1e-9), seed
        pair = (pd.Series(ours), pd.Series(theirs))
        assert found["up_capture"] == pytest.approx(
            empyrical.up_capture(*pair) * 100, rel=1e-9
        ), seed
        assert found["down_capture"] == pytest.approx(
            empyrical.down_capture(*pair) * 100, rel=1e-9
        ), seed


def test_another_benchmark_than_the_own_prices_is_used_from_its_first_bar_on():
    equity, closes = random_pair(1)
    late = np.concatenate((np.full(40, np.nan), closes[40:]))

    found = of(
        equity, close=np.full(len(equity), 7.0) + np.arange(len(equity)), benchmark=late
    ).metrics

    ours, theirs = equity[41:] / equity[40:-1] - 1, closes[41:] / closes[40:-1] - 1
    assert found["beta"] == pytest.approx(empyrical.beta_aligned(ours, theirs), rel=1e-9)


@pytest.mark.parametrize(
    ("equity", "closes", "reason"),
    [
        (
            np.arange(100.0, 130.0),
            np.arange(50.0, 80.0),
            "fewer than 30 returns beside the benchmark",
        ),
        (np.arange(100.0, 200.0), np.full(100, 50.0), "the benchmark did not vary"),
        (np.arange(100.0, 200.0) - 150, np.arange(50.0, 150.0), "equity fell to zero or below"),
    ],
)
def test_nothing_to_compare_has_a_reason(equity, closes, reason):
    found = of(equity, close=closes)

    assert {name: found.metrics[name] for name in NAMES} == dict.fromkeys(NAMES)
    assert {found.notes[name] for name in NAMES} == {reason}


def test_a_run_that_never_moves_has_a_beta_but_no_correlation():
    found = of(np.full(100, 100.0), close=np.arange(50.0, 150.0))

    assert found.metrics["beta"] == 0.0
    assert found.notes["correlation"] == "equity did not vary"


def test_a_run_that_is_its_benchmark_has_no_information():
    _, closes = random_pair(2)

    found = of(closes * 2, close=closes)

    assert found.metrics["beta"] == pytest.approx(1.0)
    assert found.notes["information_ratio"] == "the run does not differ from its benchmark"


def test_closes_of_a_benchmark_are_those_known_at_each_bar():
    google = unpack(packed_file(DATA, "GOOG"))
    # its first is 2004-08-19
    days = np.array(["2004-08-18", "2004-08-19", "2004-08-21", "2004-08-23"], "M8[s]")

    closes = closes_at(google, days.astype(np.int64))
    drawn = held(google, days.astype(np.int64), 1000.0)

    assert np.isnan(closes[0]) and np.isnan(drawn[0])
    assert drawn[1:].tolist() == (1000 * closes[1:] / closes[1]).tolist()
    rows = {
        row.split(",")[0]: float(row.split(",")[4])
        for row in (DATA / "GOOG.csv").read_text().splitlines()[1:]
    }
    assert closes[1:].tolist() == [rows["2004-08-19"], rows["2004-08-20"], rows["2004-08-23"]]
