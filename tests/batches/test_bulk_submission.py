"""POST /api/runs/bulk: all or nothing, once per batch, in order, and durable before it is answered."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from adapters.plan_tables import PLAN
from adapters.runs.changes import NewRun, insert_runs
from adapters.runs.queries import with_plan
from adapters.tables import run_events, runs
from tests.services.redis_server import RedisServer
from tests.services.web_app import run_values, sweep_values
from web.runs import operations

QUEUE = "rq:queue:backtests-bulk"


def rows_of(app: Flask) -> list[Any]:
    with app.extensions["platform"].engine.connect() as connection:
        query = with_plan(select(runs, PLAN.name.label("batch_id"))).order_by(runs.c.id)
        return list(connection.execute(query))


def test_each_run_of_an_array_becomes_a_row_an_event_and_a_message(
    app: Flask, client: FlaskClient, redis_server: RedisServer
) -> None:
    answer = client.post("/api/runs/bulk", json=sweep_values(1203, batch_id="sweep-1"))

    assert answer.status_code == 202, answer.json
    assert (answer.json["batch_id"], answer.json["runs"], answer.json["new"]) == (
        "sweep-1",
        1203,
        1203,
    )
    stored = rows_of(app)
    assert [row.run_id for row in stored] == answer.json["run_ids"]
    assert {(row.status, row.batch_id, row.attempt) for row in stored} == {
        ("PENDING", "sweep-1", 1)
    }
    assert all(row.enqueued_at for row in stored)
    with app.extensions["platform"].engine.connect() as connection:
        assert (
            connection.execute(select(func.count(run_events.c.run_id.distinct()))).scalar_one()
            == 1203
        )
    assert redis_server.client().lrange(QUEUE, 0, -1) == [
        f"{run_id}-1" for run_id in answer.json["run_ids"]
    ]


def test_lines_of_json_are_accepted_as_well(app: Flask, client: FlaskClient) -> None:
    body = "\n".join(json.dumps(values) for values in sweep_values(3)) + "\n\n"

    answer = client.post(
        "/api/runs/bulk?batch_id=lines", data=body, content_type="application/x-ndjson"
    )

    assert answer.status_code == 202, answer.json
    assert [row.batch_id for row in rows_of(app)] == ["lines"] * 3


def test_a_run_of_a_batch_waits_behind_those_of_people(client: FlaskClient) -> None:
    batch = client.post("/api/runs/bulk", json=sweep_values(2)).json["run_ids"]
    people = [client.post("/run_backtest", json=run_values()).json["run_id"] for _ in range(3)]

    positions = [client.get(f"/status/{run_id}").json["position"] for run_id in (*people, *batch)]

    assert positions == [0, 1, 2, 3, 4]


def test_one_faulty_line_keeps_all_runs_out(
    app: Flask, client: FlaskClient, redis_server: RedisServer
) -> None:
    lines = sweep_values(5)
    lines[2] |= {"ticker": "NOPE", "fee_rate": -1}
    lines[4] |= {"params": {"period": 1}}

    answer = client.post("/api/runs/bulk", json=lines)

    assert answer.status_code == 400
    assert set(answer.json["errors"]) == {"3.ticker", "3.fee_rate", "5.params.period"}
    assert answer.json["error"] == "2 of 5 runs are not valid, so none was recorded"
    assert rows_of(app) == []
    assert redis_server.client().llen(QUEUE) == 0


def test_nothing_is_looked_at_behind_a_hundred_faults(client: FlaskClient) -> None:
    answer = client.post(
        "/api/runs/bulk", json=[run_values(ticker="NOPE", label=str(n)) for n in range(250)]
    )

    assert answer.json["error"].startswith("100 of 250 runs are not valid")
    assert answer.json["error"].endswith("these are listed, and the rest was not checked")
    assert list(answer.json["errors"]) == [f"{line}.ticker" for line in range(1, 101)]


@pytest.mark.parametrize(
    ("body", "content_type", "code", "fault"),
    [
        ("[]", "application/json", 400, "no runs"),
        ("{}", "application/json", 400, "array of runs is expected, not a dict"),
        ("[1, 2]", "application/json", 400, "2 of 2 runs"),
        ('{"ticker": "AAPL"}\n{"ticker', "application/x-ndjson", 400, "1 of 2 runs"),
        (
            "ticker=AAPL",
            "application/x-www-form-urlencoded",
            415,
            "accepted: application/json, application/x-ndjson",
        ),
        ("[NaN]", "application/json", 400, "not valid JSON"),
    ],
)
def test_a_body_of_another_shape_is_refused(
    client: FlaskClient, body: str, content_type: str, code: int, fault: str
) -> None:
    answer = client.post("/api/runs/bulk", data=body, content_type=content_type)

    assert answer.status_code == code
    assert fault in json.dumps(answer.json)


def test_a_run_that_names_another_batch_is_refused(client: FlaskClient) -> None:
    answer = client.post(
        "/api/runs/bulk?batch_id=mine", json=[run_values(), run_values(batch_id="yours")]
    )

    assert answer.json["errors"] == {"2.batch_id": "'yours' is not the call's batch 'mine'"}


def test_sending_a_batch_again_makes_no_second_run(app: Flask, client: FlaskClient) -> None:
    first = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(4))

    again = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(6))

    assert (again.status_code, again.json["new"], again.json["existing"]) == (
        202,
        2,
        {"pending": 4},
    )
    assert again.json["run_ids"][:4] == first.json["run_ids"]
    assert len(rows_of(app)) == 6
    third = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(6))
    assert (third.status_code, third.json["new"]) == (200, 0)


def test_the_same_request_twice_in_one_call_is_one_run(app: Flask, client: FlaskClient) -> None:
    answer = client.post(
        "/api/runs/bulk",
        json=[run_values(), run_values(label="again"), run_values(fee_rate=0.002)],
    )

    assert answer.json["new"] == 2
    assert answer.json["run_ids"][0] == answer.json["run_ids"][1] != answer.json["run_ids"][2]
    assert len(rows_of(app)) == 2


def test_a_repeated_idempotency_key_is_the_same_batch(app: Flask, client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "monday"}
    first = client.post("/api/runs/bulk", json=sweep_values(3), headers=headers)

    again = client.post("/api/runs/bulk", json=sweep_values(3), headers=headers)

    assert again.json["run_ids"] == first.json["run_ids"]
    assert (again.status_code, len(rows_of(app))) == (200, 3)


def test_two_calls_at_the_same_time_make_each_run_once(app: Flask) -> None:
    calls = [sweep_values(400), sweep_values(400)[::-1]] * 2

    with ThreadPoolExecutor(len(calls)) as pool:
        answers = list(
            pool.map(
                lambda values: app.test_client().post("/api/runs/bulk?batch_id=b", json=values),
                calls,
            )
        )

    assert {answer.status_code for answer in answers} <= {200, 202, 409}
    assert sum(answer.json.get("new", 0) for answer in answers) == len(rows_of(app)) == 400


def test_a_dry_run_says_what_exists_and_records_nothing(app: Flask, client: FlaskClient) -> None:
    client.post("/api/runs/bulk?batch_id=b", json=sweep_values(2))

    answer = client.post("/api/runs/bulk?batch_id=b&dry_run=true", json=sweep_values(5))

    assert (answer.status_code, answer.json["new"], answer.json["existing"]) == (
        200,
        3,
        {"pending": 2},
    )
    assert answer.json["run_ids"][2:] == [None] * 3
    assert len(rows_of(app)) == 2


def test_runs_are_accepted_while_redis_is_away(
    app: Flask, client: FlaskClient, redis_server: RedisServer
) -> None:
    redis_server.stop()

    answer = client.post("/api/runs/bulk", json=sweep_values(3))

    assert answer.status_code == 202
    assert [(row.status, row.enqueued_at) for row in rows_of(app)] == [("PENDING", None)] * 3


def test_runs_wait_since_the_end_of_a_slow_insert(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def insert_slowly(connection: Connection, new: Sequence[NewRun], plan_id: str | None) -> None:
        insert_runs(connection, new, plan_id)
        time.sleep(1.5 * operations.SLOW_S)

    monkeypatch.setattr(operations, "insert_runs", insert_slowly)
    client.post("/api/runs/bulk", json=sweep_values(3))

    inserts_s = [(row.waiting_since - row.created_at).total_seconds() for row in rows_of(app)]
    assert len(inserts_s) == 3
    assert min(inserts_s) > operations.SLOW_S


def test_an_absent_redis_costs_one_line_of_the_log_per_call(
    client: FlaskClient, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.stop()

    client.post("/api/runs/bulk", json=sweep_values(3))
    client.post("/run_backtest", json=run_values())

    warnings = [
        record.getMessage()
        for record in caplog.records
        if "enqueue_postponed" in record.getMessage()
    ]
    assert [line.split()[1] for line in warnings] == ["runs=3", "runs=1"]
