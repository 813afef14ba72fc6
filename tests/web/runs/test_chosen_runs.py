"""Runs that somebody has chosen, cancelled and retried in one call."""

from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.services.finished_runs import break_down, succeed
from tests.services.redis_server import RedisServer
from tests.services.web_app import run_values, sweep_values
from tests.web.conftest import ON_BOTH_DATABASES, RunMaker, TokenMaker

pytestmark = ON_BOTH_DATABASES
ACTIONS = ("cancel", "retry")


def test_chosen_runs_are_changed_and_the_others_counted_by_their_state(
    app: Flask, client: FlaskClient
) -> None:
    ids: list[str] = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(6)).json[
        "run_ids"
    ]
    engine, chosen = app.extensions["platform"].engine, {"run_ids": ids[:5]}
    succeed(engine, ids[0], {"sharpe_ratio": 0.5})
    break_down(engine, ids[1])

    first = client.post("/api/runs/cancel", json=chosen)
    second = client.post("/api/runs/cancel", json=chosen)
    third = client.post("/api/runs/retry", json=chosen)

    assert first.json == {"changed": 3, "left": {"completed": 1, "failed": 1}}
    assert second.json == {"changed": 0, "left": {"completed": 1, "failed": 1, "cancelled": 3}}
    assert third.json == {"changed": 4, "left": {"completed": 1}}
    counts = client.get("/api/batches/b").json["counts"]
    assert counts == {"pending": 5, "running": 0, "completed": 1, "failed": 0}


def test_a_retried_run_of_a_batch_waits_among_batches_and_another_one_among_peoples(
    client: FlaskClient, redis_server: RedisServer
) -> None:
    [member] = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(1)).json["run_ids"]
    single = client.post("/run_backtest", json=run_values()).json["run_id"]
    chosen, redis = {"run_ids": [member, single]}, redis_server.client()

    client.post("/api/runs/cancel", json=chosen)
    emptied = redis.llen("rq:queue:backtests-bulk") + redis.llen("rq:queue:backtests")
    client.post("/api/runs/retry", json=chosen)

    assert emptied == 0
    assert redis.lrange("rq:queue:backtests-bulk", 0, -1) == [f"{member}-2"]
    assert redis.lrange("rq:queue:backtests", 0, -1) == [f"{single}-2"]


@pytest.mark.parametrize("action", ACTIONS)
def test_one_run_that_is_not_there_leaves_all_as_they_were(
    page_app: Flask, make_run: RunMaker, action: str
) -> None:
    client, run_id, other = page_app.test_client(), make_run("pending"), str(uuid4())

    answer = client.post(f"/api/runs/{action}", json={"run_ids": [run_id, other]})

    assert (answer.status_code, client.get(f"/status/{run_id}").json["status"]) == (
        404,
        "pending",
    )
    assert other in answer.json["error"]
    for run_ids in ([], [other] * 201, ["x"]):
        assert list(
            client.post(f"/api/runs/{action}", json={"run_ids": run_ids}).json["errors"]
        ) == ["run_ids"]


def test_nobody_cancels_or_retries_others_runs_among_own_ones(
    anybody: FlaskClient, made: TokenMaker
) -> None:
    mine, theirs = made("submit", "mine"), made("submit", "theirs")
    ids = [
        anybody.post("/run_backtest", json=run_values(), headers=who).json["run_id"]
        for who in (mine, theirs)
    ]

    codes = [
        anybody.post(f"/api/runs/{action}", json={"run_ids": chosen}, headers=mine).status_code
        for action in ACTIONS
        for chosen in (ids, ids[:1])
    ]

    assert codes == [403, 200] * 2
