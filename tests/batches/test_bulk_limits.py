"""The limits of one bulk call, and of the queue behind it."""

import json

import pytest
from flask.testing import FlaskClient

from tests.services.redis_server import RedisServer
from tests.services.web_app import run_values, sweep_values, web_app
from web.api import MAX_BODY_BYTES


def test_more_runs_than_the_cap_are_refused(platform_settings: dict[str, str]) -> None:
    with web_app(platform_settings | {"MAX_BULK_RUNS": "5"}) as app:
        answer = app.test_client().post("/api/runs/bulk", json=sweep_values(6))

    assert answer.status_code == 413
    assert answer.json == {"error": "more than 5 runs in one call; at most 5 are accepted"}


def test_lines_are_counted_before_they_are_read(platform_settings: dict[str, str]) -> None:
    with web_app(platform_settings | {"MAX_BULK_RUNS": "5"}) as app:
        client = app.test_client()
        answers = [
            client.post(
                "/api/runs/bulk", data=b"\n\r\n{\n" * lines, content_type="application/x-ndjson"
            )
            for lines in (6, 5)
        ]

    assert [answer.status_code for answer in answers] == [413, 400]
    assert list(answers[1].json["errors"]) == [f"{line}.body" for line in (3, 6, 9, 12, 15)]


@pytest.mark.parametrize("field", ["colour", "label", "params"])
def test_one_run_of_many_may_be_no_larger_than_one_alone(client: FlaskClient, field: str) -> None:
    values = run_values(**{field: [None] * (MAX_BODY_BYTES // len("null"))})

    for path in ("/api/runs/bulk", "/api/runs/bulk?dry_run=true"):
        answer = client.post(path, json=[run_values(), values])
        assert list(answer.json["errors"]) == ["2.body"]
        assert (
            f"characters of JSON for one run; at most {MAX_BODY_BYTES:,} are accepted"
            in answer.json["errors"]["2.body"]
        )


def test_an_answer_lists_a_bounded_number_of_faults(client: FlaskClient) -> None:
    masses = run_values() | {f"field{number}": 1 for number in range(3_000)}

    assert len(client.post("/run_backtest", json=masses).json["errors"]) == 1000
    assert len(client.post("/api/runs/bulk", json=[masses] * 3).json["errors"]) == 1000


def test_a_body_over_the_cap_is_refused(platform_settings: dict[str, str]) -> None:
    with web_app(platform_settings | {"MAX_BODY_MB": "1"}) as app:
        answer = app.test_client().post(
            "/api/runs/bulk", data=b" " * (1024 * 1024 + 1), content_type="application/json"
        )

    assert answer.status_code == 413
    assert "at most 1048576" in answer.json["error"]


def test_a_batch_that_would_overfill_the_queue_learns_when_to_try_again(
    platform_settings: dict[str, str], redis_server: RedisServer
) -> None:
    with web_app(platform_settings | {"MAX_QUEUE_DEPTH": "10"}) as app:
        client = app.test_client()
        client.post("/api/runs/bulk?batch_id=b", json=sweep_values(8))

        answer = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(12))
        fitting = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(10))

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    assert "8 runs wait already, and at most 10 may" in answer.json["error"]
    assert fitting.status_code == 202
    assert redis_server.client().llen("rq:queue:backtests-bulk") == 10


def test_the_largest_documented_call_fits_into_its_body(
    platform_settings: dict[str, str],
) -> None:
    values = {
        "ticker": "AAPL",
        "rule_type": "RSI_MACD",
        "params": dict.fromkeys(
            ("period", "oversold", "overbought", "fast", "slow", "signal"), 30.25
        ),
        "start_date": "2004-01-01",
        "end_date": "2013-03-01",
        "initial_capital": 100000.0,
        "fee_rate": 0.001,
        "slippage_bps": 2.5,
        "position_size": 10000.0,
        "size_type": "percent",
        "direction": "longshort",
        "timeframe": "1d",
        "fill": "next_open",
        "stop_loss_pct": 12.5,
        "take_profit_pct": 12.5,
        "trailing_stop_pct": 12.5,
        "charts": False,
        "batch_id": "b" * 64,
        "label": "l" * 64,
    }
    with web_app(platform_settings) as app:
        settings = app.extensions["platform"].settings

    assert (
        len(json.dumps(values)) + 1
    ) * settings.max_bulk_runs <= settings.max_body_mb * 1024 * 1024
