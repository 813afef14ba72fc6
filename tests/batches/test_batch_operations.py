"""Cancelling a batch and retrying its failed runs."""

from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from adapters.queue.messages import Attempt, RunMessage
from adapters.runs.states import claim, fail
from adapters.tables import run_events, runs
from contracts.status import ErrorType
from tests.services.finished_runs import break_down, succeed
from tests.services.redis_server import RedisServer
from tests.services.web_app import sweep_values
from web.runs import operations

QUEUE = "rq:queue:backtests-bulk"


@pytest.fixture
def batch(app: Flask, client: FlaskClient) -> list[str]:
    """Run ids of batch `b`: one completed, one failed, one running, 1,500 waiting."""
    run_ids: list[str] = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(1503)).json[
        "run_ids"
    ]
    engine = app.extensions["platform"].engine
    succeed(engine, run_ids[0], {"sharpe_ratio": 0.5})
    break_down(engine, run_ids[1])
    with engine.begin() as connection:
        claim(connection, Attempt(run_ids[2], 1), "token", 60, "test")
    return run_ids


def rows_of(app: Flask) -> dict[str, Any]:
    with app.extensions["platform"].engine.connect() as connection:
        return {row.run_id: row for row in connection.execute(select(runs))}


def events_of(app: Flask, run_id: str) -> list[tuple[Any, ...]]:
    query = select(run_events.c.attempt, run_events.c.from_status, run_events.c.to_status)
    with app.extensions["platform"].engine.connect() as connection:
        events = connection.execute(
            query.where(run_events.c.run_id == run_id).order_by(run_events.c.id)
        )
        return [tuple(row) for row in events]


def test_cancelling_a_batch_ends_what_has_not_ended(
    app: Flask, client: FlaskClient, batch: list[str]
) -> None:
    answer = client.post("/api/batches/b/cancel")

    assert answer.json == {"batch_id": "b", "cancelled": 1501}
    counts = client.get("/api/batches/b").json
    assert counts["counts"] == {"pending": 0, "running": 0, "completed": 1, "failed": 1502}
    assert counts["failures"] == {"cancelled": 1501, "no_prices": 1}
    running = rows_of(app)[batch[2]]
    assert (running.cancel_requested, running.lease_token, running.completed_at is None) == (
        1,
        None,
        False,
    )
    assert events_of(app, batch[2])[-1] == (1, "RUNNING", "FAILED")
    assert events_of(app, batch[9])[-1] == (1, "PENDING", "FAILED")


def test_cancelling_a_batch_takes_only_its_messages_off(
    client: FlaskClient, batch: list[str], redis_server: RedisServer
) -> None:
    other = client.post("/api/runs/bulk?batch_id=other", json=sweep_values(3)).json["run_ids"]

    client.post("/api/batches/b/cancel")

    redis = redis_server.client()
    assert set(redis.lrange(QUEUE, 0, -1)) == {f"{run_id}-1" for run_id in (*other, *batch[:2])}
    # of the two that had ended the message stays: nothing popped it here
    assert not redis.exists(f"rq:job:{batch[5]}-1")


def test_a_batch_at_the_end_of_a_long_queue_is_taken_off_from_there(
    client: FlaskClient, redis_server: RedisServer
) -> None:
    first = client.post("/api/runs/bulk?batch_id=first", json=sweep_values(1000)).json["run_ids"]
    client.post("/api/runs/bulk?batch_id=last", json=sweep_values(20))

    client.post("/api/batches/last/cancel")

    assert redis_server.client().lrange(QUEUE, 0, -1) == [f"{run_id}-1" for run_id in first]


def test_cancelling_works_while_redis_is_away(
    client: FlaskClient, batch: list[str], redis_server: RedisServer
) -> None:
    redis_server.stop()

    assert client.post("/api/batches/b/cancel").json["cancelled"] == 1501


def test_retrying_a_batch_makes_its_failed_runs_wait_again(
    app: Flask, client: FlaskClient, batch: list[str], redis_server: RedisServer
) -> None:
    client.post("/api/batches/b/cancel")

    answer = client.post("/api/batches/b/retry")

    assert (answer.status_code, answer.json) == (202, {"batch_id": "b", "retried": 1})
    row = rows_of(app)[batch[1]]
    assert (row.status, row.attempt, row.error_type, row.completed_at) == (
        "PENDING",
        2,
        None,
        None,
    )
    assert events_of(app, batch[1])[-1] == (1, "FAILED", "PENDING")
    assert redis_server.client().lrange(QUEUE, -1, -1) == [f"{batch[1]}-2"]


def test_cancelled_runs_are_retried_on_request(client: FlaskClient, batch: list[str]) -> None:
    client.post("/api/batches/b/cancel")

    assert client.post("/api/batches/b/retry?cancelled=true").json["retried"] == 1502
    assert client.post("/api/batches/b/retry?cancelled=true").json["retried"] == 0


def test_a_run_that_fails_again_meanwhile_is_retried_once(
    app: Flask, client: FlaskClient, batch: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = app.extensions["platform"]
    client.post("/api/batches/b/cancel")
    enqueue = operations.enqueue

    def enqueue_and_fail_the_first(messages: list[RunMessage]) -> None:
        enqueue(messages)
        first = Attempt(messages[0].run_id, messages[0].attempt)
        with platform.engine.begin() as connection:
            fail(
                connection,
                claim(connection, first, str(uuid4()), 60, "test"),
                ErrorType.NO_PRICES,
                "again",
            )

    monkeypatch.setattr(operations, "enqueue", enqueue_and_fail_the_first)
    answer = client.post("/api/batches/b/retry?cancelled=true")

    assert answer.json["retried"] == 1502
    assert {row.attempt for row in rows_of(app).values()} == {1, 2}


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_unknown_batch_cannot_be_changed(client: FlaskClient, action: str) -> None:
    assert client.post(f"/api/batches/nowhere/{action}").status_code == 404
