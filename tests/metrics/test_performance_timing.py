"""Timing metrics: by hand, bar by bar, and runs in which timing has no value."""

import math

import numpy as np
import pandas as pd
import pytest

from adapters.metrics.curves import AccountRates
from adapters.metrics.measured import Measured
from adapters.metrics.moments import NoValue
from adapters.metrics.table import METRICS
from adapters.metrics.timing import Timing, joined, usual_exposures
from tests.metrics.test_performance import of, trade

CAPITAL = 1000.0


def bought(first, last, size=10.0, side="BUY", **fields):
    return trade(entry_bar=first, exit_bar=last, size=size, side=side, **fields)


def timing_of(equity, closes, trades, days, **terms):
    path, times = np.append(CAPITAL, equity), np.append(days[0], days)
    run = Measured(
        path=path, close=closes, timestamps=times, trades=trades, periods_per_year=252.0, **terms
    )
    return run.timing


def test_a_run_that_is_in_the_market_before_its_rises_alone_has_timing():
    closes = [10.0, 11.0, 10.0, 12.0, 9.0]
    # long 10 over the first rise, short 10 over the last fall
    equity = [1000.0, 1010.0, 1010.0, 1010.0, 1040.0]
    trades = [bought(0, 1), bought(3, 4, side="SELL", is_open=True)]

    metrics = of(equity, trades, CAPITAL, closes).metrics

    exposures = [10 * 10 / 1000, 0.0, 0.0, -10 * 12 / 1010]
    usual = sum(exposures) / 4  # of so few bars none is left out
    excess = [
        1010 / 1000 - 1 - usual * (11 / 10 - 1),
        -usual * (10 / 11 - 1),
        -usual * (12 / 10 - 1),
        1040 / 1010 - 1 - usual * (9 / 12 - 1),
    ]
    values = pd.Series(excess)
    assert metrics["average_exposure_pct"] == pytest.approx(usual * 100)
    assert metrics["average_gross_exposure_pct"] == pytest.approx(
        sum(map(abs, exposures)) / 4 * 100
    )
    assert metrics["timing_return_pct"] == pytest.approx(values.mean() * 252 * 100)
    assert metrics["timing_sharpe_ratio"] == pytest.approx(
        values.mean() / values.std() * math.sqrt(252)
    )
    assert metrics["timing_skewness"] == pytest.approx(values.skew())
    assert metrics["timing_kurtosis"] == pytest.approx(values.kurt())


def test_costs_of_the_first_bar_count_to_the_second():
    closes, days = np.array([10.0, 10.1, 10.1]), np.datetime64("2024-01-01") + np.arange(3)

    timing = timing_of(np.array([990.0, 1000.0, 1000.0]), closes, [bought(0, 1)], days)

    assert timing.returns == pytest.approx([0.0, 0.0])
    assert timing.exposures == pytest.approx([100 / 990, 0.0])


def test_the_tenth_of_the_bars_behind_each_one_is_left_out_of_its_usual_exposure():
    exposures = np.random.default_rng(3).normal(0.4, 0.3, 57)

    usual = usual_exposures(exposures)

    for bar in range(57):
        others = [value for place, value in enumerate(exposures) if not bar < place <= bar + 5]
        assert usual[bar] == pytest.approx(sum(others) / len(others)), bar


def test_holding_the_same_share_all_the_time_has_no_timing():
    closes = np.cumprod(1 + np.random.default_rng(4).normal(0.001, 0.02, 300)) * 50
    equity = CAPITAL * closes / closes[0]
    holding = [bought(0, 299, size=CAPITAL / closes[0], is_open=True)]

    result = of(equity, holding, CAPITAL, closes)

    assert result.metrics["average_exposure_pct"] == pytest.approx(100.0)
    assert result.metrics["timing_sharpe_ratio"] is None
    assert result.notes["timing_sharpe_ratio"] == "the position never changed size"


@pytest.mark.parametrize(
    ("equity", "reason"),
    [([1001], "fewer than two returns"), ([10, -5, 3], "equity fell to zero or below")],
)
def test_what_has_no_exposure_says_why(equity, reason):
    result = of(equity, [bought(0, 0)], CAPITAL)

    assert result.notes["average_exposure_pct"] == result.notes["timing_return_pct"] == reason


def test_runs_one_after_the_other_are_compared_with_one_exposure():
    parts = [Timing(*np.random.default_rng(seed).normal(0, 0.01, (4, 40))) for seed in (1, 2)]

    whole = joined(parts)

    assert len(whole.returns) == 80
    assert whole.excess() == pytest.approx(
        whole.returns - usual_exposures(whole.exposures) * whole.moves - whole.carry
    )
    means = [whole.exposures[: bar + 1].mean() for bar in range(80)]
    assert whole.excess_over_past() == pytest.approx(
        whole.returns - means * whole.moves - whole.carry
    )
    still = Timing(np.zeros(40), np.zeros(40), np.ones(40), np.zeros(40))
    for excess in (still.excess, still.excess_over_past):
        with pytest.raises(NoValue):
            excess()


def test_interest_and_borrow_fees_of_the_usual_share_are_no_timing():
    days = np.array(["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"], "M8[D]")
    closes, rates = (
        np.array([10.0, 11.0, 12.0, 10.0]),
        AccountRates(borrow_rate=0.05, cash_rate=0.03),
    )

    short = timing_of(
        np.full(4, 1000.0), closes, [bought(1, 3, size=50.0, side="SELL")], days, rates=rates
    )
    flat = timing_of(1000 * 1.03 ** (np.array([0, 1, 4, 5]) / 365), closes, [], days, rates=rates)

    borrowed = (50 * 11 + 50 * 12) / 3 / 1000
    paid = [1.03 ** (count / 365) - 1 - borrowed * 0.05 * count / 365 for count in (1, 3, 1)]
    assert short.carry == pytest.approx(paid)
    assert flat.returns == pytest.approx(flat.carry)


EXPOSURES = ("average_exposure_pct", "average_gross_exposure_pct")
TIMING = [metric.name for metric in METRICS if metric.section == "Timing"]
TIMING = [name for name in TIMING if name not in EXPOSURES]


@pytest.mark.parametrize("step", [[1], [1, 1, 1, 1, 3], [7]])
def test_interest_alone_is_no_timing(step):
    for seed in range(100):
        rng = np.random.default_rng(seed)
        capital, bars = float(rng.choice([0.37, 1e3, 1e5, 1e9])), int(rng.integers(3, 400))
        days = np.cumsum(np.resize(step, bars))
        rate, closes = rng.uniform(0.001, 0.5), np.cumprod(1 + rng.normal(0, 0.02, bars)) * 50
        equity = capital * (1 + rate) ** ((days - days[0]) / 365)
        stored = np.round(equity, 2) if capital >= 1000 else equity  # as studies read it
        times = np.datetime64("2020-01-01", "D") + days

        for path in (equity, stored):
            measured = of(path, (), capital, closes, times, rates=AccountRates(cash_rate=rate))

            assert [measured.metrics[name] for name in EXPOSURES] == [0.0, 0.0], seed
            assert {measured.metrics[name] for name in TIMING} == {None}, seed
            assert measured.notes["timing_return_pct"] == "the position never changed size", seed
