"""A screen's numbers equal those of the runs that it replaces, under all terms."""

import json
import math
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import numpy as np
import pytest

from adapters.columns import unpack
from adapters.metrics.moments import sharpe_variance, timing_evidence
from adapters.metrics.timing import measured_timing
from adapters.plans.combinations import (
    CORE,
    MEASURED,
    Combinations,
    packed_metrics,
    ranked_places,
)
from adapters.plans.ranking import Ranking, ranking_by, with_params
from consumer.kinds.backtest import backtest
from consumer.kinds.screen import screen
from consumer.kinds.setup import Setup
from contracts.run_request import RunRequest
from tests.consumer.test_backtest import DATA, OTHER_TERMS, WHOLE
from tests.services.prices import packed_file

AAPL = packed_file(DATA, "AAPL")
YEARS = {"start_date": date(2004, 1, 1), "end_date": date(2006, 12, 31)}
ASKED = replace(
    WHOLE,
    **YEARS,
    rule_type="MA_CROSS",
    params={"kind": "ema"},
    position_size=90.0,
    size_type="percent",
)
PAIRS = [{"fast": fast, "slow": slow} for fast, slow in product((2, 5, 20), (21, 55))]
FORMULA = {
    "buy": "crosses_above(sma(close, fast), sma(close, slow))",
    "sell": "close < prev(lowest(low, fast), 1)",
    "inputs": {"fast": 5, "slow": {"value": 30, "min": 2, "max": 90}},
}
FORMULAS = [
    {"inputs.fast": fast, "inputs.slow": slow} for fast, slow in product((3, 8), (20, 60))
]
RANKED = Ranking("sharpe_ratio", "max")


