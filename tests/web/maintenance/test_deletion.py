"""Runs, plans and price series that people delete: what goes, what is refused, and what stays counted."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.declarations import tables_of
from adapters.maintenance import deletion
from adapters.plan_tables import ledger, ledger_trials
from adapters.price_tables import price_parts
from tests.services.finished_runs import succeed
from tests.services.jobs import run_all
from tests.services.portfolios import complete as complete_portfolio
from tests.services.portfolios import submit_portfolio
from tests.services.studies import complete as complete_study
from tests.services.studies import submit_study
from tests.services.web_app import run_values, sweep_values
from tests.web.conftest import ON_BOTH_DATABASES, TokenMaker

pytestmark = ON_BOTH_DATABASES

GRID = {"base": run_values(params={}), "parameters": {"period": [7, 14]}}
PRICES = "Date,Open,High,Low,Close,Volume\n"


@pytest.fixture
def engine(app: Flask) -> Engine:
    database: Engine = app.extensions["platform"].engine
    return database


def rows_in(engine: Engine, *tables: Any) -> dict[str, int]:
    """The number of rows in each table that has any."""
    with reading(engine) as connection:
        counts = {
            each.name: connection.scalar(select(func.count()).select_from(each))
            for each in tables
        }
    return {name: count for name, count in counts.items() if count}


def stored(engine: Engine) -> dict[str, int]:
    return rows_in(engine, *tables_of("run"), *tables_of("plan"))


def run(client: FlaskClient, engine: Engine, **changes: object) -> str:
    run_id: str = client.post("/run_backtest", json=run_values(**changes)).json["run_id"]
    run_all(engine)
    return run_id


def delete(client: FlaskClient, path: str, query: str = "") -> Any:
    return client.delete(f"/api/{path}{query}")


def batch(client: FlaskClient, engine: Engine) -> str:
    client.post("/api/runs/bulk?batch_id=b", json=sweep_values(3, tags=["x"]))
    run_all(engine)
    return "batches/b"


def screen(client: FlaskClient, engine: Engine) -> str:
    two = {**run_values(params={}), "ticker": None, "tickers": ["AAPL", "IBM"]}
    screen_id = client.post("/api/screens", json=GRID | {"base": two}).json["screen_id"]
    run_all(engine)
    return f"screens/{screen_id}"


def study(client: FlaskClient, engine: Engine) -> str:
    return f"studies/{complete_study(client, engine)['study_id']}"


def portfolio(client: FlaskClient, engine: Engine) -> str:
    return f"portfolios/{complete_portfolio(client, engine)['portfolio_id']}"


def robust_run(client: FlaskClient, engine: Engine) -> str:
    run_id = run(client, engine, tags=["y"])
    client.post(f"/api/runs/{run_id}/robustness")
    run_all(engine)
    return f"runs/{run_id}"


@pytest.mark.parametrize("make", [robust_run, batch, screen, study, portfolio])
def test_all_rows_of_it_go_and_the_ledger_keeps_counting_it(
    app: Flask, client: FlaskClient, engine: Engine, make: Any
) -> None:
    kept = run(client, engine, fee_rate=0.005)
    before = stored(engine)
    path = make(client, engine)
    whole, counted = stored(engine), rows_in(engine, ledger, ledger_trials)
    tried = client.get("/api/ledger").json

    would_go = delete(client, path, "?dry_run=true")
    assert (would_go.status_code, would_go.json["refusals"]) == (200, [])
    assert stored(engine) == whole
    gone = delete(client, path)

    assert gone.json == would_go.json
    assert gone.json["deleted"]["runs"] == whole["backtest_results"] - 1
    assert stored(engine) == before
    assert client.get(f"/status/{kept}").json["status"] == "completed"
    assert delete(client, path).status_code == 404
    assert tried["series"]
    assert client.get("/api/ledger").json == tried
    assert rows_in(engine, ledger, ledger_trials) == counted


@pytest.mark.parametrize("reason", ["pending", "pinned", "reproduced", "a member", "robustness"])
def test_a_run_that_is_needed_is_refused_with_the_name_of_what_needs_it(
    client: FlaskClient, engine: Engine, reason: str
) -> None:
    if reason == "pending":
        run_id = client.post("/run_backtest", json=run_values()).json["run_id"]
        named = "cancel it first"
    elif reason == "a member":
        run_id = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(1)).json["run_ids"][0]
        run_all(engine)
        named = "belongs to batch b"
    else:
        run_id = run(client, engine)
        named = "unpin it first"
    if reason == "pinned":
        client.post(f"/api/runs/{run_id}/pin")
    elif reason == "reproduced":
        named = f"run {client.post(f'/api/runs/{run_id}/reproduce').json['run_id']} reproduces"
        run_all(engine)
    elif reason == "robustness":
        client.post(f"/api/runs/{run_id}/robustness")
        named = "cancel it first"
    whole_rows = stored(engine)

    would_go = delete(client, f"runs/{run_id}", "?dry_run=true").json
    refused = delete(client, f"runs/{run_id}")

    assert refused.status_code == 409
    assert named in refused.json["error"]
    assert any(named in each for each in would_go["refusals"])
    assert stored(engine) == whole_rows


def test_a_run_with_its_reproduction_goes_in_one_call_and_each_has_an_audit_entry(
    client: FlaskClient, engine: Engine
) -> None:
    first = run(client, engine)
    second = client.post(f"/api/runs/{first}/reproduce").json["run_id"]
    run_all(engine)
    chosen = {"run_ids": [first, second]}

    client.post("/api/runs/delete?dry_run=true", json=chosen)
    gone = client.post("/api/runs/delete", json=chosen)

    assert gone.json["deleted"]["runs"] == 2
    assert stored(engine) == {}
    entries = client.get("/api/audit?action=run_api.delete_many").json["audit"]
    assert [(each["subject"], each["run_id"]) for each in entries] == [
        *(("/api/runs/delete", each) for each in (second, first)),
        *(("/api/runs/delete?dry_run=true", each) for each in (second, first)),
    ]


@pytest.mark.parametrize("kind", ["batches", "studies", "portfolios", "screens"])
def test_a_plan_that_has_not_ended_is_refused(
    client: FlaskClient, engine: Engine, kind: str
) -> None:
    if kind == "batches":
        client.post("/api/runs/bulk?batch_id=b", json=sweep_values(2))
        plan_id = "b"
    elif kind == "studies":
        plan_id = submit_study(client)
    elif kind == "portfolios":
        plan_id = submit_portfolio(client)
    else:
        plan_id = client.post("/api/screens", json=GRID).json["screen_id"]
    whole = stored(engine)

    refused = delete(client, f"{kind}/{plan_id}")

    assert refused.status_code == 409
    assert f"{plan_id} has not ended; cancel it first" in refused.json["error"]
    assert stored(engine) == whole
    client.post(f"/api/{kind}/{plan_id}/cancel")
    assert delete(client, f"{kind}/{plan_id}").status_code == 200
    assert stored(engine) == {}


def test_a_screen_goes_after_the_batch_of_its_best(client: FlaskClient, engine: Engine) -> None:
    path = screen(client, engine)
    made = client.post(f"/api/{path}/batch?best=2").json["batch_id"]
    run_all(engine)

    refused = delete(client, path)

    assert refused.status_code == 409
    assert f"batch {made} " in refused.json["error"]
    assert [delete(client, each).status_code for each in (f"batches/{made}", path)] == [200, 200]
    assert stored(engine) == {}


def test_a_portfolio_goes_after_another_one_that_trades_its_runs(
    client: FlaskClient, engine: Engine
) -> None:
    path = portfolio(client, engine)
    other = complete_portfolio(client, engine, max_positions=1)["portfolio_id"]

    refused = delete(client, path)

    assert refused.status_code == 409
    assert f"portfolio {other} trades run" in refused.json["error"]
    assert [delete(client, each).status_code for each in (f"portfolios/{other}", path)] == [
        200,
        200,
    ]
    assert stored(engine) == {}


def test_the_jobs_of_a_study_go_with_the_study_alone(client: FlaskClient, engine: Engine) -> None:
    study_id = complete_study(client, engine)["study_id"]

    refused = delete(client, f"batches/study-{study_id}")

    assert refused.status_code == 409
    assert f"study {study_id}" in refused.json["error"]


def test_a_batch_that_is_added_to_meanwhile_stays(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(3)).json["run_ids"]
    for run_id in ids:
        succeed(engine, run_id, {"sharpe_ratio": 1.0})
    monkeypatch.setattr(deletion, "DELETED", 2)
    checked = deletion._needed_plan

    def added_to(*arguments: Any) -> Any:
        yield from checked(*arguments)
        client.post("/api/runs/bulk?batch_id=b", json=sweep_values(4))

    monkeypatch.setattr(deletion, "_needed_plan", added_to)
    refused = delete(client, "batches/b")
    monkeypatch.setattr(deletion, "_needed_plan", checked)

    assert refused.status_code == 409
    assert "was added meanwhile" in refused.json["error"]
    assert client.get("/api/batches/b").json["runs"] == 2
    client.post("/api/batches/b/cancel")
    assert delete(client, "batches/b").json["deleted"]["runs"] == 2
    assert stored(engine) == {}


def test_only_its_submitter_and_admins_delete_it(anybody: FlaskClient, made: TokenMaker) -> None:
    mine, theirs, admin = made("submit", "mine"), made("submit", "theirs"), made("admin")
    ids = [
        anybody.post("/run_backtest", json=run_values(fee_rate=fee), headers=theirs).json[
            "run_id"
        ]
        for fee in (0.001, 0.002)
    ]
    anybody.post("/api/runs/bulk?batch_id=b", json=sweep_values(1), headers=theirs)
    anybody.post("/api/runs/cancel", json={"run_ids": ids}, headers=theirs)
    anybody.post("/api/batches/b/cancel", headers=theirs)
    chosen = {"run_ids": ids[1:]}

    codes = [
        (
            anybody.delete(f"/api/runs/{ids[0]}", headers=who).status_code,
            anybody.post("/api/runs/delete", json=chosen, headers=who).status_code,
            anybody.delete("/api/batches/b", headers=who).status_code,
            anybody.delete("/api/prices/AAPL/1h", headers=who).status_code,
        )
        for who in (mine, admin)
    ]

    assert codes == [(403, 403, 403, 403), (200, 200, 200, 404)]


def test_a_series_goes_with_all_versions_once_nothing_reads_it(
    client: FlaskClient, engine: Engine
) -> None:
    for last in (20, 28):
        rows = "".join(f"2013-01-{day:02},9,9.5,9,9,1\n" for day in range(1, last))
        client.put("/api/prices/NEW/1d", data=PRICES + rows, content_type="text/csv")
    parts = rows_in(engine, price_parts)
    new = run_values(ticker="NEW", start_date="2013-01-01", end_date="2013-01-20")
    compared = run_values(
        benchmark="NEW", start_date="2013-01-01", end_date="2013-01-20", fee_rate=0.002
    )
    run_ids = [client.post("/run_backtest", json=each).json["run_id"] for each in (new, compared)]
    client.post("/api/runs/bulk?batch_id=b", json=[new])
    run_all(engine)

    refused = delete(client, "prices/NEW/1d")
    would_go = delete(client, "prices/new/1d", "?dry_run=true").json

    assert refused.status_code == 409
    for name in (*run_ids, "batch b"):
        assert name in refused.json["error"]
    assert would_go["deleted"] == {"versions": 2, "bars": 19 + 27}
    assert len(client.get("/api/prices/NEW/1d").json["versions"]) == 2
    delete(client, "batches/b")
    client.post("/api/runs/delete", json={"run_ids": run_ids})
    assert delete(client, "prices/NEW/1d").json["deleted"] == would_go["deleted"]
    assert client.get("/api/prices/NEW/1d").status_code == 404
    assert delete(client, "prices/NEW/1d").status_code == 404
    assert rows_in(engine, price_parts)["price_parts"] == parts["price_parts"] - 2


def test_reserved_prices_and_what_opened_their_vault_are_kept(
    client: FlaskClient, engine: Engine
) -> None:
    client.put("/api/vaults/AAPL", json={"from_date": "2011-01-01"})
    run_id = run(client, engine)
    study_id = client.post(f"/api/runs/{run_id}/vault").json["study_id"]
    run_all(engine)
    client.post(f"/api/studies/{study_id}/cancel")

    answers = [
        delete(client, path)
        for path in ("prices/AAPL/1d", f"runs/{run_id}", f"studies/{study_id}")
    ]

    assert [each.status_code for each in answers] == [409] * 3
    assert "reserved; release them first" in answers[0].json["error"]
    assert all("vault of AAPL" in each.json["error"] for each in answers[1:])
