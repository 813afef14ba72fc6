"""Counts, clusters and forward returns, worked out by hand."""

import numpy as np
import pytest

from rules.analyzer import SignalAnalyzer

CLOSE = np.array([100.0, 110.0, 99.0, 99.0, 118.8, 118.8])


def analyzer(signals, close=CLOSE, **settings):
    return SignalAnalyzer(close, np.array(signals, dtype=np.int8), **settings)


def test_signals_are_counted_by_side_and_per_year():
    counts = analyzer([1, 0, 1, 0, -1, 0], periods_per_year=252.0).counts()

    assert (counts.bars, counts.buys, counts.sells) == (6, 2, 1)
    assert counts.share_pct == pytest.approx(50.0)
    assert counts.per_year == pytest.approx(126.0)


def test_no_bars_have_no_frequency():
    counts = analyzer([], close=np.array([])).counts()

    assert (counts.bars, counts.share_pct, counts.per_year) == (0, None, None)


def test_runs_are_stretches_of_one_side():
    buys, sells = analyzer([1, 1, -1, 1, 0, 1]).clustering()

    assert (buys.side, buys.runs, buys.longest_run, buys.mean_run) == (
        "BUY",
        3,
        2,
        pytest.approx(4 / 3),
    )
    assert (sells.side, sells.runs, sells.longest_run, sells.gap_variation) == (
        "SELL",
        1,
        1,
        None,
    )


def test_gaps_of_a_clock_do_not_vary_and_those_of_a_cluster_do():
    close = np.full(40, 10.0)
    clock, cluster = np.zeros(40, dtype=np.int8), np.zeros(40, dtype=np.int8)
    clock[::5] = 1
    cluster[[0, 1, 2, 30]] = 1

    assert SignalAnalyzer(close, clock).clustering()[0].gap_variation == 0.0
    gaps = [1, 1, 28]
    assert SignalAnalyzer(close, cluster).clustering()[0].gap_variation == pytest.approx(
        np.std(gaps) / np.mean(gaps)
    )


def test_forward_returns_are_those_after_the_signals():
    after_buys, after_sells = analyzer([1, -1, 0, 1, 0, 1]).forward_returns([1])

    # buys on bars 0 and 3: +10 % and +20 %; the one on the last bar has no bar after it; the sell on bar 1: -10 %
    assert (after_buys.side, after_buys.horizon, after_buys.signals) == ("BUY", 1, 2)
    assert after_buys.mean_pct == pytest.approx(15.0)
    assert after_buys.deviation_pct == pytest.approx(50**0.5)
    assert (after_buys.lower_quartile_pct, after_buys.upper_quartile_pct) == (
        pytest.approx(12.5),
        pytest.approx(17.5),
    )
    assert (after_buys.median_pct, after_buys.up_pct) == (pytest.approx(15.0), 100.0)
    assert after_buys.all_bars_pct == pytest.approx((10 - 10 + 0 + 20 + 0) / 5)
    assert (after_sells.signals, after_sells.mean_pct) == (1, pytest.approx(-10.0))
    assert (after_sells.deviation_pct, after_sells.up_pct) == (None, 0.0)


def test_horizons_reach_over_several_bars():
    after_buys, _ = analyzer([1, 0, 0, 0, 0, 0]).forward_returns([4])

    assert after_buys.mean_pct == pytest.approx(18.8)


def test_a_horizon_beyond_the_prices_has_no_returns():
    after_buys, after_sells = analyzer([1, 0, 0, 0, 0, 0]).forward_returns([6])

    assert (after_buys.signals, after_buys.mean_pct, after_buys.all_bars_pct) == (0, None, None)
    assert after_sells.signals == 0


@pytest.mark.parametrize("horizon", [0, -1])
def test_a_horizon_looks_ahead(horizon):
    with pytest.raises(ValueError, match=f"horizon is {horizon}; must be at least 1 bar"):
        analyzer([0] * 6).forward_returns([5, horizon])


@pytest.mark.parametrize(
    ("close", "signals", "message"),
    [
        (CLOSE, [1, 0], r"signals have the shape \(2,\); must be that of close, \(6,\)"),
        (CLOSE, [2, 0, 0, 0, 0, 0], "signals hold other values than 1, -1 and 0"),
        (CLOSE - 100.0, [0] * 6, "close is -1.0 on some bar; a return needs prices above 0"),
        (np.array([1.0, np.nan]), [0, 0], "Close is nan at bar 1"),
    ],
)
def test_what_has_no_returns_is_refused(close, signals, message):
    with pytest.raises(ValueError, match=message):
        analyzer(signals, close=close)
