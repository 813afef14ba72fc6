"""The list of batches: newest first, counted by state, a page at a time; as a page and as JSON."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, update

from adapters.database import database_now
from adapters.queue.messages import Attempt
from adapters.runs.states import claim
from adapters.tables import runs
from tests.services.finished_runs import break_down, succeed
from tests.services.web_app import run_values, sweep_values
from tests.web.conftest import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES


def submit(client: FlaskClient, batch_id: str, count: int, **changes: object) -> list[str]:
    """The run_ids of so many new runs of a batch."""
    answer = client.post(
        f"/api/runs/bulk?batch_id={batch_id}", json=sweep_values(count, **changes)
    )
    assert answer.status_code == 202, answer.get_data(as_text=True)
    run_ids: list[str] = answer.get_json()["run_ids"]
    return run_ids


def listed(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.get(f"/api/batches?{query}").get_json()["batches"]
    return listed


@pytest.fixture
def engine(app: Flask) -> Engine:
    database: Engine = app.extensions["platform"].engine
    return database


def test_batches_are_listed_newest_first_with_their_counts(
    client: FlaskClient, engine: Engine
) -> None:
    old = submit(client, "old", 3)
    submit(client, "new", 2, ticker="IBM")
    client.post("/run_backtest", json=run_values())  # belongs to no batch
    succeed(engine, old[0], {"sharpe_ratio": 1.0})
    break_down(engine, old[1])

    new_batch, old_batch = listed(client)

    assert (new_batch["batch_id"], old_batch["batch_id"]) == ("new", "old")
    assert old_batch["counts"] == {"pending": 1, "running": 0, "completed": 1, "failed": 1}
    assert (old_batch["runs"], old_batch["progress_pct"]) == (3, 66.67)
    assert old_batch["first_run"] == {"run_id": old[0], "ticker": "AAPL", "rule_type": "RSI"}
    assert (new_batch["first_run"]["ticker"], new_batch["progress_pct"]) == ("IBM", 0.0)


def test_batches_of_portfolios_are_listed_on_request(client: FlaskClient) -> None:
    submit(client, "mine", 1)
    dates = {"start_date": "2004-01-01", "end_date": "2006-12-31"}
    legs = [{"ticker": ticker, "rule_type": "RSI"} for ticker in ("AAPL", "IBM")]
    assert client.post("/api/portfolios", json={"legs": legs, **dates}).status_code == 202

    assert [each["batch_id"] for each in listed(client)] == ["mine"]
    internal, mine = listed(client, "internal=true")
    assert internal["batch_id"].startswith("portfolio-")
    assert mine["batch_id"] == "mine"
    page = client.get("/batches").text
    assert "portfolio-" not in page
    assert "/batches?internal=true" in page
    assert "portfolio-" in client.get("/batches?internal=true").text


def test_a_batch_that_grows_keeps_its_place(client: FlaskClient) -> None:
    submit(client, "old", 1)
    submit(client, "new", 1)
    grown = submit(client, "old", 3)

    batches = listed(client)

    assert [(batch["batch_id"], batch["runs"]) for batch in batches] == [("new", 1), ("old", 3)]
    assert batches[1]["last_run"]["run_id"] == grown[2]


def test_the_last_activity_is_the_latest_submission_start_or_end(
    client: FlaskClient, engine: Engine
) -> None:
    run_ids = submit(client, "b", 2)
    seen = [listed(client)[0]["last_activity_at"]]

    succeed(engine, run_ids[0], {})
    seen.append(listed(client)[0]["last_activity_at"])
    with engine.begin() as connection:
        claim(connection, Attempt(run_ids[1], 1), "token", 60.0, "test")
    seen.append(listed(client)[0]["last_activity_at"])
    submit(client, "b", 3)
    seen.append(listed(client)[0]["last_activity_at"])

    assert seen == sorted(set(seen))
    assert listed(client)[0]["created_at"] <= seen[0]


def test_a_page_goes_on_where_the_one_before_ended(client: FlaskClient) -> None:
    names = [f"b{number}" for number in range(5)]
    for name in names:
        submit(client, name, 2)

    seen, after = [], ""
    while after is not None:
        page = client.get(f"/api/batches?limit=2&after={after}").get_json()
        seen += [batch["batch_id"] for batch in page["batches"]]
        after = page["next_after"]

    assert seen == names[::-1]


def test_there_is_no_page_behind_the_last_batch(client: FlaskClient) -> None:
    submit(client, "b", 2)

    assert client.get("/api/batches?limit=1").get_json()["next_after"] is None
    assert client.get("/api/batches?after=1").get_json() == {"batches": [], "next_after": None}


@pytest.mark.parametrize(("query", "field"), [("limit=0", "limit"), ("limit=101", "limit"), ("after=-1", "after"),
                                              ("after=x", "after"), ("after=" + "9" * 19, "after")])  # fmt: skip
def test_a_page_that_is_invalid_is_refused_by_field(
    client: FlaskClient, query: str, field: str
) -> None:
    answer = client.get(f"/api/batches?{query}")

    assert answer.status_code == 400
    assert list(answer.get_json()["errors"]) == [field]


def test_the_page_shows_progress_and_leads_to_each_batch(
    client: FlaskClient, engine: Engine
) -> None:
    submit(client, "done <1>", 1)
    succeed(engine, submit(client, "done <1>", 1, ticker="IBM")[0], {})
    with engine.begin() as connection:
        connection.execute(
            update(runs)
            .where(runs.c.ticker == "AAPL")
            .values(status="FAILED", completed_at=database_now())
        )

    page = client.get("/batches", headers={"Accept": "text/html"}).get_data(as_text=True)

    assert 'href="/batches/done%20%3C1%3E"' in page
    assert "done &lt;1&gt;" in page
    assert "1 completed, 1 failed, 0 cancelled, 0 running, 0 pending" in page
    assert "AAPL … IBM" in page
    assert "/runs?batch=done+%3C1%3E&amp;status=failed" in page
    assert "data-refresh-s" not in page
    assert 'aria-current="page">Batches' in page


def test_a_page_with_a_living_batch_follows_it(client: FlaskClient) -> None:
    submit(client, "b", 1)

    assert (
        'id="batches-list" class="panel" aria-label="Batches" data-refresh-s="5"'
        in client.get("/batches", headers={"Accept": "text/html"}).get_data(as_text=True)
    )


def test_without_batches_the_page_says_how_to_submit_one(client: FlaskClient) -> None:
    page = client.get("/batches", headers={"Accept": "text/html"}).get_data(as_text=True)

    assert "No batches yet" in page
    assert "scripts/bulk_submit.py submit docs/examples/rsi.yaml --url http://localhost" in page
