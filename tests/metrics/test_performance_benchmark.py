"""Comparison with the benchmark: against empyrical and pandas on random series, and where there is none."""

import json
from dataclasses import replace
from datetime import date

import empyrical
import numpy as np
import pandas as pd
import pytest

from adapters.prices.bars import PriceBars, buy_and_hold, closes_at, common_closes
from adapters.prices.packing import run_prices, unpack_bars
from adapters.runs.series import decode_trades
from consumer.kinds.backtest import backtest
from contracts.run_request import RunRequest
from contracts.timeframes import LENGTH_S, TIMEFRAMES
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
    returns = rng.normal(0.0002, 0.006, len(market)) + rng.uniform(-0.5, 1.5) * market
    return 100 * np.cumprod(1 + returns), 50 * np.cumprod(1 + market)


def test_they_equal_empyrical_s():
    for seed in range(100):
        equity, closes = random_pair(seed)
        ours, theirs = equity[1:] / equity[:-1] - 1, closes[1:] / closes[:-1] - 1

        metrics = of(equity, close=closes, risk_free_rate=0.02).metrics

        bar_rate = 1.02 ** (1 / 252) - 1
        alpha, beta = empyrical.alpha_beta_aligned(
            ours, theirs, risk_free=bar_rate, annualization=252
        )
        assert metrics["alpha"] == pytest.approx(alpha * 100, rel=1e-9, abs=1e-9), seed
        assert metrics["beta"] == pytest.approx(beta, rel=1e-9), seed
        assert metrics["correlation"] == pytest.approx(
            pd.Series(ours).corr(pd.Series(theirs)), rel=1e-9
        ), seed
        assert metrics["tracking_error"] == pytest.approx(
            (ours - theirs).std(ddof=1) * 252**0.5 * 100, rel=1e-9
        ), seed
        ratio = empyrical.excess_sharpe(ours, theirs) * 252**0.5
        assert metrics["information_ratio"] == pytest.approx(ratio, rel=1e-9), seed
        rises, falls = theirs > 0, theirs < 0
        assert metrics["up_capture"] == pytest.approx(
            ours[rises].mean() / theirs[rises].mean() * 100, rel=1e-9
        ), seed
        assert metrics["down_capture"] == pytest.approx(
            ours[falls].mean() / theirs[falls].mean() * 100, rel=1e-9
        ), seed


def test_another_benchmark_than_the_own_prices_is_used_from_its_first_bar_on():
    equity, closes = random_pair(1)
    late = np.concatenate((np.full(40, np.nan), closes[40:]))

    metrics = of(
        equity, close=np.full(len(equity), 7.0) + np.arange(len(equity)), benchmark=late
    ).metrics

    ours, theirs = equity[41:] / equity[40:-1] - 1, closes[41:] / closes[40:-1] - 1
    assert metrics["beta"] == pytest.approx(empyrical.beta_aligned(ours, theirs), rel=1e-9)


@pytest.mark.parametrize(
    ("equity", "closes", "reason"),
    [
        (
            np.arange(100.0, 130.0),
            np.arange(50.0, 80.0),
            "fewer than 30 returns in common with the benchmark",
        ),
        (np.arange(100.0, 200.0), np.full(100, 50.0), "the benchmark did not vary"),
        (np.arange(100.0, 200.0) - 150, np.arange(50.0, 150.0), "equity fell to zero or below"),
    ],
)
def test_nothing_to_compare_has_a_reason(equity, closes, reason):
    measured = of(equity, close=closes)

    assert {name: measured.metrics[name] for name in NAMES} == dict.fromkeys(NAMES)
    assert {measured.notes[name] for name in NAMES} == {reason}


def test_a_run_that_never_moves_has_a_beta_but_no_correlation():
    measured = of(np.full(100, 100.0), close=np.arange(50.0, 150.0))

    assert measured.metrics["beta"] == 0.0
    assert measured.notes["correlation"] == "equity did not vary"


def test_a_run_that_is_its_benchmark_has_no_information():
    _, closes = random_pair(2)

    measured = of(closes * 2, close=closes)

    assert measured.metrics["beta"] == pytest.approx(1.0)
    assert measured.notes["information_ratio"] == "the run does not differ from its benchmark"


def test_closes_of_a_benchmark_are_those_known_at_each_bar():
    google = unpack_bars(packed_file(DATA, "GOOG"))
    # its first is 2004-08-19
    days = np.array(["2004-08-18", "2004-08-19", "2004-08-21", "2004-08-23"], "M8[s]")

    closes = closes_at(google, days.astype(np.int64))
    drawn = buy_and_hold(google, days.astype(np.int64), 1000.0)

    assert np.isnan(closes[0]) and np.isnan(drawn[0])
    assert drawn[1:].tolist() == (1000 * closes[1:] / closes[1]).tolist()
    rows = {
        row.split(",")[0]: float(row.split(",")[4])
        for row in (DATA / "GOOG.csv").read_text().splitlines()[1:]
    }
    assert closes[1:].tolist() == [rows["2004-08-19"], rows["2004-08-20"], rows["2004-08-23"]]


def lacking(rng, bars):
    """Bars of a run that the benchmark has: all, a later start, an earlier end, or with gaps."""
    first, last = sorted(rng.integers(0, bars, 2))
    has = np.zeros(bars, dtype=bool)
    has[first * rng.integers(2) : last + 1 if rng.integers(2) else bars] = True
    return has & (rng.random(bars) < rng.choice([1.0, 0.95, 0.7]))


