"""Strategies in Python come from files: named in a sweep's file, by --code, as a Path or as a function."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from adapters.tables import runs
from backtests import BadInput, Client
from backtests.table_files import RunTable, read_sweep
from tests.services.processes import PROJECT_ROOT

CODE = "def on_bar(bars, fast=20, slow=50):\n    return 1 if len(bars) > fast else 0\n"
DATES = "start_date: 2004-01-01\n  end_date: 2006-12-31"
SWEEP = f"""base:
  ticker: AAPL
  {DATES}
  rule_type: PYTHON
  params: {{code_file: rules/cross.py, inputs: {{slow: 90}}}}
parameters:
  inputs.fast: [10, 20]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a strategy in rules/cross.py."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "cross.py").write_text(CODE)
    return tmp_path


@pytest.fixture
def platform(base_url: str) -> Client:
    return Client(base_url)


def written(folder: Path, text: str, name: str = "sweep.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def requests_of(app: Flask) -> list[dict[str, Any]]:
    with app.extensions["platform"].engine.connect() as connection:
        texts = connection.execute(select(runs.c.request_json).order_by(runs.c.id)).scalars()
        return [json.loads(text) for text in texts]


def faults_of(path: Path, platform: Client) -> list[str]:
    with pytest.raises(BadInput) as raised:
        read_sweep(path, platform).plan(platform, None)
    return raised.value.faults


def test_a_sweep_file_names_its_code_by_a_path_from_its_own_folder(
    folder: Path, platform: Client
) -> None:
    planned = read_sweep(written(folder, SWEEP), platform).plan(platform, None)

    assert [run["params"] for run in planned["first_requests"]] == [
        {"code": CODE, "inputs": {"fast": fast, "slow": 90}} for fast in (10, 20)
    ]


def test_other_code_is_another_batch(folder: Path, platform: Client) -> None:
    path = written(folder, SWEEP)
    before = read_sweep(path, platform).batch_id(platform)

    (folder / "rules" / "cross.py").write_text(CODE.replace("> fast", ">= fast"))

    assert read_sweep(path, platform).batch_id(platform) != before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("runs.csv", "ticker,start_date,end_date,rule_type,params.code_file,params.inputs.fast\n"
                     "AAPL,2004-01-01,2006-12-31,PYTHON,rules/cross.py,7\n"),
        ("runs.jsonl", '{"ticker": "AAPL", "start_date": "2004-01-01", "end_date": "2006-12-31", '
                       '"rule_type": "PYTHON", "params": {"code_file": "rules/cross.py", "inputs": {"fast": 7}}}\n'),
    ],
)  # fmt: skip
def test_lines_of_a_table_name_code_files_too(
    folder: Path, platform: Client, app: Flask, name: str, text: str
) -> None:
    table = read_sweep(written(folder, text, name), platform)
    assert isinstance(table, RunTable)

    table.submit(platform, "tabled")

    assert [each["params"] for each in requests_of(app)] == [
        {"code": CODE, "inputs": {"fast": 7}}
    ]


def test_legs_and_members_name_code_files_too(folder: Path, platform: Client) -> None:
    text = f"""
  {DATES}
legs:
  - {{ticker: AAPL, rule_type: PYTHON, params: {{code_file: rules/cross.py}}}}
  - ticker: IBM
    rule_type: COMPOSITE
    params:
      rules: [{{rule_type: PYTHON, params: {{code_file: rules/cross.py}}}}, {{rule_type: RSI, params: {{}}}}]
"""
    spec = read_sweep(written(folder, text.replace("\n  ", "\n", 2)), platform)

    first, second = spec.values["legs"]  # type: ignore[union-attr]
    assert first["params"] == second["params"]["rules"][0]["params"] == {"code": CODE}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("rules/cross.py", "rules/gone.py"),
         "{folder}/rules/gone.py: No such file or directory"),
        (("rules/cross.py", "rules"), "{folder}/rules: Is a directory"),
        (("rules/cross.py", "[1]"), "[1] is not the path of a file, such as strategy.py"),
        (("code_file:", "code: 'x', code_file:"), "give code or code_file, not both"),
        (("rules/cross.py", "rules/bytes.py"), "{folder}/rules/bytes.py: not UTF-8 text"),
    ],
)  # fmt: skip
def test_a_code_file_that_cannot_be_read_is_a_fault_at_its_line(
    folder: Path, platform: Client, change: tuple[str, str], fault: str
) -> None:
    (folder / "rules" / "bytes.py").write_bytes(b"\xff\xfe")

    faults = faults_of(written(folder, SWEEP.replace(*change)), platform)

    assert faults == [f"line 6: base.params.code_file: {fault.format(folder=folder)}"]


