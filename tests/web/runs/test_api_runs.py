"""The HTTP API of single runs: submission, idempotency, status, cancel, retry, reproduce, back-pressure."""

import json
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from adapters.tables import runs
from tests.services.finished_runs import break_down, succeed
from tests.services.redis_server import RedisServer
from tests.services.web_app import run_values, web_app
from tests.web.conftest import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES

QUEUE = "rq:queue:backtests"
UNKNOWN = "6b7a1f8e-53a0-4a57-9d0c-8f0f5f3a2b11"


def count_runs(app: Flask) -> int:
    with app.extensions["platform"].engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(runs)).scalar_one())


def submitted(client: FlaskClient, **changes: object) -> str:
    answer = client.post("/run_backtest", json=run_values(**changes))
    assert answer.status_code == 202, answer.text
    run_id: str = answer.json["run_id"]
    return run_id


def test_a_run_is_accepted_with_where_to_watch_it(
    client: FlaskClient, redis_server: RedisServer
) -> None:
    answer = client.post("/run_backtest", json=run_values(label="déjà vu 📈"))

    run_id = answer.json["run_id"]
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    assert client.get(answer.json["status_url"]).json["position"] == 0
    assert client.get(f"/api/runs/{run_id}").json["request"]["label"] == "déjà vu 📈"
    assert redis_server.client().lrange(QUEUE, 0, -1) == [f"{run_id}-1"]


def test_params_are_stored_exactly_as_they_were_sent(client: FlaskClient) -> None:
    run_id = submitted(client, params={"oversold": 25})

    request = client.get(f"/api/runs/{run_id}").json["request"]

    assert (request["params"], request["rule_id"]) == ({"oversold": 25}, "RSI_14_25_70")


def test_a_repeated_idempotency_key_is_answered_with_the_same_run(
    app: Flask, client: FlaskClient
) -> None:
    headers = {"Idempotency-Key": "once"}
    first = client.post("/run_backtest", json=run_values(), headers=headers)

    again = client.post(
        "/run_backtest", json=run_values(label="only a label differs"), headers=headers
    )

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json["run_id"] == first.json["run_id"]
    assert count_runs(app) == 1


def test_a_key_that_was_used_for_something_else_is_a_conflict(
    app: Flask, client: FlaskClient
) -> None:
    headers = {"Idempotency-Key": "once"}
    client.post("/run_backtest", json=run_values(), headers=headers)

    other = client.post("/run_backtest", json=run_values(fee_rate=0.002), headers=headers)

    assert (other.status_code, count_runs(app)) == (409, 1)
    assert "Idempotency-Key" in other.json["error"]


@pytest.mark.parametrize("key", ["", "x" * 129, "tab\there"])
def test_a_key_out_of_shape_is_refused(client: FlaskClient, key: str) -> None:
    answer = client.post("/run_backtest", json=run_values(), headers={"Idempotency-Key": key})

    assert (answer.status_code, list(answer.json["errors"])) == (400, ["Idempotency-Key"])


def test_the_same_key_at_the_same_time_makes_one_run(app: Flask) -> None:
    def send(_: int) -> str:
        answer = app.test_client().post(
            "/run_backtest", json=run_values(), headers={"Idempotency-Key": "race"}
        )
        return str(answer.json["run_id"])

    with ThreadPoolExecutor(8) as pool:
        run_ids = set(pool.map(send, range(16)))

    assert (len(run_ids), count_runs(app)) == (1, 1)


def test_a_batch_has_the_same_request_once(app: Flask, client: FlaskClient) -> None:
    first = client.post("/run_backtest", json=run_values(batch_id="b"))
    again = client.post("/run_backtest", json=run_values(batch_id="b", initial_capital=100000))

    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json["run_id"] == again.json["run_id"]
    assert submitted(client, batch_id="other") != submitted(client) != first.json["run_id"]
    assert count_runs(app) == 3


def test_a_waiting_run_is_cancelled_once(client: FlaskClient, redis_server: RedisServer) -> None:
    run_id = submitted(client)

    first, again = (client.post(f"/api/runs/{run_id}/cancel") for _ in range(2))

    status = client.get(f"/status/{run_id}").json
    assert (first.status_code, again.status_code) == (200, 409)
    assert (status["status"], status["error_type"]) == ("failed", "cancelled")
    assert redis_server.client().llen(QUEUE) == 0


def test_a_single_retry_of_a_batch_s_run_is_a_person_s(
    app: Flask, client: FlaskClient, redis_server: RedisServer
) -> None:
    run_id = submitted(client, batch_id="b")
    break_down(app.extensions["platform"].engine, run_id)

    client.post(f"/api/runs/{run_id}/retry")

    assert redis_server.client().lrange(QUEUE, 0, -1) == [f"{run_id}-2"]


def test_a_failed_run_is_retried_as_its_next_attempt(
    app: Flask, client: FlaskClient, redis_server: RedisServer
) -> None:
    run_id = submitted(client)
    break_down(app.extensions["platform"].engine, run_id)

    answer, again = (client.post(f"/api/runs/{run_id}/retry") for _ in range(2))

    status = client.get(f"/status/{run_id}").json
    assert (answer.status_code, again.status_code) == (202, 409)
    assert (status["status"], status["attempt"], status["error_message"]) == ("pending", 2, None)
    assert redis_server.client().lindex(QUEUE, -1) == f"{run_id}-2"
    assert [event["to_status"] for event in client.get(f"/api/runs/{run_id}/events").json["events"]] == [
        "PENDING", "RUNNING", "FAILED", "PENDING",
    ]  # fmt: skip


