"""Pages, tables, files and pictures of results whose numbers need not exist; money in accounts of any size."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.engine import Engine

from adapters.charts.render import render_charts
from adapters.plan_tables import PLAN
from adapters.runs.queries import run_row, with_plan
from adapters.runs.series import run_bars
from adapters.tables import RUN, runs
from contracts.run_result import CHART_NAMES
from tests.services.jobs import run_all
from tests.services.portfolios import leader
from tests.services.studies import work_through
from tests.web.made_results import (
    BUY,
    NOTHING,
    RUINED,
    SELL,
    faults_of,
    load_prices,
    random_results,
    request_of,
    run_addresses,
    without_numbers,
)


@pytest.fixture
def engine(app: Flask) -> Engine:
    database_engine: Engine = app.extensions["platform"].engine
    return database_engine


@pytest.fixture
def lists() -> list[str]:
    return ["/runs", "/api/runs", "/batches", "/portfolios", "/studies", "/api/studies"]


def completed(client: FlaskClient, engine: Engine, **fields: Any) -> str:
    """A run of the prices that were loaded last."""
    answer = client.post("/run_backtest", json=request_of(**fields))
    assert answer.status_code in (200, 202), answer.text  # 200: the same run has completed
    run_all(engine)
    run_id: str = answer.json["run_id"]
    return run_id


def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pictures stand in for those that a separate process would draw for a report."""
    png = dict.fromkeys(CHART_NAMES, b"\x89PNG\r\n")
    monkeypatch.setattr("web.runs.page.pictures", lambda row: png)


def test_every_page_of_any_run_answers(
    browser_client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch)
    faults = []
    for closes, signals, fields in random_results(seed=47, count=8):
        load_prices(browser_client, closes, signals)
        run_id = completed(browser_client, engine, **fields)
        for fault in faults_of(
            browser_client, [*run_addresses(run_id), f"/result/{run_id}/report.html"]
        ):
            faults.append(f"{closes} {signals} {fields}: {fault}")

    assert not faults, "\n".join(faults)


def test_every_picture_of_any_run_is_drawn(
    browser_client: FlaskClient, engine: Engine, app: Flask
) -> None:
    for closes, signals, fields in random_results(seed=11, count=2):
        load_prices(browser_client, closes, signals)
        run_id = completed(browser_client, engine, **fields)
        with engine.connect() as connection:
            data = run_bars(run_row(connection, run_id), app.extensions["platform"].prices.bars)

        pictures = render_charts(data)

        assert pictures.keys() == {*CHART_NAMES}, (closes, signals, fields)


def test_every_page_of_a_result_without_numbers_answers(
    browser_client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, lists: list[str]
) -> None:
    drawn(monkeypatch)
    load_prices(browser_client, *RUINED[-1][:2])
    addresses = list(lists)
    for number in range(2):
        run_id = completed(browser_client, engine, batch_id="none", initial_capital=0.5 + number)
        addresses += [*run_addresses(run_id), f"/result/{run_id}/report.html"]
    portfolio_id = traded_together(browser_client, engine)
    addresses += portfolio_addresses(portfolio_id)
    with engine.begin() as connection:
        for row in connection.execute(select(runs)).mappings().all():
            nothing = dict.fromkeys(
                ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades")
            )
            change = {"metrics_json": without_numbers(row["metrics_json"]), **nothing}
            connection.execute(update(runs).filter_by(run_id=row["run_id"]).values(**change))
    both = "&".join(f"run={row}" for row in ids_of(engine, "none"))
    addresses += [f"/compare?{both}", f"/api/curves?{both}", *batch_addresses("none")]

    faults = faults_of(browser_client, addresses)

    assert not faults, "\n".join(faults)


def ids_of(engine: Engine, batch_id: str) -> list[str]:
    with engine.connect() as connection:
        return list(
            connection.scalars(with_plan(select(RUN.run_id)).where(PLAN.name == batch_id))
        )


def batch_addresses(batch_id: str) -> list[str]:
    parts = ("", "/runs", "/runs.csv", "/points")
    return [f"/batches/{batch_id}", *(f"/api/batches/{batch_id}{part}" for part in parts)]


