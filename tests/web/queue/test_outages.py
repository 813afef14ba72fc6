"""Pages while Redis or the database is away: they answer, say what is away, and what becomes of the runs."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import make_url

from tests.services.redis_server import RedisServer
from tests.services.web_app import run_values
from tests.web.conftest import RunMaker


def test_a_redis_that_does_not_answer_is_waited_for_once_by_all_that_ask(
    page_app: Flask, redis_server: RedisServer
) -> None:
    queue_status, queries = page_app.extensions["platform"].queue_status, list[int]()
    redis_server.pause()
    try:
        answers = [
            queue_status.ask(lambda queue, number=number: queries.append(number) or queue.depth())
            for number in range(3)
        ]
    finally:
        redis_server.resume()

    assert (answers, queries) == ([None, None, None], [0])


def test_a_run_submitted_without_redis_says_that_it_is_recorded_and_waits(
    browser_client: FlaskClient, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_server.pause()
    try:
        run_id = browser_client.post("/run_backtest", json=run_values()).get_json()["run_id"]
        page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)
        status = browser_client.get(f"/status/{run_id}").get_json()
    finally:
        redis_server.resume()

    assert "it will be queued as soon as the queue is back" in page
    assert "saved and queued" not in page and "starting" not in page
    assert "Redis, which holds the queue, does not answer" in page
    assert (status["status"], status["position"], status["queue_answers"]) == (
        "pending",
        None,
        False,
    )


def test_a_waiting_run_says_that_the_queue_answers(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run("pending")

    status = browser_client.get(f"/status/{run_id}").get_json()

    assert (status["position"], status["queue_answers"]) == (0, True)
    assert "saved and queued" in browser_client.get(f"/result/{run_id}").get_data(as_text=True)


def test_a_database_file_that_is_away_is_named_and_no_empty_one_takes_its_place(
    browser_client: FlaskClient, page_app: Flask, tmp_path: Path
) -> None:
    file = Path(str(make_url(page_app.extensions["platform"].settings.database_url).database))
    moved = [
        each.rename(tmp_path / f"away-{each.name}") for each in file.parent.glob(f"{file.name}*")
    ]

    page, answer = browser_client.get("/queue"), browser_client.get("/api/queue")

    assert (page.status_code, answer.status_code) == (503, 503)
    assert "The database does not answer" in page.get_data(as_text=True)
    assert (
        "DATABASE_URL" in answer.get_json()["error"]
        and str(file) not in answer.get_json()["error"]
    )
    assert answer.headers["Away"] == "The database"
    assert not file.exists()
    for each in moved:
        each.rename(file.parent / each.name.removeprefix("away-"))
    assert browser_client.get("/queue").status_code == 200
