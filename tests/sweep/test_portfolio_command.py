"""The command `portfolio`, as people run it: legs from a sweep or a list, followed to what they came to together."""

import json
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backtests import Client, Refused
from tests.services.jobs import run_all
from tests.services.portfolios import ASKED, LEGS, leader
from tests.sweep.test_command_line import run

SWEEP = """
name: Three
base:
  tickers: [AAPL, IBM, MSFT]
  start_date: 2004-01-01
  end_date: 2006-12-31
  rule_type: MA_CROSS
  params: {fast: 10, slow: 30}
portfolio: {mode: shared, max_positions: 2}
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep of three runs that asks for a portfolio."""
    path = tmp_path / "three.yaml"
    path.write_text(SWEEP, encoding="utf-8")
    return path


def work(app: Flask) -> None:
    """All Jobs of all portfolios, and the leader's steps between them."""
    engine = app.extensions["platform"].engine
    run_all(engine)
    leader(engine).advance()
    run_all(engine)


def test_the_same_command_again_goes_on_and_prints_the_account(
    app: Flask, client: FlaskClient, base_url: str, sweep: Path
) -> None:
    first = run(base_url, "portfolio", sweep, "--detach")
    work(app)
    again = run(base_url, "portfolio", sweep)

    (listed,) = client.get("/api/portfolios").json["portfolios"]
    portfolio = client.get(f"/api/portfolios/{listed['portfolio_id']}").json
    assert (first.stdout.strip(), again.returncode) == (listed["portfolio_id"], 0), again.stderr
    head, portfolio_line, holding_line, _, _, *legs, profit, _, left_out = (
        again.stdout.splitlines()
    )
    assert head.split() == ["return_pct", "sharpe_ratio", "max_drawdown_pct"]
    assert portfolio_line.split() == [
        "Three",
        *(f"{listed[f'{name}']:.3f}" for name in ("total_return_pct", *head.split()[1:])),
    ]
    assert holding_line.startswith("the same assets held equally")
    assert holding_line.split()[5:] == [
        f"{portfolio['metrics'][f'buy_hold_{name}']:.3f}" for name in head.split()
    ]
    assert [line.split() for line in legs] == [
        [leg["ticker"], "MA_CROSS_10_30_sma", f"{leg['contribution']:.2f}"]
        for leg in portfolio["legs"]
    ]
    assert profit.split() == ["profit", f"{portfolio['metrics']['final_equity'] - 100_000:.2f}"]
    assert left_out == f"{portfolio['left_out']['counts']['no_place']} orders skipped: no_place"


def test_legs_are_taken_from_a_list_whose_name_is_that_of_the_file(
    app: Flask, client: FlaskClient, base_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(ASKED | {"cash_rate": 0.02}, indent="\t"), encoding="utf-8")

    run(base_url, "portfolio", path, "--set", "fee_rate=0.002", "--detach")
    work(app)
    program = run(base_url, "portfolio", path, "--set", "fee_rate=0.002")

    (listed,) = client.get("/api/portfolios").json["portfolios"]
    request = client.get(f"/api/portfolios/{listed['portfolio_id']}").json["request"]
    assert program.returncode == 0, program.stderr
    assert (listed["name"], listed["legs"], request["fee_rate"]) == ("mine", len(LEGS), 0.002)
    assert "\ninterest" in program.stdout


def test_a_cancelled_portfolio_is_no_success(
    client: FlaskClient, base_url: str, sweep: Path
) -> None:
    portfolio_id = run(base_url, "portfolio", sweep, "--detach").stdout.strip()
    Client(base_url).cancel_portfolio(portfolio_id)

    again = run(base_url, "portfolio", sweep)

    assert (again.returncode, again.stdout) == (1, "")
    assert "the portfolio failed: cancelled on request" in again.stderr


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (
            "portfolio: {mode: shared, max_positions: 2}",
            "",
            "portfolio: a section portfolio (how runs share an account)",
        ),
        (
            "max_positions: 2",
            "max_positions: 0",
            "line 9: portfolio.max_positions: 0 is not accepted",
        ),
        (
            "[AAPL, IBM, MSFT]",
            "[AAPL, NOPE]",
            "line 4: base.tickers: no 1d prices of ticker 'NOPE'",
        ),
        ("fast: 10", "fast: 0", "line 8: base.params.fast: 0"),
    ],
)
def test_a_file_that_is_no_portfolio_is_refused_at_its_lines(
    base_url: str, sweep: Path, before: str, after: str, fault: str
) -> None:
    sweep.write_text(SWEEP.replace(before, after), encoding="utf-8")

    refused = run(base_url, "portfolio", sweep)

    assert refused.returncode == 2
    assert fault in refused.stderr


def test_a_fault_of_a_leg_is_reported_at_its_line(base_url: str, tmp_path: Path) -> None:
    path = tmp_path / "legs.json"
    path.write_text(
        '{"start_date": "2004-01-01", "end_date": "2006-12-31", "legs": [\n', encoding="utf-8"
    )
    with path.open("a", encoding="utf-8") as file:
        file.write(
            '\t{"ticker": "AAPL", "rule_type": "RSI"},\n\t{"ticker": "IBM", "rule_type": "RSI",\n'
        )
        file.write('\t "params": {"period": 1}}]}')
    broken = tmp_path / "broken.json"
    broken.write_text('{"legs": [\n}', encoding="utf-8")

    assert "line 4: legs[1].params.period: 1 " in run(base_url, "portfolio", path).stderr
    assert "line 2: not JSON" in run(base_url, "portfolio", broken).stderr


def test_the_client_awaits_what_it_has_started(app: Flask, base_url: str) -> None:
    client = Client(base_url, sleep=lambda seconds: work(app))
    seen: list[str] = []

    portfolio_id = client.submit_portfolio(ASKED, "monday")["portfolio_id"]
    again = client.submit_portfolio(ASKED, "monday")["portfolio_id"]
    ended = client.wait_portfolio(portfolio_id, lambda each: seen.append(each["status"]))

    assert (again, seen, ended["status"]) == (portfolio_id, ["pending", "completed"], "completed")
    assert ended == client.portfolio(portfolio_id)
    with pytest.raises(Refused, match="ended already"):
        client.cancel_portfolio(portfolio_id)