def test_a_fault_of_the_code_is_at_the_line_that_names_its_file(
    folder: Path, platform: Client
) -> None:
    (folder / "rules" / "cross.py").write_text("import socket\n" + CODE)
    text = SWEEP.replace("{code_file: rules/cross.py, inputs: {slow: 90}}",
                         "\n    inputs: {slow: 90}\n    code_file: rules/cross.py")  # fmt: skip

    (fault,) = faults_of(written(folder, text), platform)

    assert fault.startswith("line 8: base.params.code: line 1, column 1: import of socket: ")
    assert "def on_bar" not in fault  # code can be long


def test_a_file_with_a_mark_of_windows_is_the_same_code(folder: Path, platform: Client) -> None:
    (folder / "rules" / "cross.py").write_bytes(b"\xef\xbb\xbf" + CODE.encode())

    spec = read_sweep(written(folder, SWEEP), platform)

    assert spec.terms["params"]["code"] == CODE  # type: ignore[union-attr]


def cli(*arguments: object) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, PROJECT_ROOT / "scripts" / "bulk_submit.py"]
    return subprocess.run(
        [*map(str, [*program, *arguments])], capture_output=True, text=True, cwd="/", check=False
    )


RSI = f"base:\n  tickers: [AAPL, IBM]\n  {DATES}\n  rule_type: RSI\n  params: {{period: 9, inputs: {{fast: 5}}}}\n"


def test_code_of_the_command_line_replaces_the_rule_of_all_runs(
    folder: Path, base_url: str, app: Flask
) -> None:
    sweep, code = written(folder, RSI), folder / "rules" / "cross.py"

    planned = cli("plan", sweep, "--code", code, "--url", base_url)
    submitted = cli("submit", sweep, "--code", code, "--detach", "--url", base_url)
    status = cli("status", sweep, "--code", code, "--url", base_url)

    assert 'AAPL PYTHON {"inputs": {"fast": 5}}' in planned.stdout
    assert submitted.returncode == 0, submitted.stderr
    assert json.loads(status.stdout)["counts"]["pending"] == 2
    assert [(each["rule_type"], each["params"]) for each in requests_of(app)] == [
        ("PYTHON", {"code": CODE, "inputs": {"fast": 5}})
    ] * 2


def test_code_of_the_command_line_replaces_the_rules_of_legs(
    folder: Path, platform: Client
) -> None:
    text = "start_date: 2004-01-01\nend_date: 2006-12-31\nrule_type: RSI\nlegs:\n"
    text += "  - {ticker: AAPL, rule_type: BREAKOUT, params: {entry: 20}}\n  - {ticker: IBM}\n"

    spec = read_sweep(written(folder, text), platform, code=folder / "rules" / "cross.py")

    rule = {"rule_type": "PYTHON", "params": {"code": CODE, "inputs": {}}}
    assert spec.values.items() >= rule.items()  # type: ignore[union-attr]
    legs = spec.values["legs"]  # type: ignore[union-attr]
    assert legs == [{"ticker": "AAPL", **rule}, {"ticker": "IBM"}]


def test_a_missing_file_on_the_command_line_is_a_fault(folder: Path, base_url: str) -> None:
    planned = cli("plan", written(folder, RSI), "--code", folder / "x.py", "--url", base_url)

    assert planned.returncode == 2
    assert planned.stderr == f"{folder}/x.py: No such file or directory\n"


def test_a_client_takes_a_path_or_a_function_as_code(
    folder: Path, platform: Client, app: Flask
) -> None:
    def on_bar(bars: Any, fast: float = 20) -> int:
        return 1 if len(bars) > fast else 0

    run = {"ticker": "AAPL", "start_date": "2004-01-01", "end_date": "2006-12-31"}
    for code in (folder / "rules" / "cross.py", on_bar):
        platform.submit({**run, "rule_type": "PYTHON", "params": {"code": code}})
    from_file, from_function = (each["params"]["code"] for each in requests_of(app))

    assert from_file == CODE
    assert from_function.startswith(
        "def on_bar(bars: Any, fast: float = 20) -> int:\n    return 1"
    )


def test_a_client_names_code_that_it_cannot_read(platform: Client, tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec("def on_bar(bars):\n    return 0", names)  # noqa: S102

    with pytest.raises(BadInput, match="on_bar: its source is not available"):
        platform.submit({"params": {"code": names["on_bar"]}})
    with pytest.raises(BadInput, match="gone.py: No such file"):
        platform.submit({"params": {"code": tmp_path / "gone.py"}})
