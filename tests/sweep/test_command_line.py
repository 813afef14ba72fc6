"""scripts/bulk_submit.py as people run it: a process of its own against a real web tier."""

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from adapters.tables import runs
from backtests import Client
from tests.services.finished_runs import break_down, succeed
from tests.services.processes import PROJECT_ROOT, Programs
from tests.services.waiting import wait_until
from tests.web.made_runs import make

PROGRAM = PROJECT_ROOT / "scripts" / "bulk_submit.py"
SPEC = """
name: Three
base: {ticker: [AAPL, IBM], start_date: 2004-01-01, end_date: 2006-12-31, rule_type: RSI}
parameters: {period: [7, 14, 21]}
metric: sharpe_ratio
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A sweep of six runs."""
    path = tmp_path / "three.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def run(base_url: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(PROGRAM), *map(str, arguments), "--url", base_url]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)


def run_ids(app: Flask) -> list[str]:
    with app.extensions["platform"].engine.connect() as connection:
        return list(connection.execute(select(runs.c.run_id).order_by(runs.c.id)).scalars())


def finish(app: Flask, run_ids: list[str]) -> None:
    for number, run_id in enumerate(run_ids):
        metrics = {"sharpe_ratio": number / 10, "num_trades": number, "total_return_pct": 1.5}
        succeed(app.extensions["platform"].engine, run_id, metrics)


def test_a_plan_counts_and_sends_nothing(app: Flask, base_url: str, spec: Path) -> None:
    planned = run(base_url, "plan", spec)

    assert planned.returncode == 0, planned.stderr
    assert "Three: 6 runs as batch three-" in planned.stdout
    assert "new 6, existing 0" in planned.stdout
    assert 'AAPL RSI {"period": 7}' in planned.stdout
    assert "... and 1 more" in planned.stdout
    assert run_ids(app) == []


def test_the_same_submission_again_goes_on_and_makes_no_second_run(
    app: Flask, base_url: str, spec: Path
) -> None:
    first = run(base_url, "submit", spec, "--detach")
    again = run(base_url, "submit", spec, "--detach")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert first.stdout == again.stdout == f"{first.stdout.strip()}\n"
    assert "6 of them exist already" in again.stderr
    assert len(run_ids(app)) == 6
    assert "new 0, existing 6 (6 pending)" in run(base_url, "plan", spec).stdout


def test_a_sweep_after_an_update_of_prices_is_new_and_plan_says_so(
    base_url: str, spec: Path
) -> None:
    run(base_url, "submit", spec, "--detach", "--batch", "b")
    fewer = (PROJECT_ROOT / "data" / "IBM.csv").read_bytes().splitlines(keepends=True)[:-1]
    Client(base_url).load_prices("IBM", b"".join(fewer))

    planned = run(base_url, "plan", spec, "--batch", "b").stdout.splitlines()

    assert planned[1:3] == [
        "  new 3, existing 3 (3 pending)",
        "  3 runs of the batch are on older versions of the prices; they are not run again",
    ]


def test_runs_of_other_tickers_are_not_on_older_prices(base_url: str, spec: Path) -> None:
    run(base_url, "submit", spec, "--detach", "--batch", "b")
    spec.write_text(SPEC.replace("[AAPL, IBM]", "[AAPL]"), encoding="utf-8")

    planned = run(base_url, "plan", spec, "--batch", "b").stdout

    assert "new 0, existing 3 (3 pending)" in planned
    assert "older versions" not in planned


def test_a_finished_sweep_ends_in_its_leaderboard(app: Flask, base_url: str, spec: Path) -> None:
    run(base_url, "submit", spec, "--detach")
    finish(app, run_ids(app))

    ended = run(base_url, "submit", spec, "--top", 2)

    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stderr
    assert lines[0].split()[:4] == ["rank", "ticker", "rule", "sharpe_ratio"]
    assert lines[1].split()[:4] == ["1", "IBM", "RSI_21_30_70", "0.500"]
    assert lines[-1].startswith("6 runs were tried")
    assert "6/6" in ended.stderr
    assert len(run_ids(app)) == 6


