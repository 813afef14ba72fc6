"""POST /run_backtest with what people and programs get wrong: every fault by field, nothing recorded or enqueued."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from adapters.tables import run_events, runs
from tests.services.redis_server import RedisServer
from tests.services.web_app import run_values

NaN, INFINITY = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def nothing_is_left_behind(app: Flask, redis_server: RedisServer) -> Any:
    """After each of these tests no run is recorded and no message waits."""
    yield
    with app.extensions["platform"].engine.connect() as connection:
        rows = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (runs, run_events)
        ]
    assert (rows, redis_server.client().keys("rq:*")) == ([0, 0], [])


def faults(client: FlaskClient, values: Any) -> dict[str, str]:
    answer = client.post(
        "/run_backtest", data=json.dumps(values), content_type="application/json"
    )
    assert answer.status_code == 400, answer.text
    assert answer.json["error"]
    errors: dict[str, str] = answer.json["errors"]
    return errors


@pytest.mark.parametrize("field", ["ticker", "rule_type", "start_date", "end_date"])
def test_a_missing_field_is_required(client: FlaskClient, field: str) -> None:
    values = {name: value for name, value in run_values().items() if name != field}

    assert faults(client, values) == {field: "required"}


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"ticker": "NOPE"}, "ticker", "the nearest are "),
        ({"ticker": "NOPE"}, "ticker", "/api/tickers"),
        ({"ticker": "../etc/passwd"}, "ticker", "so no '/'"),
        ({"ticker": "M&M.NS"}, "ticker", "so no '&'"),
        ({"ticker": 7203}, "ticker", "quote it"),
        ({"ticker": True}, "ticker", "true is not accepted, which is true or false, not text"),
        ({"ticker": 5}, "ticker", "5"),
        ({"ticker": ""}, "ticker", "1 to 15"),
        ({"ticker": "Ä"}, "ticker", "Ä"),
        ({"ticker": "A" * 16}, "ticker", "1 to 15"),
        ({"rule_type": "LUCK"}, "rule_type", "is not one of: RSI"),
        ({"rule_type": None}, "rule_type", "null"),
        ({"params": {"luck": 1}}, "params.luck", "no such parameter"),
        ({"params": {"period": "14"}}, "params.period", "whole number from 2 to 200"),
        ({"params": {"period": 1}}, "params.period", "whole number from 2 to 200"),
        ({"params": {"period": 14.5}}, "params.period", "whole number from 2 to 200"),
        ({"params": {"period": True}}, "params.period", "whole number from 2 to 200"),
        ({"params": {"period": 10**400}}, "params.period", "whole number from 2 to 200"),
        ({"params": [14]}, "params", "object"),
        (
            {"rule_type": "MA_CROSS", "params": {"fast": 50, "slow": 20}},
            "params.fast",
            "less than slow",
        ),
        (
            {"start_date": "2006-12-31", "end_date": "2004-01-01"},
            "end_date",
            "the end must be after the start",
        ),
        ({"end_date": "2004-01-01"}, "end_date", "the end must be after the start"),
        ({"start_date": "01/02/2004"}, "start_date", "YYYY-MM-DD"),
        ({"start_date": "2004-02-30"}, "start_date", "YYYY-MM-DD"),
        ({"start_date": 1072915200}, "start_date", "YYYY-MM-DD"),
        (
            {"start_date": "2014-01-01", "end_date": "2015-01-01"},
            "start_date",
            "2000-03-01 to 2013-03-01",
        ),
        (
            {"start_date": "1990-01-01", "end_date": "1991-01-01"},
            "end_date",
            "2000-03-01 to 2013-03-01",
        ),
        # a weekend
        (
            {"start_date": "2004-01-03", "end_date": "2004-01-04"},
            "end_date",
            "no AAPL prices for these dates",
        ),
        (
            {"start_date": "2004-01-02", "end_date": "2004-01-04"},
            "end_date",
            "only 1 bar of AAPL on these dates, and a backtest needs 2",
        ),
        ({"initial_capital": -5}, "initial_capital", "above 0"),
        ({"initial_capital": 0}, "initial_capital", "above 0"),
        ({"initial_capital": "100000"}, "initial_capital", "above 0"),
        ({"initial_capital": 1e13}, "initial_capital", "at most 1,000,000,000,000"),
        ({"initial_capital": True}, "initial_capital", "above 0"),
        ({"fee_rate": 0.1}, "fee_rate", "below 0.1"),
        ({"fee_rate": -0.001}, "fee_rate", "fraction from 0"),
        ({"slippage_bps": 1001}, "slippage_bps", "0 to 1,000"),
        ({"position_size": 0}, "position_size", "above 0"),
        ({"position_size": 101, "size_type": "percent"}, "position_size", "more than 100"),
        ({"position_size": 10**309, "size_type": "percent"}, "position_size", "000"),
        ({"size_type": "shares"}, "size_type", "value (money per trade), percent"),
        (
            {"direction": "short"},
            "direction",
            "longonly (long only), longshort (long and short), shortonly (short only)",
        ),
        ({"timeframe": "2w"}, "timeframe", "1d (1 day)"),
        ({"timeframe": "1h"}, "ticker", "1h"),
        ({"fill": "open"}, "fill", "close (signal bar's close), next_open"),
        ({"stop_loss_pct": 100}, "stop_loss_pct", "below 100"),
        ({"take_profit_pct": 0}, "take_profit_pct", "above 0"),
        ({"trailing_stop_pct": "5%"}, "trailing_stop_pct", "above 0"),
        ({"exit_after_bars": 0}, "exit_after_bars", "bars from 1 to 100,000"),
        ({"exit_after_bars": 2.5}, "exit_after_bars", "whole number"),
        ({"atr_stop_multiple": 0}, "atr_stop_multiple", "times ATR above 0, at most 50"),
        ({"atr_stop_period": 1}, "atr_stop_period", "bars from 2 to 200"),
        ({"atr_stop_period": None}, "atr_stop_period", "bars from 2 to 200"),
        ({"liquidate_below_pct": 100}, "liquidate_below_pct", "percent from 0 to below 100"),
        ({"fractional_shares": "yes"}, "fractional_shares", "true or false"),
        ({"risk_free_rate": 1}, "risk_free_rate", "below 1"),
        ({"risk_free_rate": -0.01}, "risk_free_rate", "fraction from 0 to below 1"),
        ({"bars_per_year": 0}, "bars_per_year", "bars from 1 to 200,000"),
        ({"bars_per_year": 252.5}, "bars_per_year", "whole number"),
        ({"charts": 1}, "charts", "true or false"),
        ({"batch_id": ""}, "batch_id", "1 to 64"),
        ({"batch_id": "a/b"}, "batch_id", "slash"),
        ({"batch_id": ".."}, "batch_id", "address"),
        ({"label": "x" * 65}, "label", "at most 64"),
        ({"label": "a\u0000b"}, "label", "non-printable"),
        ({"run_id": "b6b1c1f0-0000-4000-8000-000000000000"}, "run_id", "issued by the server"),
        ({"colour": "red"}, "colour", "unknown field; accepted: ticker"),
    ],
)
def test_a_bad_value_is_refused_by_field_with_what_is_accepted(
    client: FlaskClient, changes: dict[str, Any], field: str, fault: str
) -> None:
    by_field = faults(client, run_values(**changes))

    assert list(by_field) == [field]
    assert fault in by_field[field]


def test_all_faults_of_a_request_are_reported_together(client: FlaskClient) -> None:
    values = run_values(
        ticker="NOPE",
        params={"period": 1, "luck": 2},
        fee_rate=-1,
        start_date="soon",
        fill="never",
        colour="red",
    )

    assert set(faults(client, values)) == {
        "ticker", "params.period", "params.luck", "fee_rate", "start_date", "fill", "colour",
    }  # fmt: skip


def test_faults_between_fields_are_reported_with_those_of_other_fields(
    client: FlaskClient,
) -> None:
    values = run_values(
        fee_rate=2,
        start_date="2010-01-02",
        end_date="2010-01-01",
        size_type="percent",
        batch_id="a/b",
        label="\u0007",
    )

    assert set(faults(client, values)) == {
        "fee_rate",
        "end_date",
        "position_size",
        "batch_id",
        "label",
    }


@pytest.mark.parametrize("number", [NaN, INFINITY, -INFINITY])
def test_nan_and_infinity_are_no_json(client: FlaskClient, number: float) -> None:
    assert "not valid JSON: " in faults(client, run_values(initial_capital=number))["body"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"a": 1,}', b"[" * 20_000, b'"text"', b"[]", b"null", b"3"],
    ids=["empty", "cut", "not utf-8", "comma", "deep", "text", "array", "null", "number"],
)
def test_a_body_that_is_no_json_object_is_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/run_backtest", data=body, content_type="application/json")

    assert answer.status_code == 400
    assert list(answer.json["errors"]) == ["body"]


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_another_content_type_is_415(client: FlaskClient, kind: str) -> None:
    answer = client.post("/run_backtest", data=json.dumps(run_values()), content_type=kind)

    assert answer.status_code == 415
    assert "accepted: application/json" in answer.json["error"]


def test_a_megabyte_is_413(client: FlaskClient) -> None:
    answer = client.post("/run_backtest", json=run_values(label="x" * 1024 * 1024))

    assert answer.status_code == 413
    assert "at most 262144" in answer.json["error"]


def test_a_refused_value_is_cut_in_the_answer(client: FlaskClient) -> None:
    assert len(faults(client, run_values(fill="x" * 10_000))["fill"]) < 200


def test_an_unknown_benchmark_is_reported_with_other_faults(client: FlaskClient) -> None:
    assert set(faults(client, run_values(benchmark="NOPE", fee_rate=2))) == {
        "benchmark",
        "fee_rate",
    }