def test_only_bars_that_both_have_are_compared():
    days = pd.date_range("2020-01-01", periods=900, freq="D")
    for seed in range(200):
        equity, closes = random_pair(seed)
        has = lacking(np.random.default_rng(seed), len(equity))
        run = pd.Series(equity, index=days[: len(equity)])
        market = pd.Series(closes[has], index=run.index[has])

        measured = of(
            equity,
            close=np.full(len(equity), 7.0),
            benchmark=np.where(has, closes, np.nan),
            risk_free_rate=0.02,
        )

        both = pd.concat([run, market], axis=1, join="inner").pct_change().dropna()
        if len(both) < 30:
            assert {measured.metrics[name] for name in NAMES} == {None}, seed
            continue
        ours, theirs = both[0], both[1]
        per_year = 252 * len(both) / (np.flatnonzero(has)[-1] - np.flatnonzero(has)[0])
        rate = 1.02 ** (1 / per_year) - 1
        spread = ours - theirs
        expected = {
            "alpha": empyrical.alpha(ours, theirs, risk_free=rate, annualization=per_year) * 100,
            "beta": ours.cov(theirs) / theirs.var(),
            "correlation": ours.corr(theirs),
            "tracking_error": spread.std() * per_year**0.5 * 100,
            "information_ratio": spread.mean() / spread.std() * per_year**0.5,
        }
        for name, value in expected.items():
            assert measured.metrics[name] == pytest.approx(value, rel=1e-9, abs=1e-9), (
                seed,
                name,
            )
        for name, chosen in (("up_capture", theirs > 0), ("down_capture", theirs < 0)):
            share = ours[chosen].mean() / theirs[chosen].mean()
            assert measured.metrics[name] == pytest.approx(share * 100), (seed, name)


def test_a_benchmark_that_ends_early_says_what_common_dates_say():
    stock, market = (
        pd.read_csv(path, index_col="Date", parse_dates=True)["Close"]["2015-01-02":"2022-12-28"]
        for path in (DATA / "XOM.csv.gz", DATA / "^GSPC.csv.gz")
    )
    packed = replace(packed_file(DATA, "XOM"), benchmark=packed_file(DATA, "^GSPC"))
    held_throughout = RunRequest(
        ticker="XOM",
        rule_type="FORMULA",
        params={"buy": "close > 0", "sell": "close < 0", "inputs": {}},
        start_date=date(2015, 1, 2),
        end_date=date(2022, 12, 28),
        fee_rate=0.0,
        size_type="percent",
        position_size=100.0,
        fractional_shares=True,
    )

    columns = backtest(held_throughout, packed).columns

    both = pd.concat([stock, market], axis=1, join="inner").pct_change().dropna().to_numpy().T
    metrics = json.loads(columns["metrics_json"])["values"]
    slope = np.cov(both)[0, 1] / both[1].var(ddof=1)
    assert metrics["beta"] == pytest.approx(slope) == pytest.approx(0.908, abs=5e-4)
    assert metrics["correlation"] == pytest.approx(np.corrcoef(both)[0, 1])
    assert metrics["correlation"] == pytest.approx(0.646, abs=5e-4)
    yearly = (1 + both[0].mean() - slope * both[1].mean()) ** 252 - 1
    assert metrics["alpha"] == pytest.approx(yearly * 100) == pytest.approx(-7.28, abs=5e-3)
    assert [note for note in decode_trades(columns["trades_json"])[2] if "benchmark" in note] == [
        "The benchmark ^GSPC has bars on 1,006 of the 2,012 bars, from 2015-01-02 to 2018-12-31: "
        "alpha, beta and all that compares with it are of these alone"
    ]


def bars_at(times, timeframe):
    prices = np.arange(100, 100 + len(times))
    return PriceBars(timeframe, np.asarray(times), (prices,) * 4, prices, 0, 0)


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_a_line_ends_with_its_last_bar_and_goes_on_over_holes(timeframe):
    length = LENGTH_S[timeframe]
    for seed in range(50):
        rng = np.random.default_rng(seed)
        grid = np.arange(80) * length + 1_577_923_200  # a Thursday
        places = np.sort(rng.choice(np.arange(10, 70), 20, replace=False))
        bars = bars_at(grid[places], timeframe)

        drawn, common = buy_and_hold(bars, grid, 50.0), common_closes(bars, grid)

        assert np.isfinite(drawn).nonzero()[0].tolist() == [*range(places[0], places[-1] + 1)], (
            seed
        )
        assert np.isfinite(common).nonzero()[0].tolist() == places.tolist(), seed
        assert np.array_equal(drawn[places], 50.0 * common[places] / common[places[0]]), seed


def test_a_bar_is_common_with_the_one_that_began_within_its_length():
    half_past = np.array([1800, 5400, 9000, 12600])
    full_hours = bars_at([0, 3600, 10800], "1h")

    assert common_closes(full_hours, half_past)[[0, 1, 3]].tolist() == [100.0, 101.0, 102.0]
    assert np.isnan(common_closes(full_hours, half_past)[2])


def test_a_benchmark_without_a_common_bar_is_named():
    stock, other = packed_file(DATA, "XOM"), packed_file(DATA, "FB")

    prices = run_prices(replace(stock, benchmark=other), date(2014, 1, 1), date(2014, 12, 31))

    assert prices.notes[-1] == (
        "The benchmark FB has no bar on any of the 252 bars: nothing is compared with it"
    )


def test_a_benchmark_with_all_bars_needs_no_note():
    both = replace(packed_file(DATA, "AAPL"), benchmark=packed_file(DATA, "IBM"))

    assert run_prices(both, date(2005, 1, 3), date(2009, 12, 31)).notes == []
