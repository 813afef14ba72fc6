"""Results as pandas objects, charts and progress in a notebook."""

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from pandas.testing import assert_frame_equal

from backtests import BadInput, Client, Refused
from tests.services.jobs import run_all
from tests.services.portfolios import LEGS
from tests.services.processes import PROJECT_ROOT
from tests.sweep.test_portfolio_command import work
from tests.sweep.test_screen_command import VALUES

RUN = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "start_date": "2005-01-03",
    "end_date": "2006-12-31",
}
DATES = {"start_date": "2004-01-01", "end_date": "2006-12-31"}


@pytest.fixture
def client(app: Flask, base_url: str) -> Client:
    """A client of a platform that works while the client waits."""
    return Client(base_url, sleep=lambda seconds: work(app))


def test_a_run_has_its_series_by_date_and_its_trades_by_number(client: Client) -> None:
    run = client.wait(client.submit(RUN))

    assert run.equity.tolist() == [point["equity"] for point in run["equity_curve"]]
    assert run.equity.index.equals(run.bars.index) and run.bars.index.dtype.kind == "M"
    assert list(run.bars) == ["open", "high", "low", "close", "volume"]
    growth = (1 + run.returns).prod() - 1
    assert growth * 100 == pytest.approx(run["metrics"]["total_return_pct"], abs=1e-4)
    assert run.trades.index.tolist() == list(range(run["metrics"]["num_trades"]))
    assert str(run.trades["entry_timestamp"].dtype).endswith("UTC]")


def test_a_run_without_trades_has_an_empty_table(client: Client) -> None:
    never = {"buy": "close < 0", "sell": "close < 0"}

    run = client.wait(client.submit({**RUN, "rule_type": "FORMULA", "params": never}))

    assert len(run.trades) == 0 and set(run.equity) == {100_000}


def test_a_failed_run_says_why_it_has_no_series(client: Client) -> None:
    run_id = client.submit(RUN)
    client.cancel_run(run_id)
    run = client.wait(run_id)

    with pytest.raises(BadInput, match=r"^the result has no equity_curve: .*cancel"):
        _ = run.equity


def test_batch_and_screen_are_tables_with_a_column_for_each_param(client: Client) -> None:
    periods = [7, 14, 21]
    batch_id, run_ids, _ = client.submit(
        [{**RUN, "params": {"period": period}, "charts": False} for period in periods]
    )

    table = client.wait_batch(batch_id).table
    board = client.screen(VALUES, top=3).leaderboard

    assert table.loc[run_ids, "params.period"].tolist() == periods
    assert (
        table.loc[run_ids[0], "sharpe_ratio"] == client.run(run_ids[0])["metrics"]["sharpe_ratio"]
    )
    assert board.index.tolist() == [1, 2, 3]
    assert board["sharpe_ratio"].is_monotonic_decreasing
    assert {"ticker", "params.fast", "params.slow"} <= set(board)


def test_a_portfolio_has_the_weight_of_each_leg(client: Client) -> None:
    portfolio = client.wait_portfolio(
        client.submit_portfolio({"legs": LEGS, **DATES})["portfolio_id"]
    )

    weights = portfolio.weights
    assert [name.split()[0] for name in weights] == [leg["ticker"] for leg in LEGS]
    assert weights.index.isin(portfolio.equity.index).all()
    date, money = portfolio["weights"]["dates"][-1], portfolio["weights"]["money"]
    assert (weights.loc[date] * portfolio.equity[date]).tolist() == pytest.approx(
        [leg[-1] for leg in money]
    )


