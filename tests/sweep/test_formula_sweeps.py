"""Inputs of a formula are swept by their names, from the file to the map and the leaderboard."""

import csv
import json
from pathlib import Path

import pytest

from adapters.plans.batch import surface_of
from adapters.plans.ranking import Reader, flat_params, with_params
from backtests import Client
from backtests.output import as_csv
from backtests.table_files import RunTable, read_sweep
from backtests.transport import BadInput
from contracts.errors import InvalidRequest
from rules.catalog import check_params
from tests.sweep.test_expansion import expansion_of
from web.batches.pages import heat_map

SPEC = """base:
  ticker: AAPL
  start_date: 2004-01-01
  end_date: 2006-12-31
  rule_type: FORMULA
  params:
    buy: crosses_above(ema(close, fast), ema(close, slow))
    sell: crosses_below(ema(close, fast), ema(close, slow))
    inputs: {fast: {value: 12, min: 2, max: 100}, slow: 26}
parameters:
  inputs.fast: {min: 5, max: 15, step: 5}
  inputs.slow: [10, 20]
where: ["inputs.fast < inputs.slow"]
"""


def test_inputs_are_swept_by_their_dotted_names() -> None:
    swept = [run["params"] for run in expansion_of(SPEC, "inputs").requests]

    assert [flat_params(params) for params in swept] == [
        {
            "buy": swept[0]["buy"],
            "sell": swept[0]["sell"],
            "inputs.fast": fast,
            "inputs.slow": slow,
        }
        for fast, slow in ((5, 10), (5, 20), (10, 20), (15, 20))
    ]
    # bounds are kept
    assert swept[0]["inputs"] == {"fast": {"value": 5, "min": 2, "max": 100}, "slow": 10}
    assert not any(check_params("FORMULA", params) for params in swept)


def test_a_condition_on_an_input_that_is_not_swept_reads_its_value() -> None:
    text = SPEC.replace("  inputs.slow: [10, 20]\n", "").replace(
        "max: 15, step: 5", "max: 30, step: 5"
    )

    values = [
        run["params"]["inputs"]["fast"]["value"] for run in expansion_of(text, "inputs").requests
    ]

    assert values == [5, 10, 15, 20, 25]


def test_an_unknown_name_in_a_condition_is_refused_by_its_whole_name() -> None:
    with pytest.raises(InvalidRequest) as raised:
        expansion_of(SPEC.replace("inputs.fast <", "inputs.quick <"), "inputs")
    assert "parameters, and 'inputs.quick' is none: buy, " in raised.value.errors["where.0"]
    with pytest.raises(ValueError, match="comparisons"):
        Reader("parameters", ["a.b.c"]).parse("a.b.c > 1")


def test_a_fault_of_an_input_is_reported_at_its_line(tmp_path: Path, base_url: str) -> None:
    path, platform = tmp_path / "sweep.yaml", Client(base_url)
    path.write_text(
        SPEC.replace("min: 5, max: 15", "min: 0, max: 15").replace("sell: crosses", "sell: cross")
    )

    with pytest.raises(BadInput) as raised:
        read_sweep(path, platform).plan(platform, None)

    assert sorted(line.split(":")[0] for line in raised.value.faults) == ["line 11", "line 8"]


def test_a_column_of_a_table_is_an_input(tmp_path: Path, base_url: str) -> None:
    path = tmp_path / "sweep.csv"
    path.write_text("ticker,rule_type,params.buy,params.inputs.n\nAAPL,FORMULA,close > n,5\n")

    table = read_sweep(path, Client(base_url))

    assert isinstance(table, RunTable)
    assert table.requests[0]["params"] == {"buy": "close > n", "inputs": {"n": 5}}


def test_inputs_that_are_no_object_are_left_for_the_platform_to_refuse() -> None:
    assert with_params({"inputs": 5}, {"inputs.n": 1}) == {"inputs": {"n": 1}}
    assert with_params({"period": 5}, {"period": 6}) == {"period": 6}


def test_a_map_has_inputs_for_axes() -> None:
    params = [
        {"inputs": {"fast": {"value": fast}, "slow": slow}}
        for fast in (1, 2)
        for slow in (3, 4, 5)
    ]

    surface = surface_of(
        [(float(place), "run", json.dumps(each)) for place, each in enumerate(params)]
    )
    x, y = surface.varying()

    heatmap = heat_map(surface, x, y, "max")
    assert heatmap is not None
    assert (x, heatmap["across"], y) == ("inputs.slow", [3, 4, 5], "inputs.fast")
    medians = [(value, [median for median, _, _ in cells]) for value, cells in heatmap["rows"]]
    assert medians == [(1, [0.0, 1.0, 2.0]), (2, [3.0, 4.0, 5.0])]


def test_a_leaderboard_as_csv_has_a_column_for_each_input() -> None:
    run = {
        "run_id": "1",
        "ticker": "AAPL",
        "rule_type": "FORMULA",
        "metrics": {"sharpe_ratio": 1.0},
    }
    ranked = [
        run | {"params": {"buy": "close > n", "inputs": {"n": fast}}}
        for fast in (5, {"value": 6, "min": 1})
    ]

    lines = list(csv.DictReader(as_csv({"leaderboard": ranked}).splitlines()))

    assert [line["params.inputs.n"] for line in lines] == ["5", "6"]
