"""Money in accounts of any size: as many digits as each needs, in JSON, CSV and on pages."""

import csv
import io
import json
from random import Random

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.money import money_decimals, rounded
from adapters.runs.series import decode_equity, encode_equity
from adapters.tables import runs
from tests.services.jobs import run_all
from tests.web.made_results import BUY, NOTHING, SELL, load_prices, request_of
from web.formats import signed

CAPITALS = [3e-5, 0.5, 1, 21, 999.99, 1000, 100_000]
COLUMNS = ("entry_fees", "exit_fees", "pnl_abs")


@pytest.fixture
def engine(app: Flask) -> Engine:
    database_engine: Engine = app.extensions["platform"].engine
    return database_engine


def made_run(client: FlaskClient, engine: Engine, capital: float) -> str:
    """A run of a capital on prices that move by a thousandth at most, long and short."""
    random = Random(capital)
    closes = [round(0.03 * (1 + random.uniform(-1e-3, 1e-3)), 7) for _ in range(30)]
    load_prices(client, closes, [random.choice([BUY, SELL, NOTHING]) for _ in closes])
    fields = {"initial_capital": capital, "fee_rate": 1e-5, "direction": "longshort"}
    answer = client.post("/run_backtest", json=request_of(**fields))
    assert answer.status_code == 202, answer.text
    run_all(engine)
    run_id: str = answer.json["run_id"]
    return run_id


def stored_trades(engine: Engine, run_id: str) -> list[dict[str, float]]:
    """Trades before they are rounded for anybody."""
    with engine.connect() as connection:
        text = connection.execute(
            select(runs.c.trades_json).filter_by(run_id=run_id)
        ).scalar_one()
    stored = json.loads(text)
    return [dict(zip(stored["columns"], row, strict=True)) for row in stored["rows"]]


def test_nine_digits_of_a_small_capital_and_cents_of_others() -> None:
    decimals = [
        money_decimals(capital) for capital in (0.5, 1, 99, 100, 999.99, 1000, 1e12, 1e-300)
    ]

    assert decimals == [9, 8, 7, 6, 6, 2, 2, 20]


@pytest.mark.parametrize("capital", CAPITALS)
def test_money_has_the_digits_of_its_account(
    browser_client: FlaskClient, engine: Engine, capital: float
) -> None:
    run_id = made_run(browser_client, engine, capital)
    least = capital * 1e-8 if capital < 1000 else 0.01

    result = browser_client.get(f"/api/runs/{run_id}").json
    file = browser_client.get(f"/result/{run_id}/trades.csv").get_data(as_text=True)
    bars = browser_client.get(f"/result/{run_id}/bars.csv").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(file)))
    pages = [
        browser_client.get(f"/result/{run_id}{rest}").get_data(as_text=True)
        for rest in ("?tab=trades", "/bars")
    ]

    exact = stored_trades(engine, run_id)
    assert len(exact) > 5
    for trade, row, truth in zip(result["trades"], rows, exact, strict=True):
        for name in COLUMNS:
            assert abs(trade[name] - truth[name]) <= 0.5001 * least, (name, truth)
            assert float(row[name]) == trade[name]
        assert signed(truth["pnl_abs"], money_decimals(capital)) in pages[0], truth
    profits = [trade["pnl_abs"] for trade in exact if not trade["is_open"]]
    assert result["metrics"]["largest_loss"] == pytest.approx(min(profits), rel=1e-8)
    for point, bar in zip(
        result["portfolio_curve"], csv.DictReader(io.StringIO(bars)), strict=True
    ):
        assert abs(point["cash"] + point["position"] - point["total"]) <= 2 * least, point
        assert [float(bar[name]) for name in ("cash", "position", "equity")] == [
            point[name] for name in ("cash", "position", "total")
        ]
    equity = result["equity_curve"][-1]["equity"]
    assert equity == pytest.approx(result["metrics"]["final_equity"], abs=0.5001 * least)
    assert f"{equity:,.{money_decimals(capital)}f}" in pages[1]


def test_equity_of_a_small_account_that_grew_keeps_its_first_digits() -> None:
    times = 86_400 * 20_000 + 86_400 * np.arange(3)

    _, equity = decode_equity(encode_equity(times, [0.500000001, 700.0, 2_000_000.0], "1d", 0.5))

    assert equity.tolist() == [0.500000001, 700.0, 2_000_000.0]


def test_no_zero_has_a_sign() -> None:
    random = Random(7)
    for _ in range(300):
        value, decimals = (
            random.uniform(-1, 1) * 10.0 ** -random.randrange(12),
            random.randrange(9),
        )
        text = str(rounded(value, decimals))

        assert float(text) != 0 or text == "0.0", (value, decimals)


def test_a_batch_that_is_ranked_by_money_shows_the_digits_of_its_account(
    browser_client: FlaskClient, engine: Engine
) -> None:
    load_prices(browser_client, [0.03, 0.0301, 0.03005, 0.0302], [BUY, SELL, BUY, SELL])
    for days in (0.001, 0.0302):
        params = {"buy": f"volume == {BUY} and close > days", "sell": "volume == 2"}
        values = request_of(
            initial_capital=0.5, batch_id="small", params={**params, "inputs": {"days": days}}
        )
        assert browser_client.post("/run_backtest", json=values).status_code == 202
    run_all(engine)
    best = browser_client.get("/api/batches/small?metric=final_equity").json["leaderboard"][0]

    page = browser_client.get("/batches/small?metric=final_equity").get_data(as_text=True)

    assert f"{best['metrics']['final_equity']:.9f}" in page