def test_failed_runs_end_in_exit_code_1_and_can_be_retried(
    app: Flask, base_url: str, spec: Path
) -> None:
    run(base_url, "submit", spec, "--detach")
    finish(app, run_ids(app)[1:])
    break_down(app.extensions["platform"].engine, run_ids(app)[0])

    ended = run(base_url, "submit", spec)
    retried = run(base_url, "retry", spec, "--failed")

    assert ended.returncode == 1
    assert "1 runs failed: 1 no_prices" in ended.stderr
    assert "1 runs of three-" in retried.stderr
    status = json.loads(run(base_url, "status", spec).stdout)
    assert status["counts"] == {"pending": 1, "running": 0, "completed": 5, "failed": 0}


@pytest.mark.parametrize("form", ["csv", "json"])
def test_results_are_data_on_stdout_and_the_warning_is_not(
    app: Flask, base_url: str, spec: Path, form: str
) -> None:
    run(base_url, "submit", spec, "--detach")
    finish(app, run_ids(app))

    results = run(base_url, "results", spec, "--format", form, "--constraint", "num_trades < 4")

    rows: list[dict[str, Any]] = (
        list(csv.DictReader(io.StringIO(results.stdout)))
        if form == "csv"
        else json.loads(results.stdout)["leaderboard"]
    )
    assert [str(row["rank"]) for row in rows] == ["1", "2", "3"]
    assert [row["run_id"] for row in rows] == run_ids(app)[3:0:-1]
    assert "3 excluded: constraint" in results.stderr


def test_a_batch_is_cancelled_by_its_id(app: Flask, base_url: str, spec: Path) -> None:
    batch_id = run(base_url, "submit", spec, "--detach").stdout.strip()

    cancelled = run(base_url, "cancel", batch_id)

    assert cancelled.stderr == f"6 runs of {batch_id} cancelled\n"
    assert run(base_url, "status", batch_id, "--watch").returncode == 1


def test_a_deletion_is_counted_first_and_made_with_yes(
    app: Flask, base_url: str, spec: Path
) -> None:
    batch_id = run(base_url, "submit", spec, "--detach").stdout.strip()
    living = run(base_url, "delete", "batch", batch_id)
    run(base_url, "cancel", batch_id)

    counted = run(base_url, "delete", "batch", batch_id)
    left = len(run_ids(app))
    deleted = run(base_url, "delete", "batch", batch_id, "--yes")
    again = run(base_url, "delete", "batch", batch_id, "--yes")

    assert (living.returncode, living.stderr) == (
        1,
        f"refused: batch {batch_id} (Three) has not ended; cancel it first\n",
    )
    assert (counted.returncode, left) == (0, 6)
    assert counted.stdout.startswith("would delete 12 events, 1 plans, 6 runs")
    assert deleted.stdout.startswith("deleted 12 events")
    assert (again.returncode, run_ids(app)) == (2, [])


def test_runs_and_prices_are_deleted_by_their_names(app: Flask, base_url: str) -> None:
    ids = [make(app, "completed", {"fee_rate": fee}) for fee in (0.001, 0.002)]

    needed = run(base_url, "delete", "prices", "AAPL", "--yes")
    run(base_url, "delete", "run", *ids, "--yes")
    counted = run(base_url, "delete", "prices", "AAPL", "IBM")

    assert needed.returncode == 2
    assert ids[0] in needed.stderr
    assert run_ids(app) == []
    assert (counted.returncode, counted.stdout.count("would delete 1 versions")) == (0, 2)


def test_the_servers_faults_keep_all_runs_out(app: Flask, base_url: str, spec: Path) -> None:
    spec.write_text(SPEC.replace("IBM", "NOPE"), encoding="utf-8")

    refused = run(base_url, "submit", spec)

    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.count("ticker 'NOPE'") == 1
    assert "line 3: base.ticker: no 1d prices of ticker 'NOPE'" in refused.stderr
    assert '(NOPE {"period": 7} and 2 more runs)' in refused.stderr
    assert run_ids(app) == []