def screened(
    request: RunRequest, members: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    setup = Setup.of(request, AAPL)
    tried = Combinations.of(members)
    metrics, best = screen(setup, tried, lambda done: None, setup.trials())
    return unpack(metrics), best


def ran(request: RunRequest, members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    each = (
        replace(request, params=with_params(request.params, member), batch_id="b")
        for member in members
    )
    return [backtest(one, AAPL).columns for one in each]


@pytest.mark.parametrize(
    "terms",
    [
        {},
        OTHER_TERMS,
        *(
            {name: value}
            for name, value in OTHER_TERMS.items()
            if name not in ("atr_stop_period", "borrow_rate")
        ),
        {"direction": "longshort", "borrow_rate": 0.03},
        {"direction": "longshort", "position_size": 99.0, "liquidate_below_pct": 50.0},
        {"position_size": 1.0, "size_type": "value"},  # never buys
    ],
    ids=lambda terms: "-".join(terms) if len(terms) < 4 else "others",
)
def test_every_row_is_equal_to_its_run_to_the_last_digit(terms: dict[str, Any]) -> None:
    request = replace(ASKED, **terms)

    metrics, _ = screened(request, PAIRS)

    for name in CORE:
        values = [None if math.isnan(value) else value for value in metrics[name].tolist()]
        assert values == [row[name] for row in ran(request, PAIRS)], name
    values = metrics["timing_sharpe_ratio"].tolist()
    expected = [
        math.nan if row["timing_sharpe_ratio"] is None else row["timing_sharpe_ratio"]
        for row in ran(request, PAIRS)
    ]
    np.testing.assert_array_equal(values, expected)


def test_inputs_of_a_rule_of_ones_own_are_axes() -> None:
    request = replace(ASKED, rule_type="FORMULA", params=FORMULA)

    metrics, _ = screened(request, FORMULAS)

    assert metrics["total_return_pct"].tolist() == [
        row["total_return_pct"] for row in ran(request, FORMULAS)
    ]
    assert len({*metrics["total_return_pct"].tolist()}) == len(FORMULAS)


def test_the_best_is_measured_as_a_run_and_compared_with_as_many_tries() -> None:
    metrics, best = screened(ASKED, PAIRS)
    rows = ran(ASKED, PAIRS)
    ratios = [row["sharpe_ratio"] for row in rows]
    timing = [row["timing_sharpe_ratio"] / 252**0.5 for row in rows]

    assert best
    assert best["number"] == ratios.index(max(ratios))
    stored = json.loads(rows[best["number"]]["metrics_json"])["values"]
    assert best["metrics"] == stored
    evidence = timing_evidence(
        measured_timing(stored, 755), sharpe_variance(timing), len(PAIRS), 252
    )
    assert best["evidence"]["deflated"] == pytest.approx(evidence["deflated"], rel=1e-9)
    assert best["evidence"]["trials"] == len(PAIRS)


def test_a_grid_that_never_trades_has_no_best() -> None:
    metrics, best = screened(replace(ASKED, position_size=1.0, size_type="value"), PAIRS)

    assert best is None
    assert len(ranked_places(metrics, RANKED)) == 0


def test_it_reports_its_progress() -> None:
    reported = list[int]()

    setup = Setup.of(ASKED, AAPL)
    screen(setup, Combinations.of(PAIRS), reported.append, setup.trials())

    assert reported == [1, 2, 3, 4, 5, 6]


def test_combinations_come_out_of_the_database_as_they_went_in() -> None:
    members = [
        {"a": 1, "b": "sma"},
        {"a": 1.5, "b": "sma"},
        {"b": "ema"},
        {"a": 1, "c": [{"x": 1}]},
    ]

    kept = Combinations.unpacked(Combinations.of(members).packed())

    assert [kept.member(number) for number in range(len(kept))] == members
    assert kept.column("a", np.arange(4)) == [1, 1.5, None, 1]
    assert len(Combinations.unpacked(Combinations.of([{}]).packed())) == 1


def test_a_hundred_thousand_rows_are_small() -> None:
    rng = np.random.default_rng(1)
    members = [
        {"fast": fast, "slow": slow} for fast in range(2, 102) for slow in range(200, 1200)
    ]

    packed = Combinations.of(members).packed()

    size = (
        len(packed["places"])
        + len(packed["values_json"])
        + len(packed_metrics(rng.normal(size=(100_000, len(MEASURED)))))
    )
    assert size < 5_000_000


def measured(**columns: list[float]) -> dict[str, Any]:
    count = len(next(iter(columns.values())))
    fixed = {
        "num_trades": [1.0] * count,
        "max_drawdown_pct": [1.0] * count,
        "total_return_pct": [0.0] * count,
    }
    return {name: np.array(values) for name, values in (fixed | columns).items()}


def test_ranks_leave_out_what_has_no_place() -> None:
    metrics = measured(
        sharpe_ratio=[0.5, 2.0, math.nan, 1.0, 0.5, 9.0],
        num_trades=[3, 4, 3, 5, 9, 0],
        max_drawdown_pct=[1, 2, 3, 100, 5, 0],
    )

    assert ranked_places(metrics, RANKED).tolist() == [1, 0, 4]
    assert ranked_places(
        metrics, ranking_by("sharpe_ratio", "max", ["num_trades >= 4"])
    ).tolist() == [1, 4]
    assert ranked_places(metrics, ranking_by("max_drawdown_pct", None, [])).tolist() == [
        0,
        1,
        2,
        4,
    ]
    assert ranked_places(
        metrics, ranking_by("num_trades", "max", ["sharpe_ratio != 2"])
    ).tolist() == [4, 0]
    assert (
        ranked_places(
            metrics, ranking_by("num_trades", "max", ["1 / total_return_pct > 0 "])
        ).tolist()
        == []
    )


def test_equity_that_varies_and_hardly_by_its_times_has_no_ratio_of_timing() -> None:
    shares = {"size_type": "value", "fractional_shares": True}
    request = replace(ASKED, initial_capital=1e12, position_size=0.05, **shares, params={})

    metrics, _ = screened(request, [{"fast": 2, "slow": 30}])

    assert np.isfinite(metrics["sharpe_ratio"]).all()
    assert np.isnan(metrics["timing_sharpe_ratio"]).all()
