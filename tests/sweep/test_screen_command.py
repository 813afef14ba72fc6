"""The command `screen` and the client behind it: a sweep tried in one Job, ranked, its best run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backtests import Client
from tests.services.jobs import run_all
from tests.sweep.test_command_line import run

SPEC = """
name: Six
base: {ticker: AAPL, start_date: 2003-01-01, end_date: 2008-12-31, rule_type: MA_CROSS}
parameters: {fast: [5, 10, 20], slow: [50, 100]}
"""
VALUES = {
    "base": {
        "ticker": "AAPL",
        "start_date": "2003-01-01",
        "end_date": "2008-12-31",
        "rule_type": "MA_CROSS",
    },
    "parameters": {"fast": [5, 10, 20], "slow": [50, 100]},
}


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A sweep of six combinations."""
    path = tmp_path / "six.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@contextmanager
def jobs(app: Flask) -> Iterator[None]:
    """Jobs are worked on as they come."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            run_all(app.extensions["platform"].engine)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_it_prints_the_best_and_runs_those_that_are_requested(
    app: Flask, client: FlaskClient, base_url: str, spec: Path
) -> None:
    with jobs(app):
        program = run(
            base_url, "screen", spec, "--top", "3", "--run", "2", "--constraint", "num_trades > 1"
        )

    (batch,) = client.get("/api/batches").json["batches"]
    assert program.returncode == 0, program.stderr
    head, *rows = program.stdout.splitlines()[:4]
    assert head.split() == [
        "rank",
        "ticker",
        "rule",
        "sharpe_ratio",
        "total_return_pct",
        "max_drawdown_pct",
        "num_trades",
        "run_id",
    ]
    assert [row.split()[:3] for row in rows] == [
        [f"{rank}", "AAPL", "MA_CROSS"] for rank in (1, 2, 3)
    ]
    assert all("fast=" in row and "slow=" in row for row in rows)
    assert "6 combinations were tried in a screen" in program.stdout
    assert f"2 of them run as batch {batch['batch_id']}" in program.stderr
    assert batch["runs"] == 2


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_its_rows_are_data_in_other_forms(
    app: Flask, base_url: str, spec: Path, kind: str
) -> None:
    with jobs(app):
        program = run(base_url, "screen", spec, "--format", kind)

    assert program.returncode == 0, program.stderr
    assert program.stdout.startswith(
        "rank,run_id,ticker,rule_type,params.fast" if kind == "csv" else "{"
    )


def test_a_fault_is_reported_at_its_line(base_url: str, spec: Path) -> None:
    refused = run(base_url, "screen", spec, "--set", "fee_rate=2", "--metric", "cagr")

    assert refused.returncode == 2
    assert (
        "metric: 'cagr' is not accepted; accepted: a screen has total_return_pct"
        in refused.stderr
    )
    assert "base.fee_rate" in refused.stderr


def test_the_client_tries_a_sweep_and_runs_rows_of_it(app: Flask, base_url: str) -> None:
    client = Client(
        base_url, sleep=lambda seconds: run_all(app.extensions["platform"].engine) and None
    )

    screen = client.screen(VALUES, top=2)
    run_id = client.run_screened(screen["screen_id"], screen["leaderboard"][0])
    metrics = client.wait(run_id)["metrics"]
    batch = client.run_best_screened(screen["screen_id"])

    assert (screen["status"], len(screen["leaderboard"]), batch["runs"]) == ("completed", 2, 6)
    for name, value in screen["leaderboard"][0]["metrics"].items():
        assert metrics[name] == value


def test_how_sure_a_run_is_is_printed(app: Flask, client: FlaskClient, base_url: str) -> None:
    run_id = client.post(
        "/run_backtest", json={**VALUES["base"], "params": {}, "charts": False}
    ).json["run_id"]
    run_all(app.extensions["platform"].engine)

    with jobs(app):
        first = run(base_url, "robustness", run_id)
    again = run(base_url, "robustness", run_id)

    assert first.returncode == again.returncode == 0, first.stderr
    assert "a year" in first.stdout and first.stdout == again.stdout
    assert f"{base_url}/robustness/" in first.stderr


def test_a_run_that_has_not_completed_has_no_robustness(
    client: FlaskClient, base_url: str
) -> None:
    run_id = client.post("/run_backtest", json={**VALUES["base"], "params": {}}).json["run_id"]

    refused = run(base_url, "robustness", run_id)

    assert refused.returncode == 2
    assert "no completed backtest" in refused.stderr