def test_the_platforms_faults_are_reported_once_with_line_field_and_a_run_that_has_them(
    base_url: str, spec: Path
) -> None:
    faulty = {
        "[7, 14, 21]": (
            "[1, 7, 500]",
            "line 4: parameters.period: 1 is out of range: must be a whole number from 2 to",
        ),
        "{period:": (
            "{perod:",
            "line 4: parameters.perod: 7 given, but RSI has no such parameter; it has: period, ",
        ),
        "rule_type: RSI": (
            "rule_type: RSI, fee: 1",
            "line 3: base.fee: unknown field; accepted: ticker, rule_type, ",
        ),
        ", end_date: 2006-12-31": ("", "line 3: base.end_date: required"),
        "RSI}": (
            "RSI, params: {oversold: 0}}",
            "line 3: base.params.oversold: 0 is out of range",
        ),
        "parameters: {period: [7, 14, 21]}": (
            "method: list\nparameters: [{period: 2004-01-01}]",
            "line 5: parameters.period: '2004-01-01' is not a whole number",
        ),
        "ticker: [AAPL, IBM]": (
            "tickers: [NOPE]",
            "line 3: base.tickers: no 1d prices of ticker 'NOPE'",
        ),
    }
    for right, (wrong, fault) in faulty.items():
        spec.write_text(SPEC.replace(right, wrong), encoding="utf-8")

        planned = run(base_url, "plan", spec)

        assert planned.returncode == 2
        (line,) = planned.stderr.splitlines()
        assert line.startswith(fault), line
        assert line.endswith(("and 1 more run)", "more runs)"))


def test_the_platforms_faults_in_a_table_have_the_lines_that_are_its_own(
    base_url: str, tmp_path: Path
) -> None:
    table = tmp_path / "runs.csv"
    row = "AAPL,RSI,2004-01-01,2006-12-31"
    columns = "ticker,rule_type,start_date,end_date,fee_rate,params.period"
    table.write_text(f"{columns}\n{row},,7\n{row},0.5,500\n\n{row},x,7\n", encoding="utf-8")

    planned = run(base_url, "plan", table)

    assert [line.split(": ")[:2] for line in planned.stderr.splitlines()] == [
        ["line 3", "fee_rate"], ["line 3", "params.period"], ["line 5", "fee_rate"],
    ]  # fmt: skip


def test_a_retry_that_finds_cancelled_runs_only_says_how_to_retry_them(
    base_url: str, spec: Path
) -> None:
    run(base_url, "submit", spec, "--detach")
    run(base_url, "cancel", spec)

    nothing = run(base_url, "retry", spec, "--failed")
    retried = run(base_url, "retry", spec, "--failed", "--cancelled")

    assert nothing.stderr.startswith("0 runs of three-")
    assert "6 cancelled ones are not: --failed --cancelled retries them too" in nothing.stderr
    assert retried.stderr.startswith("6 runs of three-")
    assert "cancelled" not in retried.stderr


def test_an_estimate_is_made_of_runs_that_are_as_much_work(
    app: Flask, base_url: str, spec: Path
) -> None:
    make(app, "completed", {"batch_id": "drawn", "charts": True})

    before = run(base_url, "plan", spec).stdout
    make(app, "completed", {"batch_id": "plain", "charts": False})
    make(app, "completed", {"batch_id": "drawn later", "charts": True})
    after = run(base_url, "plan", spec, "--jobs", 2).stdout

    assert "no estimate: none of the last 10 batches has completed runs without charts" in before
    assert "with 2 Jobs at a time: " in after
    assert "as in batch plain, the latest without charts" in after


def test_an_unknown_batch_is_a_wrong_question(base_url: str) -> None:
    results = run(base_url, "results", "nowhere")

    assert (results.returncode, "no run belongs to batch 'nowhere'" in results.stderr) == (
        2,
        True,
    )


def test_an_interrupt_detaches_and_says_how_to_go_on(
    app: Flask, base_url: str, spec: Path, programs: Programs
) -> None:
    following = programs.run(
        [sys.executable, str(PROGRAM), "submit", str(spec), "--url", base_url]
    )
    following.wait_for_line("waiting 6")

    following.send(signal.SIGINT)

    assert following.wait() == 130
    command = f"{sys.executable} {PROGRAM} submit {spec} --url {base_url}"
    assert f"resume:     {command}\n" in following.log
    assert f"--url {base_url} --watch" in following.log
    wait_until(lambda: len(run_ids(app)) == 6)


@pytest.mark.parametrize("setting", ["label", "label=", "=again"])
def test_what_is_set_needs_a_field_and_a_value(setting: str, base_url: str, spec: Path) -> None:
    refused = run(base_url, "plan", spec, "--set", setting)

    assert refused.returncode == 2
    assert f"{setting!r} is not FIELD=VALUE" in refused.stderr
