"""Rotation over HTTP: submission, faults, ranks with their reasons, page and report, and a sweep of portfolios."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from sqlalchemy.event import listen

from contracts.values import without
from tests.services.jobs import run_all
from web.portfolios.pages import WHYS

TICKERS = ("AAPL", "IBM", "MSFT", "GOOG")
DATES = {"start_date": "2004-01-01", "end_date": "2006-12-31"}
RANKING: dict[str, Any] = {
    "mode": "ranked",
    "score": "roc(close, n)",
    "keep": "close > sma(close, 50)",
    "inputs": {"n": 60},
    "top": 2,
    "buffer": 1,
    "rebalance": "monthly",
}
PORTFOLIO = {**RANKING, **DATES, "legs": [{"ticker": ticker} for ticker in TICKERS]}
SWEEP: dict[str, Any] = {
    "name": "momentum",
    "base": {"tickers": list(TICKERS), "fractional_shares": True, **DATES},
    "portfolio": RANKING,
}
Finish = Callable[..., dict[str, Any]]


@pytest.fixture
def engine(app: Flask) -> Engine:
    of_app: Engine = app.extensions["platform"].engine
    return of_app


@pytest.fixture
def finish(client: FlaskClient, engine: Engine) -> Finish:
    """Submit a portfolio, do its Job in this process, and return its JSON."""

    def run(**more: Any) -> dict[str, Any]:
        answer = client.post("/api/portfolios", json=PORTFOLIO | more)
        assert answer.status_code == 202, answer.json
        assert run_all(engine) == 1
        portfolio: dict[str, Any] = client.get(answer.json["status_url"]).json
        assert portfolio["status"] == "completed", portfolio["error_message"]
        return portfolio

    return run


def ranks(client: FlaskClient, portfolio_id: str, **query: str) -> dict[str, Any]:
    portfolio: dict[str, Any] = client.get(
        f"/api/portfolios/{portfolio_id}/ranks", query_string=query
    ).json
    return portfolio


def faults(client: FlaskClient, **changes: Any) -> dict[str, str]:
    answer = client.post("/api/portfolios", json=PORTFOLIO | changes)
    assert answer.status_code == 400, answer.json
    errors: dict[str, str] = answer.json["errors"]
    return errors


def test_assets_are_ranked_in_one_job_without_runs_of_legs(finish: Finish) -> None:
    portfolio = finish()

    assert {leg["run_id"] for leg in portfolio["legs"]} == {None}
    assert {leg["status"] for leg in portfolio["legs"]} == {"completed"}
    assert {trade["ticker"] for trade in portfolio["trades"]} <= {*TICKERS}
    assert portfolio["metrics"]["total_return_pct"] != 0
    assert {trade["exit_reason"] for trade in portfolio["trades"] if not trade["is_open"]} == {
        "ranking"
    }


def test_ranks_tell_who_entered_and_who_left_and_why(finish: Finish, client: FlaskClient) -> None:
    portfolio = finish()

    every = ranks(client, portfolio["portfolio_id"])
    middle = ranks(client, portfolio["portfolio_id"], at="2005-06-15")["last"]

    assert len(every["rebalancings"]) == 36
    assert {each["why"] for row in every["rebalancings"] for each in row["left"]} == {
        "rank",
        "keep",
    }
    assert middle["date"] == "2005-06-01"
    scores = [row["score"] for row in middle["ranks"] if row["rank"]]
    assert scores == sorted(scores, reverse=True)
    assert [row["rank"] for row in middle["ranks"] if row["rank"]] == [*range(1, len(scores) + 1)]
    positions: set[str] = set()
    for row in every["rebalancings"]:
        positions -= {each["ticker"] for each in row["left"]}
        assert not positions & {*row["entered"]}
        positions |= {*row["entered"]}
        at = ranks(client, portfolio["portfolio_id"], at=row["date"])["last"]
        assert {each["ticker"] for each in at["ranks"] if each["weight"]} == positions, row[
            "date"
        ]
    assert ranks(client, portfolio["portfolio_id"], at="1999-01-01")["last"] is None


def test_the_page_and_the_report_show_the_ranks(finish: Finish, client: FlaskClient) -> None:
    portfolio = finish(label="three months' momentum")
    address = f"/portfolios/{portfolio['portfolio_id']}"

    tab = client.get(f"{address}?tab=ranks&at=2005-06-15").text
    report = client.get(f"{address}/report.html").text

    rows = ranks(client, portfolio["portfolio_id"], at="2005-06-15")["last"]["ranks"]
    table = tab.partition('id="ranks"')[2].partition("</table>")[0]
    assert re.findall(r'">([A-Z]+)</a></th>', table) == [each["ticker"] for each in rows]
    assert "2005-06-01" in tab
    assert "Left, and why" in report
    for each in ranks(client, portfolio["portfolio_id"])["rebalancings"][:5]:
        for leaver in each["left"]:
            assert f"{leaver['ticker']} ({WHYS[leaver['why']]})" in report
    assert "a rotation" in tab
    assert "n = 60" in tab
    for name in ("legs", "stats", "trades"):
        assert client.get(f"{address}?tab={name}").status_code == 200
    trades = client.get(f"{address}?tab=trades").text
    assert f"{address}?tab=ranks&amp;at=" in trades


def test_the_same_request_again_has_the_same_result(finish: Finish) -> None:
    first = finish()

    again = finish(**without(first["request"], ("label",)))

    assert again["result_hash"] == first["result_hash"]
    assert finish(top=1)["result_hash"] != first["result_hash"]


def test_one_asset_is_its_buy_and_hold_run(
    finish: Finish, client: FlaskClient, engine: Engine
) -> None:
    terms = {"size_type": "percent", "position_size": 100, "cash_rate": 0.02, **DATES}
    hold = {
        "rule_type": "FORMULA",
        "params": {"buy": "close > 0", "sell": "close < 0", "inputs": {}},
    }
    run = client.post(
        "/run_backtest", json={"ticker": "IBM", **hold, **terms, "charts": False}
    ).json
    run_all(engine)
    positions = client.get(f"/api/runs/{run['run_id']}").json

    one = finish(
        legs=[{"ticker": "IBM"}],
        score="close",
        keep=None,
        inputs={},
        top=1,
        buffer=0,
        rebalance="ranking",
        **terms,
    )

    assert one["result_hash"] == positions["result_hash"]
    assert one["equity_curve"] == positions["equity_curve"]


def test_assets_whose_prices_never_overlap_follow_one_another(
    finish: Finish, client: FlaskClient
) -> None:
    days = "".join(f"1999-01-{day:02},1,2,1,{1 + day / 100},9\n" for day in range(1, 30))
    csv = f"Date,Open,High,Low,Close,Volume\n{days}"
    client.put("/api/prices/OLD/1d", data=csv, content_type="text/csv")

    legs = [{"ticker": ticker} for ticker in ("OLD", "IBM")]
    dates = {"start_date": "1999-01-01", "end_date": "2000-12-31"}
    portfolio = finish(legs=legs, top=1, buffer=0, score="close", keep=None, inputs={}, **dates)
    rebalancings = ranks(client, portfolio["portfolio_id"])["rebalancings"]

    assert [each["entered"] for each in rebalancings if each["entered"]] == [["OLD"], ["IBM"]]
    left = [each["left"] for each in rebalancings if each["left"]]
    assert left == [[{"ticker": "OLD", "why": "ended"}]]
    assert "The prices of OLD end on 1999-01-29" in " ".join(portfolio["notes"])


def test_every_fault_is_reported_at_once(client: FlaskClient) -> None:
    errors = faults(
        client,
        score="roc(clos, n)",
        keep="close",
        inputs={"n": 60, "m": 1},
        top=9,
        rebalance="never",
        weights="inverse_volatility",
        bottom=1,
        stop_loss_pct=3,
        exit_after_bars=5,
        size_type="value",
        max_positions=2,
        legs=[*PORTFOLIO["legs"][:3], {"ticker": "GOOG", "rule_type": "RSI"}],
    )

    assert {*errors} == {
        "score",
        "keep",
        "inputs.m",
        "top",
        "rebalance",
        "volatility_bars",
        "bottom",
        "stop_loss_pct",
        "exit_after_bars",
        "size_type",
        "max_positions",
        "legs[3].rule_type",
    }
    assert errors["top"] == "9 is more than the 4 legs; accepted: 1 to 4"
    assert "did you mean `close`?" in errors["score"]
    assert "longshort" in errors["bottom"]


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"score": None}, "score", "required with mode ranked"),
        ({"top": None}, "top", "required with mode ranked"),
        ({"buffer": 3}, "buffer", "3 reaches beyond the 4 legs; accepted: 0 to 2"),
        ({"direction": "longshort"}, "bottom", "required with direction longshort"),
        ({"direction": "shortonly"}, "direction", "'shortonly' is not accepted with mode ranked"),
        ({"direction": "longshort", "bottom": 3}, "bottom", "accepted: at most 2"),
        ({"inputs": {"n": 60, "k": 2}}, "inputs.k", "neither score nor keep names k"),
        ({"inputs": {"close": 60, "n": 60}}, "inputs.close", "is no name"),
        ({"mode": "shared"}, "score", "it is for mode ranked"),
        ({"legs": [{"ticker": "IBM"}, {"ticker": "IBM"}], "buffer": 0}, "legs[1].ticker", "IBM"),
        ({"position_size": 101}, "position_size", "101"),
    ],
)
def test_a_fault_names_field_value_and_what_is_accepted(
    client: FlaskClient, changes: dict[str, Any], field: str, fault: str
) -> None:
    assert fault in faults(client, **changes)[field]


def test_a_leg_without_a_rule_needs_mode_ranked(client: FlaskClient) -> None:
    body = {**DATES, "legs": [{"ticker": "IBM"}]}

    errors = client.post("/api/portfolios", json=body).json["errors"]

    assert errors["legs[0].rule_type"].startswith("required")


def test_a_file_of_one_combination_is_a_portfolio(client: FlaskClient, engine: Engine) -> None:
    answer = client.post("/api/portfolios", json=SWEEP).json
    run_all(engine)

    portfolio = client.get(answer["status_url"]).json

    assert (portfolio["status"], portfolio["request"]["label"]) == ("completed", "momentum")
    assert [leg["ticker"] for leg in portfolio["legs"]] == [*TICKERS]


def test_a_sweep_over_ranks_is_a_batch_of_portfolios(
    client: FlaskClient, engine: Engine, finish: Finish
) -> None:
    parameters = {"top": [1, 2], "inputs.n": [20, 60], "rebalance": ["monthly", "quarterly"]}
    answer = client.post(
        "/api/portfolios/batch", json=SWEEP | {"parameters": parameters, "metric": "sharpe_ratio"}
    )
    batch_id = answer.json["batch_id"]
    assert (answer.status_code, answer.json["new"]) == (202, 8)
    assert run_all(engine) == 8

    batch = client.get(f"/api/batches/{batch_id}?top=8").json

    sharpes = [row["metrics"]["sharpe_ratio"] for row in batch["leaderboard"]]
    assert len(sharpes) == 8
    assert sharpes == sorted(sharpes, reverse=True)
    best = client.get(f"/api/portfolios/{batch['leaderboard'][0]['run_id']}").json
    assert best["metrics"]["sharpe_ratio"] == sharpes[0]
    alone = finish(**without(best["request"], ("label",)))
    assert alone["result_hash"] == best["result_hash"]
    assert client.get(f"/batches/{batch_id}").status_code == 200
    again = client.post(
        "/api/portfolios/batch", json=SWEEP | {"parameters": parameters, "metric": "sharpe_ratio"}
    )
    assert (again.status_code, again.json["new"]) == (200, 0)


def test_faults_of_a_sweep_are_at_their_places_with_the_combination(client: FlaskClient) -> None:
    sweep = SWEEP | {"parameters": {"top": [1, 7], "inputs.k": [1]}}
    sweep["base"] = sweep["base"] | {"fee_rate": 2, "tickers": [*TICKERS, "NOPE"]}

    answer = client.post("/api/portfolios/batch", json=sweep)

    errors = answer.json["errors"]
    assert {*errors} == {"parameters.top", "parameters.inputs.k", "base.fee_rate", "base.tickers"}
    assert errors["parameters.top"].endswith('(with {"top": 7, "inputs.k": 1})')
    assert "NOPE" in errors["base.tickers"]


def test_the_prices_of_a_sweep_are_looked_up_once_for_all_combinations(
    client: FlaskClient, engine: Engine
) -> None:
    queries: list[str] = []
    listen(
        engine, "before_cursor_execute", lambda _, __, statement, *___: queries.append(statement)
    )

    def queries_of(*tops: int) -> int:
        queries.clear()
        sweep = SWEEP | {"parameters": {"top": [*tops], "buffer": [0]}}
        answer = client.post("/api/portfolios/batch?dry_run=true", json=sweep)
        assert answer.json["new"] == len(tops)
        return sum("price" in statement for statement in queries)

    queries_of(1)  # the bars are cached from now on
    assert queries_of(1, 2, 3, 4) == queries_of(1) > 0


def test_a_ranked_portfolio_of_a_batch_has_its_tickers(
    client: FlaskClient, engine: Engine
) -> None:
    base = {"tickers": ["AAPL", "IBM"], "rule_type": "MA_CROSS", "stop_loss_pct": 5, **DATES}
    batch = client.post(
        "/api/batches", json={"base": base, "parameters": {"fast": [5, 10], "slow": [30]}}
    ).json
    run_all(engine)

    answer = client.post(
        "/api/portfolios", json={"batch_id": batch["batch_id"], **RANKING, "top": 1}
    ).json

    legs = client.get(answer["status_url"]).json["legs"]
    assert [leg["ticker"] for leg in legs] == ["AAPL", "IBM"]
