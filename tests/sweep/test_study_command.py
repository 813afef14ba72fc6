"""The command `study`, as people run it: cost first, then the verdict; the same command again goes on."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.services.studies import work_through
from tests.sweep.test_command_line import run

SPEC = """
name: Six
base: {ticker: AAPL, start_date: 2003-01-01, end_date: 2008-12-31, rule_type: MA_CROSS}
parameters: {fast: [5, 10, 20], slow: [50, 100]}
constraints: ["num_trades >= 1"]
study: {kind: holdout, holdout_share: 0.25}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A sweep of six runs that asks for a study."""
    path = tmp_path / "six.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_the_cost_comes_first_and_a_dry_run_ends_there(
    client: FlaskClient, base_url: str, spec: Path
) -> None:
    program = run(base_url, "study", spec, "--dry-run")

    assert program.returncode == 0, program.stderr
    assert (
        "2 Jobs: 6 combinations x 1 training part, and 1 on test parts; no batch has run yet"
        in program.stderr
    )
    assert client.get("/api/studies").json["studies"] == []


def test_the_same_command_again_goes_on_and_prints_the_verdict(
    app: Flask, client: FlaskClient, base_url: str, spec: Path
) -> None:
    first = run(base_url, "study", spec, "--detach")
    work_through(app.extensions["platform"].engine, first.stdout.strip())
    again = run(base_url, "study", spec)

    (listed,) = client.get("/api/studies").json["studies"]
    assert first.stdout.strip() == listed["study_id"]
    assert (again.returncode, again.stdout.strip()) == (0, listed["sentence"])


def test_a_cancelled_study_is_no_success(client: FlaskClient, base_url: str, spec: Path) -> None:
    study_id = run(base_url, "study", spec, "--detach").stdout.strip()
    client.post(f"/api/studies/{study_id}/cancel")

    again = run(base_url, "study", spec)

    assert (again.returncode, again.stdout) == (1, "cancelled on request\n")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("study: {kind: holdout, holdout_share: 0.25}", "", "study: a section with kind"),
        (
            "study: {kind: holdout, holdout_share: 0.25}",
            "study: holdout",
            "line 6: study: 'holdout' is not accepted; accepted: an object with kind",
        ),
        ("ticker: AAPL", "tickers: [AAPL, IBM]", "a study is about one ticker, not 2"),
        ("holdout_share: 0.25", "holdout_share: 2", "holdout_share: Input should be less than 1"),
        (
            "num_trades >= 1",
            "num_trades == 'x'",
            "constraints.0: \"num_trades == 'x'\" is not accepted",
        ),
    ],
)
def test_a_file_that_is_no_study_is_refused(
    base_url: str, spec: Path, before: str, after: str, fault: str
) -> None:
    spec.write_text(SPEC.replace(before, after), encoding="utf-8")

    refused = run(base_url, "study", spec)

    assert refused.returncode == 2
    assert fault in refused.stderr
