"""Choice among combinations: by metric, goal and constraints, always the same one of equals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adapters.plans.combinations import ranked_places
from adapters.plans.ranking import METRIC_CONDITIONS, Ranking

SHARPE = Ranking("sharpe_ratio", "max")
PARAMS = [{"period": period} for period in (10, 20, 30, 40)]


def tried(*ratios: float | None, **more: float) -> list[dict[str, float | None]]:
    return [
        {"sharpe_ratio": ratio, "max_drawdown_pct": 10.0, "num_trades": 3, **more}
        for ratio in ratios
    ]


def ranked(
    params: Sequence[Mapping[str, Any]],
    runs: Sequence[Mapping[str, float | None] | None],
    ranking: Ranking,
    by_neighbourhood: bool = False,
) -> list[int]:
    names = {name for run in runs for name in run or ()}
    columns = {
        name: np.array([(run or {}).get(name) for run in runs], dtype=float) for name in names
    }
    places: list[int] = ranked_places(
        columns, ranking, params if by_neighbourhood else ()
    ).tolist()
    return places


def test_the_best_comes_first_and_of_equals_the_one_listed_first() -> None:
    assert ranked(PARAMS, tried(0.5, 0.9, 0.9, 0.7), SHARPE) == [1, 2, 3, 0]


def test_the_lowest_is_best_for_the_other_goal() -> None:
    assert ranked(PARAMS, tried(0.5, 0.9, 0.9, 0.7), Ranking("sharpe_ratio", "min")) == [
        0,
        3,
        1,
        2,
    ]


def test_failed_runs_ruined_ones_and_those_without_the_metric_are_left_out() -> None:
    runs = [None, *tried(None), *tried(2.0, max_drawdown_pct=100.0), *tried(0.1)]

    assert ranked(PARAMS, runs, SHARPE) == [3]


def test_a_run_that_did_not_trade_is_best_at_nothing() -> None:
    runs = [
        *tried(None, max_drawdown_pct=0.0, num_trades=0),
        *tried(0.5),
        *tried(0.7, max_drawdown_pct=4.0),
    ]

    assert ranked(PARAMS, runs, Ranking("max_drawdown_pct", "min")) == [2, 1]


def test_a_constraint_that_is_broken_or_unknown_excludes() -> None:
    kept = {"cagr": 6.0, "num_trades": 5}
    runs = [
        *tried(3.0, cagr=6.0, num_trades=4),
        *tried(2.0, **kept),
        *tried(1.0, num_trades=9),
        *tried(0.5, **kept),
    ]

    assert ranked(
        PARAMS,
        runs,
        Ranking("sharpe_ratio", "max", [METRIC_CONDITIONS.parse("cagr > 5 and num_trades >= 5")]),
    ) == [1, 3]


def test_a_lone_peak_loses_against_a_good_neighbourhood() -> None:
    params = [{"a": a, "b": b, "kind": "sma"} for a in (1, 2, 3) for b in (5, 10, 20)]
    ratios = [0.8, 0.9, 0.1, 0.8, 0.9, 0.1, 0.1, 0.1, 2.0]

    by_point = ranked(params, tried(*ratios), SHARPE)
    by_neighbourhood = ranked(
        params, tried(*ratios), Ranking("sharpe_ratio", "max"), by_neighbourhood=True
    )

    assert params[by_point[0]] == {"a": 3, "b": 20, "kind": "sma"}
    # (0.8 + 0.9 + 0.8 + 0.9) / 4
    assert params[by_neighbourhood[0]] == {"a": 1, "b": 5, "kind": "sma"}


def test_neighbours_are_not_across_words() -> None:
    params = [
        {"period": 1, "kind": "ema"},
        {"period": 2, "kind": "ema"},
        {"period": 1, "kind": "sma"},
    ]

    assert ranked(
        params, tried(1.0, 1.1, 9.0), Ranking("sharpe_ratio", "max"), by_neighbourhood=True
    ) == [
        2,
        0,
        1,
    ]