def test_a_run_is_reproduced_as_a_new_one_outside_its_batch(
    app: Flask, client: FlaskClient
) -> None:
    run_id = submitted(client, batch_id="b")

    answer = client.post(f"/api/runs/{run_id}/reproduce")

    first, second = (
        client.get(f"/api/runs/{each}").json["request"]
        for each in (run_id, answer.json["run_id"])
    )
    assert answer.status_code == 202
    assert second == first | {"run_id": answer.json["run_id"], "batch_id": None}


@pytest.mark.parametrize("action", ["cancel", "retry", "reproduce"])
def test_what_does_not_exist_cannot_be_changed(client: FlaskClient, action: str) -> None:
    answer = client.post(f"/api/runs/{UNKNOWN}/{action}")

    assert (answer.status_code, "no run has the id" in answer.json["error"]) == (404, True)


@pytest.mark.parametrize("path", ["/status/{}", "/api/runs/{}", "/api/runs/{}/events"])
@pytest.mark.parametrize("run_id", [UNKNOWN, "1", "../../etc/passwd", "x" * 5000])
def test_an_unknown_run_is_404_as_json(client: FlaskClient, path: str, run_id: str) -> None:
    answer = client.get(path.format(run_id))

    assert answer.status_code == 404
    assert list(answer.json) == ["error"]


def test_a_completed_run_cannot_be_cancelled_or_retried(app: Flask, client: FlaskClient) -> None:
    run_id = submitted(client)
    succeed(app.extensions["platform"].engine, run_id, {"sharpe_ratio": 1.0})

    codes = [
        client.post(f"/api/runs/{run_id}/{action}").status_code for action in ("cancel", "retry")
    ]

    assert codes == [409, 409]
    assert client.get(f"/status/{run_id}").json["status"] == "completed"


def test_a_status_that_has_not_changed_is_304(client: FlaskClient) -> None:
    run_id = submitted(client)
    first = client.get(f"/status/{run_id}")

    same = client.get(f"/status/{run_id}", headers={"If-None-Match": first.headers["ETag"]})
    client.post(f"/api/runs/{run_id}/cancel")
    changed = client.get(f"/status/{run_id}", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, same.status_code, changed.status_code) == (200, 304, 200)
    assert same.data == b""


def test_a_full_queue_is_429_with_when_to_come_back(platform_settings: dict[str, str]) -> None:
    with web_app(platform_settings | {"MAX_QUEUE_DEPTH": "2"}) as app:
        client = app.test_client()
        codes = [client.post("/run_backtest", json=run_values()).status_code for _ in range(3)]
        answer = client.post("/run_backtest", json=run_values())

        assert codes == [202, 202, 429]
        assert (answer.headers["Retry-After"], count_runs(app)) == ("30", 2)


def test_a_retry_is_refused_when_the_queue_is_full(platform_settings: dict[str, str]) -> None:
    with web_app(platform_settings | {"MAX_QUEUE_DEPTH": "2"}) as app:
        client = app.test_client()
        bulk = [run_values(params={"period": period}) for period in (5, 6)]
        run_ids = client.post("/api/runs/bulk?batch_id=b", json=bulk).json["run_ids"]
        client.post("/api/batches/b/cancel")
        for _ in range(2):
            client.post("/run_backtest", json=run_values())

        one, batch = (
            client.post(f"/api/runs/{run_ids[0]}/retry"),
            client.post("/api/batches/b/retry?cancelled=true"),
        )

        assert (one.status_code, batch.status_code) == (429, 429)
        assert client.get("/api/batches/b").json["counts"]["pending"] == 0


def test_without_redis_the_runs_in_the_database_fill_the_queue(
    platform_settings: dict[str, str],
) -> None:
    with web_app(
        platform_settings | {"MAX_QUEUE_DEPTH": "2", "REDIS_URL": "redis://127.0.0.1:9/0"}
    ) as app:
        codes = [
            app.test_client().post("/run_backtest", json=run_values()).status_code
            for _ in range(3)
        ]

    assert codes == [202, 202, 429]


def test_a_known_key_is_answered_although_the_queue_is_full(
    platform_settings: dict[str, str],
) -> None:
    with web_app(platform_settings | {"MAX_QUEUE_DEPTH": "1"}) as app:
        send = {"json": run_values(), "headers": {"Idempotency-Key": "k"}}
        first, again = (app.test_client().post("/run_backtest", **send) for _ in range(2))

    assert (first.status_code, again.status_code) == (202, 200)


def test_a_statement_that_the_database_refuses_is_no_absent_database(
    app: Flask, client: FlaskClient
) -> None:
    refused = IntegrityError("INSERT …", {}, Exception("UNIQUE constraint failed"))
    app.extensions["platform"].prices.get = Mock(side_effect=refused)

    answer = client.post("/run_backtest", json=run_values())

    assert (answer.status_code, answer.json["error"]) == (500, "Internal server error")
    assert "Away" not in answer.headers


def test_an_absent_database_is_503_without_the_trace(platform_settings: dict[str, str]) -> None:
    away = {"DATABASE_URL": "mysql+pymysql://nobody:secret-word@127.0.0.1:9/none"}
    with web_app(platform_settings | away) as app:
        answer = app.test_client().post("/run_backtest", json=run_values())

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json["error"].startswith(
        "The database does not answer: nothing can be read or recorded until it is"
    )
    assert (answer.json["run_id"], answer.headers["Away"]) == (None, "The database")
    assert "secret-word" not in json.dumps(answer.json)
