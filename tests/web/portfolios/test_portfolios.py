"""Portfolios over HTTP: what is accepted, which runs the legs are, what comes of it, and what is refused."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.engine import Engine

from adapters.database import database_now, reading
from adapters.maintenance.retention import prune_runs
from adapters.plan_tables import plans
from adapters.plans.portfolio import PRUNED, batch_name, portfolio_of
from adapters.plans.store import plan_row
from adapters.tables import runs
from consumer.leader.lead import Plans
from contracts.errors import Conflict
from contracts.status import PlanKind
from tests.services.finished_runs import break_down
from tests.services.jobs import run_all
from tests.services.portfolios import ASKED, CROSS, LEGS, complete, leader, submit_portfolio
from web.portfolios import api
from web.portfolios.api import renew_legs
from web.portfolios.view import PortfolioView

Finish = Callable[..., dict[str, Any]]
FORMULA = {
    "rule_type": "FORMULA",
    "params": {"buy": "close > sma(close, 50)", "sell": "close < sma(close, 50)", "inputs": {}},
}


@pytest.fixture
def engine(app: Flask) -> Engine:
    database: Engine = app.extensions["platform"].engine
    return database


@pytest.fixture
def finish(client: FlaskClient, engine: Engine) -> Finish:
    """Submits a portfolio, does all its Jobs in this process, and says what came of it."""
    return lambda **more: complete(client, engine, **more)


def portfolio_json(client: FlaskClient, portfolio_id: str) -> Any:
    return client.get(f"/api/portfolios/{portfolio_id}").json


def test_its_legs_run_first_and_then_one_job_that_people_wait_for(
    app: Flask, client: FlaskClient, engine: Engine
) -> None:
    portfolio_id = submit_portfolio(client)
    queue = app.extensions["platform"].queue

    assert portfolio_json(client, portfolio_id)["status"] == "pending"
    assert queue.depths() == {"backtests": 0, "backtests-bulk": 3}
    leader(engine).advance()
    assert client.get(f"/status/{portfolio_id}").status_code == 404
    run_all(engine)
    sent = list[str]()
    Plans(engine, sent.extend).advance()

    assert sent == [portfolio_id]
    assert portfolio_json(client, portfolio_id)["status"] == "running"
    assert run_all(engine) == 1
    assert portfolio_json(client, portfolio_id)["status"] == "completed"
    assert client.get(f"/result/{portfolio_id}").location == f"/portfolios/{portfolio_id}"
    report = client.get(f"/result/{portfolio_id}/report.html")
    assert report.location == f"/portfolios/{portfolio_id}"


def test_what_came_of_it(finish: Finish, client: FlaskClient) -> None:
    portfolio = finish()

    profit = portfolio["equity_curve"][-1]["equity"] - 50_000
    assert portfolio["status"] == "completed"
    assert sum(leg["contribution"] for leg in portfolio["legs"]) == pytest.approx(
        profit, abs=0.01
    )
    assert sum(trade["pnl_abs"] for trade in portfolio["trades"]) == pytest.approx(
        profit, abs=0.01 * len(portfolio["trades"])
    )
    assert {trade["ticker"] for trade in portfolio["trades"]} == {"AAPL", "IBM", "MSFT"}
    assert portfolio["metrics"]["num_trades"] == len(portfolio["trades"])
    assert portfolio["metrics"]["total_return_pct"] == pytest.approx(profit / 500, abs=1e-4)
    assert len(portfolio["result_hash"]) == len(portfolio["data_hash"]) == 64
    weights = np.array(portfolio["weights"]["money"])
    assert weights.shape == (3, len(portfolio["weights"]["dates"]))
    matrix = np.array(portfolio["correlations"]["of"])
    assert (np.diag(matrix) == 1).all()
    assert (matrix == matrix.T).all()
    for leg, leg_request in zip(portfolio["legs"], LEGS, strict=True):
        run = client.get(f"/api/runs/{leg['run_id']}").json
        assert (run["request"]["ticker"], run["request"]["batch_id"]) == (
            leg_request["ticker"],
            portfolio["batch_id"],
        )


def test_runs_that_exist_are_linked_and_not_run_again(
    finish: Finish, client: FlaskClient, engine: Engine
) -> None:
    first = finish()

    portfolio_id = submit_portfolio(client, max_positions=1)

    assert [leg["run_id"] for leg in portfolio_json(client, portfolio_id)["legs"]] == [
        leg["run_id"] for leg in first["legs"]
    ]
    leader(engine).advance()
    assert run_all(engine) == 1
    assert portfolio_json(client, portfolio_id)["left_out"]["counts"]["no_place"] > 0


def test_a_run_whose_series_were_deleted_is_run_again(
    finish: Finish, client: FlaskClient, engine: Engine
) -> None:
    first = finish()
    with engine.begin() as connection:
        pruned = runs.c.run_id == first["legs"][1]["run_id"]
        connection.execute(
            update(runs).where(pruned).values(signals_json=None, equity_curve_json=None)
        )

    again = portfolio_json(client, submit_portfolio(client))

    same = [a["run_id"] == b["run_id"] for a, b in zip(first["legs"], again["legs"], strict=True)]
    assert same == [True, False, True]


def test_the_same_key_makes_no_second_one(client: FlaskClient) -> None:
    answers = [
        client.post("/api/portfolios", json=ASKED, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    other = client.post(
        "/api/portfolios", json=ASKED | {"max_positions": 2}, headers={"Idempotency-Key": "once"}
    )

    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json["portfolio_id"] == answers[1].json["portfolio_id"]
    assert other.status_code == 409


def test_the_same_request_comes_to_the_same_hash(finish: Finish) -> None:
    first, second = finish(label="a"), finish(label="b")

    assert first["portfolio_id"] != second["portfolio_id"]
    assert first["result_hash"] == second["result_hash"]
    assert (first["name"], second["name"]) == ("a", "b")


def test_sleeves_that_are_never_rebalanced_are_the_sum_of_their_runs(
    finish: Finish, client: FlaskClient
) -> None:
    portfolio = finish(
        mode="sleeves",
        legs=[leg | {"weight": weight} for leg, weight in zip(LEGS, (1, 2, 5), strict=True)],
    )

    runs = [client.get(f"/api/runs/{leg['run_id']}").json for leg in portfolio["legs"]]
    total = sum(np.array([point["equity"] for point in run["equity_curve"]]) for run in runs)
    assert [run["request"]["initial_capital"] for run in runs] == [6250, 12_500, 31_250]
    assert [point["equity"] for point in portfolio["equity_curve"]] == pytest.approx(
        total, abs=0.02
    )


def test_sleeves_weigh_by_volatility_from_the_first_bar_on(finish: Finish) -> None:
    portfolio = finish(mode="sleeves", volatility_bars=60)

    first = [money[0] for money in portfolio["weights"]["money"]]
    assert sum(first) == pytest.approx(50_000, abs=0.02)
    assert first[1] > first[0] * 1.2  # IBM is calmer than AAPL


def test_a_sweep_asks_for_a_leg_of_each_of_its_runs(client: FlaskClient) -> None:
    terms = {name: value for name, value in ASKED.items() if name != "legs"}
    sweep = {
        "name": "crosses",
        "base": {**terms, "tickers": ["AAPL", "IBM"], "rule_type": "MA_CROSS"},
        "parameters": {"fast": [10, 20], "slow": [50]},
        "portfolio": {"max_positions": 2},
    }

    accepted = client.post("/api/portfolios", json=sweep)
    refused = client.post(
        "/api/portfolios", json=sweep | {"portfolio": {"max_positions": 0, "what": 1}}
    )
    faulty = client.post("/api/portfolios", json=sweep | {"parameters": {"fast": [10, 0]}})

    portfolio = portfolio_json(client, accepted.json["portfolio_id"])
    assert (portfolio["name"], accepted.json["legs"]) == ("crosses", 4)
    assert [leg["params"]["fast"] for leg in portfolio["legs"]] == [10, 20, 10, 20]
    assert refused.json["errors"].keys() == {"portfolio.max_positions", "base.what"}
    assert set(faulty.json["errors"]) == {"parameters.fast"}


def test_the_runs_of_a_batch_are_legs(client: FlaskClient, engine: Engine) -> None:
    base = {name: value for name, value in ASKED.items() if name != "legs"}
    sweep = {
        "name": "both",
        "base": {**base, "tickers": ["AAPL", "IBM"], "rule_type": "RSI"},
        "parameters": {"period": [7]},
    }
    batch_id = client.post("/api/batches", json=sweep).json["batch_id"]
    early = client.post("/api/portfolios", json={"batch_id": batch_id})
    run_all(engine)

    linked = {
        leg["run_id"]
        for leg in portfolio_json(client, _accepted(client, {"batch_id": batch_id}))["legs"]
    }
    resized = portfolio_json(
        client, _accepted(client, {"batch_id": batch_id, "position_size": 10, "max_positions": 1})
    )

    assert "0 of its runs have completed" in early.json["errors"]["batch_id"]
    assert linked == {
        run["run_id"] for run in client.get(f"/api/batches/{batch_id}/runs").json["runs"]
    }
    assert resized["request"]["position_size"] == 10
    assert linked.isdisjoint(leg["run_id"] for leg in resized["legs"])
    assert client.post("/api/portfolios", json={"batch_id": "none"}).status_code == 404


def test_runs_that_differ_in_a_term_are_no_legs_although_the_first_has_none(
    client: FlaskClient, engine: Engine
) -> None:
    base = {name: value for name, value in ASKED.items() if name != "legs"} | LEGS[0]
    for more in ({}, {"stop_loss_pct": 5}):
        client.post("/run_backtest", json={**base, **more, "batch_id": "mixed"})
    run_all(engine)

    refused = client.post("/api/portfolios", json={"batch_id": "mixed"})

    assert (refused.status_code, refused.json["errors"]) == (
        400,
        {"batch_id": "its runs differ in stop_loss_pct, which legs share"},
    )


def _accepted(client: FlaskClient, body: dict[str, Any]) -> str:
    answer = client.post("/api/portfolios", json=body)
    assert answer.status_code == 202, answer.json
    portfolio_id: str = answer.json["portfolio_id"]
    return portfolio_id


def leg(**more: Any) -> dict[str, Any]:
    return {"ticker": "AAPL", **CROSS} | more


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"legs": []}, {"legs"}),
        ({"legs": [1, leg()]}, {"legs[0]"}),
        (
            {"legs": [leg(), leg(ticker="IBM", params={"fast": 0, "slow": 999})]},
            {"legs[1].params.fast", "legs[1].params.slow"},
        ),
        (
            {"legs": [leg(), leg(ticker="NONE"), leg(ticker="IBM", rule_type="NONE")]},
            {"legs[1].ticker", "legs[2].rule_type"},
        ),
        ({"legs": [leg(), leg()]}, {"legs[1].ticker"}),
        ({"legs": [leg(weight=1)]}, {"legs[0].weight"}),
        ({"legs": [leg(weight=-1)], "mode": "sleeves"}, {"legs[0].weight"}),
        ({"legs": [leg(weight=1), leg(ticker="IBM")], "mode": "sleeves"}, {"legs[1].weight"}),
        ({"legs": [leg(size=1)]}, {"legs[0].size"}),
        (
            {"fee_rate": 2, "max_positions": 0, "initial_capital": -1},
            {"fee_rate", "max_positions", "initial_capital"},
        ),
        ({"charts": True, "what": 1}, {"charts", "what"}),
        ({"end_date": "2003-01-01"}, {"end_date"}),
        *(
            ({"mode": "sleeves", "initial_capital": odd}, {"initial_capital"})
            for odd in ("x", True, [], None, 10**400)
        ),
        (
            {"mode": "sleeves", "max_positions": 3, "priority": "close"},
            {"max_positions", "priority"},
        ),
        ({"rebalance": "monthly", "volatility_bars": 20}, {"rebalance", "volatility_bars"}),
        ({"rebalance": "daily"}, {"rebalance"}),
        ({"priority": "roc(close"}, {"priority"}),
        ({"priority": "close > 5"}, {"priority"}),
        ({"priority": "5"}, {"priority"}),
        ({"size_type": "percent", "position_size": 101}, {"position_size"}),
        (
            {
                "start_date": "2012-06-01",
                "end_date": "2013-02-01",
                "legs": [leg(), leg(ticker="FB")] * 251,
            },
            {"legs"},
        ),
    ],
)
def test_faults_are_named_by_their_place_all_at_once(
    client: FlaskClient, changes: dict[str, Any], fields: set[str]
) -> None:
    answer = client.post("/api/portfolios", json=ASKED | changes)

    assert answer.status_code == 400
    assert answer.json["errors"].keys() == fields


def test_legs_that_never_have_prices_together_are_refused_with_their_ranges(
    client: FlaskClient,
) -> None:
    csv = "Date,Open,High,Low,Close,Volume\n" + "".join(
        f"1999-01-{day:02},1,2,1,2,9\n" for day in range(1, 30)
    )
    client.put("/api/prices/OLD/1d", data=csv, content_type="text/csv")

    answer = client.post(
        "/api/portfolios",
        json=ASKED | {"legs": [leg(), leg(ticker="OLD")], "start_date": "1998-01-01"},
    )
    base = {
        "tickers": ["AAPL", "OLD"],
        "rule_type": "MA_CROSS",
        "start_date": "1998-01-01",
        "end_date": "2006-12-31",
    }
    of_sweep = client.post("/api/portfolios", json={"base": base, "portfolio": {}})

    assert of_sweep.json["errors"].keys() == {"base.tickers"}
    assert answer.json["errors"] == {
        "legs": "there is no day on which all have prices: AAPL 2000-03-01 to 2006-12-31; OLD 1999-01-01 to 1999-01-29"
    }


def test_a_leg_that_fails_fails_it_with_its_reason_and_may_be_retried(
    client: FlaskClient, engine: Engine
) -> None:
    portfolio_id = submit_portfolio(client)
    legs = portfolio_json(client, portfolio_id)["legs"]
    client.post(f"/api/runs/{legs[1]['run_id']}/cancel")
    run_all(engine)

    leader(engine).advance()

    failed = portfolio_json(client, portfolio_id)
    assert (failed["status"], failed["error_type"]) == ("failed", "cancelled")
    assert failed["error_message"] == "legs[1] IBM MA_CROSS_10_30_sma: cancelled on request"
    assert [leg["status"] for leg in failed["legs"]] == ["completed", "failed", "completed"]
    assert client.post(f"/api/portfolios/{portfolio_id}/retry").status_code == 202
    waiting = client.get(f"/status/{legs[1]['run_id']}").json
    assert (waiting["status"], waiting["attempt"]) == ("pending", 2)
    assert portfolio_json(client, portfolio_id)["status"] in ("pending", "running")


def test_of_legs_that_failed_the_first_one_says_why(client: FlaskClient, engine: Engine) -> None:
    portfolio_id = submit_portfolio(client)
    # in an order in which no index of the database has them
    legs = sorted(
        (leg["run_id"] for leg in portfolio_json(client, portfolio_id)["legs"]), reverse=True
    )
    with engine.begin() as connection:
        connection.execute(update(plans).values(step=json.dumps(legs)))
    break_down(engine, legs[0], "no prices")
    for run_id in legs[1:]:
        client.post(f"/api/runs/{run_id}/cancel")

    leader(engine).advance()

    failed = portfolio_json(client, portfolio_id)
    assert failed["error_message"].endswith("no prices")
    assert failed["error_type"] == "no_prices"


def test_a_linked_run_that_failed_is_run_anew_by_a_retry(
    client: FlaskClient, engine: Engine
) -> None:
    terms = {name: value for name, value in ASKED.items() if name != "legs"}
    other = client.post("/run_backtest", json={**terms, **LEGS[1]}).json["run_id"]
    portfolio_id = submit_portfolio(client, label="mine", tags=["trend"])
    assert portfolio_json(client, portfolio_id)["legs"][1]["run_id"] == other
    client.post(f"/api/runs/{other}/cancel")
    run_all(engine)
    leader(engine).advance()

    assert client.post(f"/api/portfolios/{portfolio_id}/retry").status_code == 202
    run_all(engine)
    leader(engine).advance()
    run_all(engine)

    portfolio = portfolio_json(client, portfolio_id)
    assert portfolio["status"] == "completed"
    assert portfolio["legs"][1]["run_id"] != other
    assert client.get(f"/status/{other}").json["status"] == "failed"
    of_job = client.get(f"/api/runs/{portfolio_id}").json["request"]
    assert (of_job["label"], of_job["tags"]) == ("mine", ["trend"])


def test_of_two_retries_at_once_one_is_made(
    app: Flask, client: FlaskClient, engine: Engine
) -> None:
    terms = {name: value for name, value in ASKED.items() if name != "legs"}
    other = client.post("/run_backtest", json={**terms, **LEGS[1]}).json["run_id"]
    portfolio_id = submit_portfolio(client)
    client.post(f"/api/runs/{other}/cancel")
    run_all(engine)
    leader(engine).advance()
    with reading(engine) as connection:
        read_by_both = portfolio_of(plan_row(connection, PlanKind.PORTFOLIO, portfolio_id))

    assert client.post(f"/api/portfolios/{portfolio_id}/retry").status_code == 202
    legs = [leg["run_id"] for leg in portfolio_json(client, portfolio_id)["legs"]]
    with app.test_request_context(), pytest.raises(Conflict, match="was retried a moment ago"):
        renew_legs(read_by_both, [1])

    of_batch = client.get(f"/api/batches/{batch_name(portfolio_id)}/runs").json["runs"]
    assert {run["run_id"] for run in of_batch} == {*legs}
    assert [leg["run_id"] for leg in portfolio_json(client, portfolio_id)["legs"]] == legs


def test_a_key_knows_its_portfolio_whatever_it_is_called(client: FlaskClient) -> None:
    key = {"Idempotency-Key": "k"}
    bodies = (
        ASKED,
        ASKED | {"label": "other", "max_gross_pct": 100, "fee_rate": 0.001},
        ASKED | {"fee_rate": 0.002},
    )

    answers = [
        client.post("/api/portfolios", json=body, headers=key).status_code for body in bodies
    ]

    assert answers == [202, 200, 409]


def test_one_that_moves_on_while_it_is_looked_at_is_cancelled_all_the_same(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    portfolio_id = submit_portfolio(client)
    run_all(engine)

    class MovedOn(PortfolioView):
        """Its Job is started once it was read."""

        def __init__(self, portfolio_id: str) -> None:
            super().__init__(portfolio_id)
            leader(engine).advance()

    monkeypatch.setattr(api, "PortfolioView", MovedOn)
    answer = client.post(f"/api/portfolios/{portfolio_id}/cancel")

    assert (answer.status_code, answer.json["status"]) == (200, "failed")
    assert run_all(engine) == 0


def test_one_that_is_cancelled_ends_its_own_legs_alone(
    finish: Finish, client: FlaskClient, engine: Engine
) -> None:
    other = client.post(
        "/run_backtest", json={**{n: v for n, v in ASKED.items() if n != "legs"}, **LEGS[0]}
    ).json["run_id"]
    portfolio_id = submit_portfolio(client)

    assert client.post(f"/api/portfolios/{portfolio_id}/cancel").status_code == 200

    portfolio = portfolio_json(client, portfolio_id)
    assert (portfolio["status"], portfolio["error_type"]) == ("failed", "cancelled")
    assert [leg["status"] for leg in portfolio["legs"]] == ["pending", "failed", "failed"]
    assert portfolio["legs"][0]["run_id"] == other
    assert client.post(f"/api/portfolios/{portfolio_id}/cancel").status_code == 409
    leader(engine).advance()
    assert portfolio_json(client, portfolio_id)["status"] == "failed"


def test_pages_show_it_in_every_state(client: FlaskClient, engine: Engine) -> None:
    portfolio_id = submit_portfolio(
        client, label="three crosses", benchmark="GOOG", max_positions=1
    )
    page = f"/portfolios/{portfolio_id}"

    assert "0 of 3 legs finished" in client.get(page).text
    run_all(engine)
    leader(engine).advance()
    assert "combining them" in client.get(page).text
    run_all(engine)

    legs, stats, trades = (
        client.get(f"{page}?tab={tab}").text for tab in ("legs", "stats", "trades")
    )
    report = client.get(f"{page}/report.html")
    assert "three crosses" in client.get("/portfolios").text
    assert "Correlation of returns" in legs
    assert "Monthly returns" in stats
    assert "Skipped orders" in trades
    assert "the maximum number of positions was open" in trades
    assert report.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script" not in report.text
    assert "Contribution of each leg" in report.text
    lines = client.get(f"{page}/trades.csv").text.splitlines()
    assert len(lines) == 1 + len(portfolio_json(client, portfolio_id)["trades"])
    curves = client.get(f"/api/portfolios/{portfolio_id}/curves?max=100").json
    assert len(curves["time"]) == len(curves["equity"]) == len(curves["positions"]) <= 100
    assert curves["benchmark"]["name"] == "GOOG"
    assert client.get(f"{page}?tab=none").status_code == 404


def test_one_whose_series_were_deleted_keeps_its_metrics(
    finish: Finish, client: FlaskClient, engine: Engine
) -> None:
    portfolio_id = finish()["portfolio_id"]
    settings = client.application.extensions["platform"].settings
    with engine.begin() as connection:
        connection.execute(update(runs).values(completed_at=database_now(-11 * 86_400)))

    list(prune_runs(engine, replace(settings, keep_series_days=10)))

    portfolio, page = (
        portfolio_json(client, portfolio_id),
        client.get(f"/portfolios/{portfolio_id}").text,
    )
    with reading(engine) as connection:
        assert connection.execute(select(plans.c.result)).scalar_one() is None
    assert portfolio["metrics"]["num_trades"] > 0
    assert "equity_curve" not in portfolio
    assert portfolio["notes"] == [PRUNED]
    assert "than buying the same assets equally" in page
    assert PRUNED in page
    assert client.get(f"/portfolios/{portfolio_id}/report.html").status_code == 409


def test_one_that_ended_without_a_job_is_deleted_in_time(
    client: FlaskClient, engine: Engine
) -> None:
    portfolio_id = submit_portfolio(client)
    client.post(f"/api/portfolios/{portfolio_id}/cancel")
    settings = replace(client.application.extensions["platform"].settings, keep_runs_days=10)
    list(prune_runs(engine, settings))
    assert portfolio_json(client, portfolio_id)["status"] == "failed"
    with engine.begin() as connection:
        for table in (plans, runs):
            connection.execute(update(table).values(completed_at=database_now(-11 * 86_400)))

    list(prune_runs(engine, settings))

    assert client.get(f"/api/portfolios/{portfolio_id}").status_code == 404


def test_one_that_has_not_completed_has_no_curves(client: FlaskClient) -> None:
    portfolio_id = submit_portfolio(client)

    assert client.get(f"/api/portfolios/{portfolio_id}/curves").status_code == 409
    assert client.get(f"/portfolios/{portfolio_id}/report.html").status_code == 409
    assert client.get("/api/portfolios/00000000-0000-4000-8000-000000000000").status_code == 404


def test_lists_are_paged(client: FlaskClient) -> None:
    ids = [submit_portfolio(client, max_positions=count) for count in (1, 2, 3)]

    first = client.get("/api/portfolios?limit=2").json
    rest = client.get(f"/api/portfolios?limit=2&after={first['next_after']}").json

    assert [each["portfolio_id"] for each in first["portfolios"] + rest["portfolios"]] == ids[
        ::-1
    ]
    assert rest["next_after"] is None


def test_its_legs_keep_what_their_rule_saw(finish: Finish, client: FlaskClient) -> None:
    portfolio = finish(legs=[{"ticker": ticker, **FORMULA} for ticker in ("AAPL", "IBM")])

    lines = client.get(f"/api/runs/{portfolio['legs'][0]['run_id']}/lines").json

    assert lines["lines"]


def test_pages_of_trades_lead_to_each_other_whatever_else_the_address_has(
    finish: Finish, client: FlaskClient
) -> None:
    often = {"rule_type": "MA_CROSS", "params": {"fast": 2, "slow": 3}}
    portfolio = finish(legs=[{"ticker": "AAPL", **often}], position_size=100)
    trades = f"/portfolios/{portfolio['portfolio_id']}?tab=trades"

    page = client.get(f"{trades}&side=BUY&sort=pnl_abs&ticker=&portfolio_id=x&_scheme=ftp")

    assert len(portfolio["trades"]) > 50
    assert page.status_code == 200, page.text
    following = f"/portfolios/{portfolio['portfolio_id']}?side=BUY&amp;sort=pnl_abs&amp;tab=trades&amp;page=2"
    assert re.search(rf'rel="next"\s+href="{re.escape(following)}"', page.text)


def test_a_benchmark_that_ends_within_a_portfolio_is_shown_to_its_end(
    finish: Finish, client: FlaskClient
) -> None:
    legs = [{"ticker": ticker, **CROSS} for ticker in ("XOM", "KO")]
    dates = {"start_date": "2017-06-01", "end_date": "2020-06-30"}

    portfolio = finish(legs=legs, benchmark="^GSPC", **dates)
    portfolio_id = portfolio["portfolio_id"]
    curves = client.get(f"/api/portfolios/{portfolio_id}/curves?max=20000").json

    expected = "from 2017-06-01 to 2018-12-31: alpha, beta and all that compares with it"
    assert [expected in note for note in portfolio["notes"]].count(True) == 1
    for page in (f"/portfolios/{portfolio_id}", f"/portfolios/{portfolio_id}/report.html"):
        assert expected in client.get(page).text
    days = [point["date"] for point in portfolio["equity_curve"]]
    assert [value is not None for value in curves["benchmark"]["equity"]] == [
        day <= "2018-12-31" for day in days
    ]
    returns = [
        np.array([value for value, day in zip(values, days, strict=True) if day <= "2018-12-31"])
        for values in (curves["equity"], curves["benchmark"]["equity"])
    ]
    moved = np.corrcoef([each[1:] / each[:-1] - 1 for each in returns])
    assert portfolio["metrics"]["correlation"] == pytest.approx(moved[0, 1], abs=1e-4)
