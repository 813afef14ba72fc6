"""Sweeps from YAML, CSV and JSON lines; every fault at once, with its line."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from adapters.tables import runs
from backtests import Client
from backtests.table_files import RunTable, read_sweep
from backtests.transport import BadInput
from tests.services.processes import PROJECT_ROOT

SPEC = """name: My sweep
base:
  tickers: [AAPL, IBM]
  start_date: 2004-01-01
  end_date: 2006-12-31
  rule_type: MA_CROSS
  params: {kind: ema}
parameters:
  fast: {min: 5, max: 15, step: 5}
  slow: [10, 20]
where: ["fast < slow"]
metric: {name: calmar_ratio}
constraints: ["num_trades >= 3"]
"""


def written(folder: Path, text: str, name: str = "sweep.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def platform(base_url: str) -> Client:
    """A platform that expands what a file says."""
    return Client(base_url)


def planned(path: Path, platform: Client) -> dict[str, Any]:
    return read_sweep(path, platform).plan(platform, None)


def faults_of(path: Path, platform: Client) -> list[str]:
    with pytest.raises(BadInput) as raised:
        planned(path, platform)
    return raised.value.faults


def test_a_grid_is_crossed_with_the_tickers(tmp_path: Path, platform: Client) -> None:
    plan = planned(written(tmp_path, SPEC), platform)

    assert (plan["runs"], plan["new"], plan["existing"]) == (8, 8, {})
    assert plan["first_requests"][0] == {
        "charts": False,
        "ticker": "AAPL",
        "start_date": "2004-01-01",
        "end_date": "2006-12-31",
        "rule_type": "MA_CROSS",
        "params": {"kind": "ema", "fast": 5, "slow": 10},
    }
    assert plan["ranking"] == {
        "metric": "calmar_ratio",
        "goal": "max",
        "constraints": ["num_trades >= 3"],
    }


def test_the_batch_id_follows_the_content(tmp_path: Path, platform: Client) -> None:
    first, again = (planned(written(tmp_path, SPEC), platform) for _ in range(2))
    text = f"# a comment\n{SPEC}".replace('["num_trades >= 3"]', "[]", 1)
    reworded = planned(written(tmp_path, text), platform)
    changed = planned(written(tmp_path, SPEC.replace("[10, 20]", "[10, 25]")), platform)

    assert first["batch_id"] == again["batch_id"] == reworded["batch_id"] != changed["batch_id"]
    assert first["batch_id"].startswith("my-sweep-")


def test_a_file_and_its_lines_as_a_table_name_the_same_batch(
    tmp_path: Path, app: Flask, platform: Client
) -> None:
    sweep = read_sweep(written(tmp_path, SPEC), platform)
    batch_id = sweep.batch_id(platform)
    sweep.submit(platform, batch_id)
    with app.extensions["platform"].engine.connect() as connection:
        requests = [
            json.loads(text) for text in connection.execute(runs.select()).scalars("request_json")
        ]
    names = ("charts", "ticker", "start_date", "end_date", "rule_type", "params")
    lines = "\n".join(json.dumps({name: each[name] for name in names}) for each in requests)

    table = read_sweep(written(tmp_path, lines, "My sweep.jsonl"), platform)

    assert table.batch_id(platform) == batch_id


def test_all_faults_of_a_spec_are_listed_with_their_lines(
    tmp_path: Path, platform: Client
) -> None:
    spec = (
        SPEC.replace("max: 15", "max: 1")
        .replace("fast < slow", "fast < luck")
        .replace("calmar_ratio", "fame")
        .replace("num_trades >= 3", "exec('x')")
        + "seed: -1\ncolour: red\n"
    )

    faults = faults_of(written(tmp_path, spec), platform)

    assert sorted(fault.split(": ")[:2] for fault in faults) == [
        ["line 11", "where.0"],
        ["line 12", "metric"],
        ["line 13", "constraints.0"],
        ["line 14", "seed"],
        ["line 15", "colour"],
        ["line 9", "parameters.fast"],
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("rule_type: MA_CROSS", "rule_type: LUCK"),
            "line 6: base.rule_type: 'LUCK' is not one of RSI",
        ),
        (
            ("tickers: [AAPL, IBM]", "initial_capital: 5"),
            "base.ticker: one ticker or a list of tickers is required",
        ),
        (
            ("where:", "run_cap: 3\nwhere:"),
            "line 11: run_cap: 4 combinations x 2 tickers are more than 3",
        ),
        (
            ("fast < slow", "slow < fast - 10"),
            "line 8: parameters: no combination is left, see where",
        ),
        (
            ("rule_type: MA_CROSS", "rule_type: [RSI]"),
            "line 6: base.rule_type: \"['RSI']\" is not one of RSI, ",
        ),
        (
            ("{kind: ema}", "[ema]"),
            "line 7: base.params: \"['ema']\" is not an object of parameter names",
        ),
        (
            ("{name: calmar_ratio}", "{goal: [max]}"),
            "line 12: metric: \"{'goal': ['max']}\" is not accepted",
        ),
        (("  slow:", "  fast: 7\n  slow:"), "line 10: parameters.fast: appears twice"),
        (("where:", "name: y\nwhere:"), "line 11: name: appears twice"),
        (
            ("parameters:", "method: magic\nparameters:"),
            "line 8: method: 'magic' is not accepted; accepted: grid",
        ),
        (
            ("where:", "run_cap: 0\nwhere:"),
            "line 11: run_cap: 0 is not accepted; accepted: a whole number from 1",
        ),
        (
            ("base:", "bases:"),
            "line 1: base: required: an object with the fields that all runs share",
        ),
        (
            ("where:", "method: list\nwhere:"),
            "line 8: parameters: with method list, a list of objects",
        ),
    ],
)
def test_a_fault_names_line_field_and_accepted_range(
    tmp_path: Path, platform: Client, change: tuple[str, str], expected: str
) -> None:
    faults = faults_of(written(tmp_path, SPEC.replace(*change)), platform)

    assert any(expected in fault for fault in faults), faults


@pytest.mark.parametrize(
    "text", ["a: [", "- 1", "just words", "", "a: b: c", "!!python/object/apply:os.system [true]"]
)
def test_a_file_that_is_no_spec_is_refused(tmp_path: Path, platform: Client, text: str) -> None:
    assert faults_of(written(tmp_path, text), platform)[0].startswith("line ")


def test_a_list_gives_its_combinations_as_they_are(tmp_path: Path, platform: Client) -> None:
    spec = (
        SPEC[: SPEC.index("parameters")]
        + "method: list\nparameters:\n  - {fast: 5, slow: 9}\n  - {fast: 7, slow: 30}\n"
    )

    plan = planned(written(tmp_path, spec), platform)

    assert [run["params"]["slow"] for run in plan["first_requests"]] == [9, 30, 9, 30]


def test_a_csv_line_is_a_run_and_an_empty_cell_leaves_the_default(
    tmp_path: Path, platform: Client
) -> None:
    text = "ticker,rule_type,params.period,start_date,end_date,fee_rate\nAAPL,RSI,14,2004-01-01,2005-01-01,\n"

    sweep = read_sweep(written(tmp_path, text, "runs.csv"), platform)

    assert isinstance(sweep, RunTable)
    run = {
        "charts": False, "ticker": "AAPL", "rule_type": "RSI", "params": {"period": 14},
        "start_date": "2004-01-01", "end_date": "2005-01-01",
    }  # fmt: skip
    assert sweep.runs == {2: run}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "runs.csv",
            "ticker,rule_type,start_date,end_date,fee_rate\nAAPL,RSI,2004-01-01,2005-01-01,0.5\n",
        ),
        (
            "runs.jsonl",
            '{"ticker": "AAPL", "rule_type": "RSI", "start_date": "2004-01-01", "end_date": "2005-01-01"}',
        ),
        (
            "runs.yaml",
            "base: {ticker: AAPL, rule_type: RSI, start_date: 2004-01-01, end_date: 2005-01-01}",
        ),
    ],
)
def test_a_field_that_is_given_with_a_file_is_that_of_all_its_runs(
    name: str, text: str, tmp_path: Path, platform: Client
) -> None:
    settings = {"fee_rate": "0.002", "label": "2024", "params.period": "9"}
    sweep = read_sweep(written(tmp_path, text, name), platform, settings)

    [run] = sweep.plan(platform, None)["first_requests"]
    assert (run["fee_rate"], run["label"], run["params"]) == (0.002, "2024", {"period": 9})


def test_faulty_lines_of_tables_are_numbered(tmp_path: Path, platform: Client) -> None:
    table = written(tmp_path, "ticker,rule\nAAPL,RSI\nIBM\n", "runs.csv")
    lines = written(tmp_path, '{"ticker": "AAPL"}\n\n{"ticker"\n[1]\n{"luck": 1}\n', "runs.jsonl")

    assert [fault.split(":")[0] for fault in faults_of(table, platform)] == ["line 3"]
    assert [fault.split(":")[0] for fault in faults_of(lines, platform)] == ["line 3", "line 4"]


def test_a_line_that_holds_a_text_is_no_run(tmp_path: Path, platform: Client) -> None:
    lines = written(tmp_path, '"AAPL"\n', "runs.jsonl")

    assert faults_of(lines, platform) == ["line 1: a JSON object is expected"]


def test_a_missing_or_foreign_file_is_named(tmp_path: Path, platform: Client) -> None:
    assert "No such file" in faults_of(tmp_path / "nothing.yaml", platform)[0]
    assert ".jsonl" in faults_of(written(tmp_path, "x", "runs.txt"), platform)[0]
    (tmp_path / "latin.csv").write_bytes(b"ticker\n\xff\n")
    assert "not UTF-8" in faults_of(tmp_path / "latin.csv", platform)[0]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            "ticker,rule_type, ticker\nAAPL,RSI,IBM\n",
            "line 1: columns that appear twice: 'ticker'",
        ),
        (f"ticker,rule_type\n{'A' * 200_000},RSI\n", "not CSV: field larger than field limit"),
    ],
)
def test_a_table_that_is_invalid_is_refused(
    tmp_path: Path, platform: Client, table: str, expected: str
) -> None:
    # the limit of a process that has not imported the reader of price files, which lifts it
    lifted = csv.field_size_limit(131_072)
    try:
        faults = faults_of(written(tmp_path, table, "runs.csv"), platform)
    finally:
        csv.field_size_limit(lifted)

    assert expected in faults[0]


@pytest.mark.parametrize(
    "path",
    sorted((PROJECT_ROOT / "docs" / "examples").glob("*.[!p]*")),
    ids=lambda path: path.name,
)
def test_every_example_is_a_valid_sweep(path: Path, platform: Client) -> None:
    assert planned(path, platform)["runs"]