def portfolio_addresses(portfolio_id: str) -> list[str]:
    page, api = f"/portfolios/{portfolio_id}", f"/api/portfolios/{portfolio_id}"
    tabs = [f"{page}?tab={tab}" for tab in ("legs", "stats", "trades")]
    return [*tabs, f"{page}/report.html", f"{page}/trades.csv", api, f"{api}/curves"]


def traded_together(client: FlaskClient, engine: Engine, **fields: Any) -> str:
    """The id of a portfolio of two legs of the prices that were loaded last."""
    values = request_of(**fields)
    leg = {name: values.pop(name) for name in ("ticker", "rule_type", "params")}
    other = leg | {"params": leg["params"] | {"buy": f"volume == {BUY} and close > 0"}}
    del values["charts"]
    answer = client.post("/api/portfolios", json={"legs": [leg, other], **values})
    assert answer.status_code == 202, answer.text
    run_all(engine)
    leader(engine).advance()
    run_all(engine)
    portfolio_id: str = answer.json["portfolio_id"]
    return portfolio_id


@pytest.mark.parametrize("mode", ["shared", "sleeves"])
def test_every_page_of_any_portfolio_answers(
    browser_client: FlaskClient, engine: Engine, mode: str
) -> None:
    faults = []
    for closes, signals, fields in random_results(seed=5, count=3):
        load_prices(browser_client, closes, signals)
        portfolio_id = traded_together(browser_client, engine, mode=mode, **fields)
        for fault in faults_of(browser_client, portfolio_addresses(portfolio_id)):
            faults.append(f"{closes} {signals} {fields}: {fault}")

    assert not faults, "\n".join(faults)


def test_every_page_of_any_batch_answers(
    browser_client: FlaskClient, engine: Engine, lists: list[str]
) -> None:
    faults = []
    for number, (closes, signals, fields) in enumerate(random_results(seed=3, count=2)):
        load_prices(browser_client, closes, signals)
        for days in (1, 2, 3):
            inputs = {"days": days}
            params = {
                "buy": f"volume == {BUY} and close > days",
                "sell": f"volume == {SELL}",
                "inputs": inputs,
            }
            completed(
                browser_client, engine, batch_id=f"grid{number}", **{**fields, "params": params}
            )
        both = "&".join(f"run={row}" for row in ids_of(engine, f"grid{number}"))
        addresses = [
            *lists,
            *batch_addresses(f"grid{number}"),
            f"/compare?{both}",
            f"/api/curves?{both}",
        ]
        for fault in faults_of(browser_client, addresses):
            faults.append(f"{closes} {signals} {fields}: {fault}")

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("kind", ["selection", "holdout", "walk_forward", "permutation"])
@pytest.mark.parametrize("direction", ["longonly", "shortonly"])
@pytest.mark.parametrize("shape", ["constant", "ruin", "rise"])
def test_every_page_of_a_study_of_ruin_answers(
    browser_client: FlaskClient, engine: Engine, kind: str, direction: str, shape: str
) -> None:
    closes = {
        "constant": [100.0] * 100,
        "ruin": [100.0] * 40 + [200.0] + [1e-6] * 20 + [100.0] * 39,
        "rise": [1.0 + bar for bar in range(100)],
    }[shape]
    signals = [(SELL, BUY, NOTHING)[bar % 3] for bar in range(100)]
    load_prices(browser_client, closes, signals)
    base = request_of(direction=direction, rule_type="MA_CROSS")
    for name in ("params", "charts"):
        del base[name]
    settings = (
        {"train_days": 35, "test_days": 32}
        if kind == "walk_forward"
        else {"permutations": 20}
        if kind == "permutation"
        else {}
    )
    grid = [{"fast": fast, "slow": slow} for fast in (2, 3) for slow in (5, 8)]

    answer = browser_client.post(
        "/api/studies", json={"kind": kind, "base": base, "combinations": grid, **settings}
    )
    assert answer.status_code == 202, answer.text
    study_id = answer.json["study_id"]
    work_through(engine, study_id)

    assert not faults_of(
        browser_client, [f"/studies/{study_id}", f"/api/studies/{study_id}", "/studies"]
    )
