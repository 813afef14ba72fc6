"""Screens over HTTP: what is accepted, how far one is, its rows, and the runs that repeat them."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, select, update

from adapters.plans.combinations import CORE
from adapters.plans.screen import insert_search
from adapters.tables import runs, screens
from contracts.errors import QueueFull
from tests.services.jobs import run_all
from tests.services.web_app import web_app
from web.screens import jobs as screen_jobs

BASE = {
    "ticker": "AAPL",
    "rule_type": "MA_CROSS",
    "start_date": "2004-01-01",
    "end_date": "2006-12-31",
}
AXES = {"fast": [5, 10, 20], "slow": {"min": 50, "max": 90, "step": 20}}
SPEC: dict[str, Any] = {"name": "Averages", "base": BASE, "parameters": AXES}
Work = Callable[[], int]


@pytest.fixture
def work(app: Flask) -> Work:
    """Does what all Jobs that wait are to do, in this process."""
    return lambda: run_all(app.extensions["platform"].engine)


def submitted(client: FlaskClient, **changes: Any) -> str:
    answer = client.post("/api/screens", json=SPEC | changes)
    assert answer.status_code == 202, answer.json
    screen_id: str = answer.json["screen_id"]
    return screen_id


def screen_of(client: FlaskClient, screen_id: str, query: str = "") -> Any:
    return client.get(f"/api/screens/{screen_id}{query}").json


def test_a_screen_is_one_job_that_waits_for_people(app: Flask, client: FlaskClient) -> None:
    answer = client.post("/api/screens", json=SPEC)

    screen_id = answer.json["screen_id"]
    assert (answer.status_code, answer.json["combinations"], answer.json["jobs"]) == (202, 9, 1)
    waiting = screen_of(client, screen_id)
    assert (waiting["status"], waiting["done"], waiting["leaderboard"]) == ("pending", 0, [])
    assert app.extensions["platform"].queue.depths() == {"backtests": 1, "backtests-bulk": 0}
    assert client.get(f"/status/{screen_id}").json["status"] == "pending"


def test_its_rows_are_ranked_and_bounded_by_core_metrics(client: FlaskClient, work: Work) -> None:
    screen_id = submitted(client)
    work()

    screened = screen_of(client, screen_id, "?top=100")

    rows = screened["leaderboard"]
    ratios = [row["metrics"]["sharpe_ratio"] for row in rows]
    assert (screened["status"], screened["done"], len(rows)) == ("completed", 9, 9)
    assert ratios == sorted(ratios, reverse=True)
    assert {(row["params"]["fast"], row["params"]["slow"]) for row in rows} == {
        *product([5, 10, 20], [50, 70, 90])
    }
    assert [set(row["metrics"]) for row in rows] == [set(CORE)] * 9
    assert [row["run_id"] for row in rows] == [None] * 9
    least = screen_of(client, screen_id, "?metric=max_drawdown_pct&top=1")
    assert least["goal"] == "min"
    assert least["leaderboard"][0]["metrics"]["max_drawdown_pct"] == min(
        row["metrics"]["max_drawdown_pct"] for row in rows
    )
    trades = sorted(row["metrics"]["num_trades"] for row in rows)[5]
    few = screen_of(client, screen_id, f"?constraint=num_trades>={trades}&top=100")["leaderboard"]
    assert few == [row for row in rows if row["metrics"]["num_trades"] >= trades]
    assert 0 < len(few) < 9


def test_a_screen_of_several_tickers_is_a_job_for_each_and_one_ranking(
    client: FlaskClient, work: Work
) -> None:
    screen_id = submitted(client, base={**BASE, "ticker": None, "tickers": ["AAPL", "IBM"]})
    assert screen_of(client, screen_id)["combinations"] == 18
    work()

    rows = screen_of(client, screen_id, "?top=100")["leaderboard"]

    assert len(rows) == 18
    assert {row["ticker"] for row in rows} == {"AAPL", "IBM"}
    ratios = [row["metrics"]["sharpe_ratio"] for row in rows]
    assert ratios == sorted(ratios, reverse=True)
    page = client.get(f"/screens/{screen_id}?ticker=IBM").get_data(as_text=True)
    assert "Best combinations on IBM" in page


def test_a_row_that_was_run_shows_its_run_and_that_it_is_equal(
    client: FlaskClient, work: Work
) -> None:
    screen_id = submitted(client)
    work()
    best = screen_of(client, screen_id)["leaderboard"][0]

    run = client.post(f"/api/screens/{screen_id}/run?number={best['number']}")
    waits = screen_of(client, screen_id)["leaderboard"][0]
    work()
    ended = screen_of(client, screen_id)["leaderboard"][0]

    assert run.status_code == 202
    assert (waits["run_id"], waits["is_equal"]) == (run.json["run_id"], None)
    assert ended == best | {"run_id": run.json["run_id"], "is_equal": True}
    result = client.get(f"/api/runs/{run.json['run_id']}").json
    assert (result["request"]["charts"], result["request"]["batch_id"]) == (True, None)
    assert "✓ equal" in client.get(f"/screens/{screen_id}").get_data(as_text=True)


def test_a_run_that_differs_is_reported_and_counted(
    app: Flask, client: FlaskClient, work: Work
) -> None:
    screen_id = submitted(client)
    work()
    client.post(f"/api/screens/{screen_id}/batch?best=2")
    work()
    with app.extensions["platform"].engine.begin() as connection:
        connection.execute(
            update(runs)
            .where(runs.c.kind == "run")
            .values(sharpe_ratio=runs.c.sharpe_ratio + 1e-9)
        )

    rows = screen_of(client, screen_id)["leaderboard"]

    assert [row["is_equal"] for row in rows[:3]] == [False, False, None]
    page = client.get(f"/screens/{screen_id}").get_data(as_text=True)
    assert "A run's result differs from its row here" in page
    assert "backtest_screen_rows_differing 2.0" in client.get("/metrics").get_data(as_text=True)


def test_the_best_or_all_are_run_as_one_batch(client: FlaskClient, work: Work) -> None:
    screen_id = submitted(client)
    work()

    two = client.post(f"/api/screens/{screen_id}/batch?best=2")
    whole = client.post(f"/api/screens/{screen_id}/batch")
    work()

    assert (two.status_code, two.json["new"], whole.json["new"], whole.json["runs"]) == (
        202,
        2,
        7,
        9,
    )
    rows = screen_of(client, screen_id, "?top=100")["leaderboard"]
    assert [row["is_equal"] for row in rows] == [True] * 9
    batch = client.get(two.json["status_url"]).json
    assert batch["counts"]["completed"] == 9
    assert batch["note"].startswith("These are the best combinations of a screen")
    page = client.get(f"/batches/{batch['batch_id']}").text
    assert "Skill or luck?" not in page
    assert f'of a <a href="/screens/{screen_id}">screen</a>' in page


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"metric": "cagr"}, {"metric"}),
        ({"constraints": ["win_rate > 5"]}, {"constraints.0"}),
        ({"parameters": {"fast": [60], "slow": [50]}}, {"parameters.fast"}),
        ({"parameters": {"quick": [60]}}, {"parameters.quick"}),
        ({"base": {**BASE, "ticker": "NONE"}}, {"base.ticker"}),
        ({"base": {**BASE, "fee_rate": 2}}, {"base.fee_rate"}),
        (
            {
                "parameters": {
                    "fast": {"min": 1, "max": 400, "step": 1},
                    "slow": {"min": 1, "max": 400, "step": 1},
                }
            },
            {"run_cap"},
        ),
        ({"method": "list", "parameters": []}, {"parameters"}),
        ({"unknown": 1}, {"unknown"}),
    ],
)
def test_what_is_not_accepted_is_reported_by_field(
    client: FlaskClient, changes: dict[str, Any], fields: set[str]
) -> None:
    answer = client.post("/api/screens", json=SPEC | changes)

    assert answer.status_code == 400
    assert {*answer.json["errors"]} == fields


def test_too_many_bars_are_refused_with_the_figure(platform_settings: dict[str, str]) -> None:
    with web_app(platform_settings | {"MAX_SCREEN_BARS": "5000"}) as app:
        errors = app.test_client().post("/api/screens", json=SPEC).json["errors"]

    assert errors["parameters"].startswith("9 combinations x 755 bars are 6,795; at most 5,000")


def test_the_same_key_is_the_same_screen(client: FlaskClient) -> None:
    both = {"base": {**BASE, "ticker": None, "tickers": ["AAPL", "IBM"]}}
    key = {"Idempotency-Key": "k"}

    first = client.post("/api/screens", json=SPEC | both, headers=key)
    again = client.post("/api/screens", json=SPEC | both, headers=key)
    other = client.post(
        "/api/screens", json=SPEC | both | {"parameters": {"fast": [7]}}, headers=key
    )

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert again.json == first.json
    assert screen_of(client, first.json["screen_id"])["combinations"] == 18


def test_a_key_is_refused_for_other_tickers(client: FlaskClient) -> None:
    key = {"Idempotency-Key": "screen"}
    both = {"base": {**BASE, "ticker": None, "tickers": ["AAPL", "IBM"]}}
    first = client.post("/api/screens", json=SPEC, headers=key)

    refused = client.post("/api/screens", json=SPEC | both, headers=key)

    assert refused.status_code == 409
    assert screen_of(client, first.json["screen_id"])["combinations"] == 9


def test_a_batch_has_a_screen_once(client: FlaskClient) -> None:
    one = {"base": {**BASE, "batch_id": "ours"}}
    both = {"base": {**BASE, "batch_id": "ours", "ticker": None, "tickers": ["AAPL", "IBM"]}}

    answers = [client.post("/api/screens", json=SPEC | each) for each in (one, one, both)]

    assert [answer.status_code for answer in answers] == [202, 200, 409]
    assert answers[1].json["screen_id"] == answers[0].json["screen_id"]


def test_a_screen_is_recorded_on_all_of_its_tickers_or_on_none(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"base": {**BASE, "ticker": None, "tickers": ["AAPL", "IBM"]}}

    recorded: list[str] = []

    def insert_first(connection: Connection, run_id: str, *arguments: Any) -> None:
        if recorded:
            raise QueueFull("others have filled the queue", 30)
        recorded.append(run_id)
        insert_search(connection, run_id, *arguments)

    monkeypatch.setattr(screen_jobs, "insert_search", insert_first)
    answer = client.post("/api/screens", json=SPEC | both)

    assert answer.status_code == 429
    assert client.get("/api/runs").json["runs"] == []


def test_it_is_cancelled_and_retried_like_a_run(client: FlaskClient, work: Work) -> None:
    screen_id = submitted(client)

    cancelled = client.post(f"/api/screens/{screen_id}/cancel")
    ended = client.post(f"/api/screens/{screen_id}/cancel")
    retried = client.post(f"/api/screens/{screen_id}/retry")

    assert (cancelled.status_code, cancelled.json["status"], cancelled.json["error_type"]) == (
        200,
        "failed",
        "cancelled",
    )
    assert (ended.status_code, retried.status_code, retried.json["status"]) == (
        409,
        202,
        "pending",
    )


def test_a_screen_among_runs_leads_to_its_page_and_cannot_be_reproduced(
    client: FlaskClient, work: Work
) -> None:
    screen_id = submitted(client)
    work()

    led = client.get(f"/result/{screen_id}")
    result = client.get(f"/api/runs/{screen_id}").json

    assert (led.status_code, led.location) == (302, f"/screens/{screen_id}")
    assert (result["status"], result["metrics"]) == ("completed", None)
    assert client.post(f"/api/runs/{screen_id}/reproduce").status_code == 409
    assert "MA_CROSS x 9" in client.get("/runs").get_data(as_text=True)
    for page in (
        "/",
        "/queue",
        f"/?clone={screen_id}",
        f"/compare?run={screen_id}&run={screen_id}",
    ):
        assert client.get(page).status_code in (200, 400), page
    for path in ("bars", "explanation?bar=1"):
        assert client.get(f"/api/runs/{screen_id}/{path}").status_code in (404, 409), path


@pytest.mark.parametrize("path", ["", "/run", "/batch"])
def test_an_unknown_screen_is_not_there(client: FlaskClient, path: str) -> None:
    address = f"/api/screens/00000000-0000-4000-8000-000000000000{path}"

    assert (client.post(address) if path else client.get(address)).status_code == 404
    assert client.get("/screens/00000000-0000-4000-8000-000000000000").status_code == 404


def test_nothing_of_it_is_run_before_it_has_completed(client: FlaskClient) -> None:
    screen_id = submitted(client)

    assert client.post(f"/api/screens/{screen_id}/run?number=0").status_code == 409
    assert client.post(f"/api/screens/{screen_id}/batch").status_code == 409


def test_its_page_shows_rows_map_spread_and_luck(
    browser_client: FlaskClient, client: FlaskClient, work: Work
) -> None:
    screen_id = submitted(client)
    waiting = browser_client.get(f"/screens/{screen_id}").get_data(as_text=True)
    work()

    page = browser_client.get(f"/screens/{screen_id}").get_data(as_text=True)

    assert "Waiting for a Job to start" in waiting
    for words in (
        "Best combinations",
        "9 of 9 traded",
        "distribution",
        "Skill or luck?",
        "Heatmap of two parameters",
    ):
        assert words in page
    assert page.count(">Run</button>") == 9


def test_a_screen_goes_with_its_run(app: Flask, client: FlaskClient, work: Work) -> None:
    submitted(client)
    work()

    with app.extensions["platform"].engine.connect() as connection:
        rows = connection.execute(select(screens.c.combinations, screens.c.done)).all()

    assert rows == [(9, 9)]