def test_one_line_leads_from_a_frame_to_a_result(client: Client) -> None:
    days = pd.bdate_range("2020-01-01", periods=300, name="Date")
    close = 100 * np.exp(np.random.default_rng(1).normal(0.0005, 0.01, 300).cumsum())
    frame = pd.DataFrame(
        {
            "Open": close,
            "High": close * 1.01,
            "Low": close * 0.99,
            "Close": close,
            "Volume": 1000,
        },
        days,
    )

    run = client.backtest(frame, "close > sma(close, days)", inputs={"days": 50}, fee_rate=0)
    again = client.backtest(frame, "close > sma(close, days)", inputs={"days": 50}, fee_rate=0)

    assert run["status"] == "completed" and run["metrics"]["num_trades"] > 2
    assert run["request"]["fee_rate"] == 0 and run["request"]["ticker"].startswith("FRAME-")
    assert_frame_equal(
        run.bars.astype(float),
        frame.rename(columns=str.lower).astype(float),
        check_freq=False,
        check_names=False,
        check_index_type=False,
        atol=0.005,
    )
    assert again["result_hash"] == run["result_hash"]
    assert [each["ticker"] for each in client.prices()].count(run["request"]["ticker"]) == 1


def test_a_frame_may_be_traded_by_a_function_and_its_faults_are_named(client: Client) -> None:
    days = pd.bdate_range("2020-01-01", periods=60)
    frame = pd.DataFrame(
        {name: np.arange(60) + 10.0 for name in ("open", "high", "low", "close")}, days
    )

    def on_bar(bars, every=3):  # type: ignore[no-untyped-def]  # its source is sent
        return 1 if len(bars) % every == 0 else -1

    run = client.backtest(frame, on_bar, inputs={"every": 5})

    assert run["request"]["params"]["inputs"] == {"every": 5}
    with pytest.raises(BadInput, match="sell: give it where buy has several lines"):
        client.backtest(frame, "a = sma(close, 5)\nclose > a")
    with pytest.raises(Refused, match=r"params\.buy: .*nonsense"):
        client.backtest(frame, "close > nonsense(close)")
    with pytest.raises(Refused, match="no column for Close"):
        client.backtest(frame.drop(columns="close"), "close > 1")


def test_states_are_read_in_a_loop_and_asynchronously(
    app: Flask, base_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [{**RUN, "params": {"period": period}, "charts": False} for period in (7, 14)]
    engine = app.extensions["platform"].engine
    client = Client(base_url, sleep=lambda seconds: run_all(engine))
    batch_id, run_ids, _ = client.submit(runs)

    counts = [each["counts"]["completed"] for each in client.follow("batch", batch_id, bar=True)]

    async def read() -> list[str]:
        return [each["status"] async for each in client.follow("run", run_ids[0])]

    assert counts == [0, 2]
    assert asyncio.run(read()) == ["completed"]
    assert "2/2" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_charts_are_pictures_with_a_link(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    run = client.wait(client.submit(RUN))
    shell = InteractiveShell.instance()
    try:
        with capture_output() as displayed:
            run.show("drawdown_curve", "trade_pnl")
    finally:
        shell.clear_instance()

    link, *pictures = [each.data for each in displayed.outputs]
    assert link["text/markdown"].endswith(f"({client.url}/result/{run['run_id']})")
    assert [each["image/png"][1:4] for each in pictures] == [b"PNG", b"PNG"]


WITHOUT = """
import sys
for name in ("pandas", "tqdm", "IPython", "quantstats"):
    sys.modules[name] = None
from backtests import BadInput, Client
from backtests.results import Run
run = Run(Client(), {"run_id": "r", "equity_curve": [], "trades": [], "request": {}})
for view in (lambda: run.equity, lambda: run.trades, run.show, run.quantstats):
    try:
        view()
    except BadInput as fault:
        print(fault)
"""


def test_without_the_extras_the_client_works_and_names_what_is_missing(tmp_path: Path) -> None:
    program = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env={"PYTHONPATH": str(PROJECT_ROOT / "scripts")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert program.stdout.splitlines() == [
        f"{name} is not installed: pip install {name}, or the client's extra {extra}"
        for name, extra in (
            ("pandas", "notebook"),
            ("pandas", "notebook"),
            ("IPython", "notebook"),
            ("quantstats", "quantstats"),
        )
    ], program.stderr
