"""A grid gives what single runs give, ranks it, and computes shared indicators once."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.engine import BacktestEngine
from rules.base import BaseRule
from rules.indicators import sma
from rules.optimizer import METRICS, ParameterOptimizer
from rules.parameters import RuleSpec, number
from rules.registry import build_rule

ROOT = Path(__file__).parents[2]
GRID = {"fast": [5, 10, 20], "slow": [10, 30, 60]}


@pytest.fixture(scope="module")
def prices(real_ohlcv):
    return real_ohlcv("AAPL")


@pytest.fixture(scope="module")
def optimizer(prices):
    return ParameterOptimizer("MA_CROSS", prices, BacktestEngine(slippage_bps=5.0), first_bar=100)


def test_each_combination_has_the_metrics_of_a_run_of_its_own(optimizer, prices):
    result = optimizer.search(GRID)

    assert len(result.combinations) == 7
    for params, values in zip(result.combinations, result.values, strict=True):
        rule = build_rule("MA_CROSS", params)
        run = BacktestEngine(slippage_bps=5.0).run(
            prices, rule.generate_signals, "AAPL", first_bar=100
        )
        assert values.tolist() == [getattr(run.metrics, name) for name in METRICS]


def test_the_catalogs_constraint_holds_without_being_named(optimizer):
    pairs = [(params["fast"], params["slow"]) for params in optimizer.search(GRID).combinations]

    assert pairs == [(5, 10), (5, 30), (5, 60), (10, 30), (10, 60), (20, 30), (20, 60)]


@pytest.mark.parametrize(
    ("where", "pairs"),
    [
        (lambda params: params["slow"] >= 60, [(5, 60), (10, 60), (20, 60)]),
        (lambda params: params["fast"] > params["slow"], []),
        (lambda params: params["fast"] != 5, [(10, 30), (10, 60), (20, 30), (20, 60)]),
    ],
)
def test_combinations_that_where_refuses_are_not_tried(optimizer, where, pairs):
    tried = []

    result = optimizer.search(GRID, where, progress=lambda done, total: tried.append(total))

    assert tried == [len(pairs)] * len(pairs)

    assert [(params["fast"], params["slow"]) for params in result.combinations] == pairs


@pytest.mark.parametrize(
    "holds",
    [
        lambda result: result["num_trades"] >= 60,
        lambda result: result["max_drawdown_pct"] < 4,
        lambda result: result["num_trades"] > result["slow"],
        lambda result: result["sharpe_ratio"] >= 1000,
    ],
)
def test_runs_that_keep_refuses_are_left_out(optimizer, holds):
    everything = optimizer.search(GRID)
    results = [
        params | dict(zip(METRICS, values, strict=True))
        for params, values in zip(
            everything.combinations, everything.values.tolist(), strict=True
        )
    ]

    kept = optimizer.search(GRID, keep=holds)

    assert list(kept.combinations) == [
        params
        for params, result in zip(everything.combinations, results, strict=True)
        if holds(result)
    ]
    assert kept.values.shape == (len(kept.combinations), len(METRICS))
    assert kept.best() in (*kept.combinations, None)


def test_a_metric_without_a_value_is_nan_to_keep(prices):
    result = ParameterOptimizer("RSI", prices).search(
        {"oversold": [1.0]}, keep=lambda result: math.isnan(result["sharpe_ratio"])
    )

    assert len(result.combinations) == 1


@pytest.mark.parametrize("metric", METRICS)
def test_the_top_is_ranked_by_the_metric(optimizer, metric):
    result = optimizer.search(GRID, metric=metric)
    top = result.top(4)

    ranked = sorted(
        result.values[:, METRICS.index(metric)].tolist(), reverse=metric != "max_drawdown_pct"
    )
    assert top[metric].tolist() == ranked[:4]
    assert list(top.columns) == ["fast", "slow", *METRICS]
    assert result.best()["fast"] == top["fast"][0]


def test_a_metric_without_a_value_ranks_last(prices):
    # an RSI over 14 bars never falls below 1: no trades, no Sharpe ratio
    result = ParameterOptimizer("RSI", prices).search({"oversold": [1.0, 30.0]})

    assert math.isnan(result.values[0][METRICS.index("sharpe_ratio")])
    assert result.order() == [1, 0]
    assert result.best()["oversold"] == 30.0


@pytest.mark.parametrize("metric", METRICS)
def test_a_combination_without_trades_is_best_at_nothing(prices, metric):
    grid = {"oversold": [1.0, 30.0], "period": [14]}  # an RSI over 14 bars never falls below 1

    result = ParameterOptimizer("RSI", prices).search(grid, metric=metric)

    assert result.order() == [1, 0]
    assert result.best()["oversold"] == 30.0
    assert np.isnan(result.heatmap("oversold", "period").values).tolist() == [[True, False]]


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_is_best_where_nothing_was_traded(prices, metric):
    result = ParameterOptimizer("RSI", prices).search({"oversold": [1.0]}, metric=metric)

    assert result.best() is None


def test_a_heatmap_has_the_metric_at_its_params_and_gaps_where_nothing_ran(optimizer):
    result = optimizer.search(GRID, metric="total_return_pct")

    heatmap = result.heatmap("fast", "slow")

    assert heatmap.values.shape == (3, 3)
    for params, values in zip(result.combinations, result.values, strict=True):
        cell = heatmap.y_values.index(params["slow"]), heatmap.x_values.index(params["fast"])
        assert heatmap.values[cell] == values[0]
    assert np.isnan(heatmap.values[0, 1])
    assert np.isnan(heatmap.values).sum() == 9 - len(result.combinations)


def test_a_heatmap_shows_the_best_over_the_other_axes(optimizer):
    result = optimizer.search({**GRID, "kind": ["sma", "ema"]}, metric="max_drawdown_pct")

    cell = result.heatmap("fast", "slow").values[2, 0]

    both = [
        values[METRICS.index("max_drawdown_pct")]
        for params, values in zip(result.combinations, result.values, strict=True)
        if (params["fast"], params["slow"]) == (5, 60)
    ]
    assert cell == min(both)
    assert len(set(both)) == 2


def test_a_value_that_appears_twice_is_tried_once_and_leaves_no_gap(optimizer):
    result = optimizer.search({"fast": [5, 5, 9], "slow": [20, 20]})

    heatmap = result.heatmap("fast", "slow")

    assert [params["fast"] for params in result.combinations] == [5, 9]
    assert (heatmap.x_values, heatmap.y_values) == ((5, 9), (20,))
    assert heatmap.values.shape == (1, 2)


@pytest.mark.parametrize("axes", [("fast", "fast"), ("fast", "kind")])
def test_a_heatmap_needs_two_axes_of_the_grid(optimizer, axes):
    with pytest.raises(ValueError, match="must be two of the grid's axes: fast, slow"):
        optimizer.search(GRID).heatmap(*axes)


def test_progress_counts_up_to_the_number_of_combinations(optimizer):
    calls = []

    result = optimizer.search(GRID, progress=lambda done, total: calls.append((done, total)))

    total = len(result.combinations)
    assert calls == [(done, total) for done in range(1, total + 1)]


def test_an_average_that_many_combinations_share_is_computed_once(prices, monkeypatch):
    periods = []

    def counted(close, period):
        periods.append(period)
        return sma(close, period)

    monkeypatch.setattr("rules.indicators.sma", counted)

    ParameterOptimizer("MA_CROSS", prices).search({"fast": [5, 10, 20], "slow": [30, 40, 50, 60]})

    assert sorted(periods) == [5, 10, 20, 30, 40, 50, 60]


def test_ranges_of_numpy_are_fine(optimizer):
    result = optimizer.search({"fast": np.arange(5, 16, 5), "slow": np.array([30, 60])})

    assert [type(params["fast"]) for params in result.combinations] == [int] * 6


def test_a_param_with_one_value_holds_for_every_combination(optimizer):
    result = optimizer.search({"fast": [5, 10], "kind": ["ema"], "slow": [80]})

    assert result.combinations == (
        {"fast": 5, "slow": 80, "kind": "ema"},
        {"fast": 10, "slow": 80, "kind": "ema"},
    )


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"fast": [1, 5]}, "fast: 1 is out of range: must be a whole number from 2 to 200"),
        ({"fast": [5.5]}, "fast: 5.5 is not a whole number"),
        ({"window": [5]}, "MA_CROSS has no such parameter"),
        ({"fast": []}, "fast: no values to try"),
        ({"fast": 5}, "fast: 5 is not a list of values to try"),
        ({"fast": np.float64(5.0)}, "fast: .*5.0.* is not a list of values to try"),
        ({"kind": "sma"}, "kind: 'sma' is not a list of values to try"),
        ({"fast": {"from": 5}}, "fast: a dict is not a list of values to try"),
        ({"fast": [5], "kind": ["wma"]}, "kind: 'wma' is not one of: sma, ema"),
    ],
)
def test_a_value_that_the_catalog_refuses_is_refused_before_any_run(optimizer, grid, message):
    with pytest.raises(ValueError, match=message):
        optimizer.search(grid)


def test_an_unknown_metric_or_rule_is_refused(optimizer, prices):
    with pytest.raises(ValueError, match="metric is 'profit'; must be one of total_return_pct"):
        optimizer.search(GRID, metric="profit")
    with pytest.raises(ValueError, match="'MA_CROS' is not one of: RSI.*did you mean MA_CROSS?"):
        ParameterOptimizer("MA_CROS", prices)


def test_a_rule_of_ones_own_is_searched_like_one_of_the_catalog(prices):
    class Gap(BaseRule):
        """Buys an open far below the close before, and sells one far above it."""

        spec = RuleSpec(
            "GAP",
            "Gap",
            "Buys gaps down.",
            "technical",
            (number("gap", 1.0, 0.0, 9.0, "Width", "%", 0.1),),
            "",
            "",
            "",
        )

        def lookback(self):
            return 1

        def signals(self, prices):
            before = prices.shift(prices["Close"], 1)
            change_pct = 100.0 * (prices["Open"] / before - 1.0)
            return prices.levels(
                change_pct < -self.params["gap"], change_pct > self.params["gap"]
            )

    optimizer = ParameterOptimizer(Gap, prices)

    result = optimizer.search({"gap": [0.5, 2]}, keep=lambda result: result["num_trades"] > 0)

    assert result.combinations == ({"gap": 0.5}, {"gap": 2.0})
    assert result.values[0].tolist() != result.values[1].tolist()
    with pytest.raises(ValueError, match="gap: 10 is out of range: must be a number from 0 to 9"):
        optimizer.search({"gap": [10]})


def test_a_composite_can_be_searched_too(prices):
    members = [{"rule_type": "RSI"}, {"rule_type": "MACD"}, {"rule_type": "BOLLINGER"}]

    result = ParameterOptimizer("COMPOSITE", prices).search(
        {"mode": ["all", "majority"], "rules": [members]}
    )

    assert len(result.top()) == 2
    assert result.heatmap("mode", "rules").values.shape == (1, 2)


def test_pandas_is_loaded_for_the_table_only():
    code = "import sys, rules.optimizer; print('pandas' in sys.modules)"

    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "False"
