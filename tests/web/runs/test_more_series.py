"""Runs whose rule reads further columns, coarser bars, sessions and other tickers: accepted, computed, reproduced."""

from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.services.jobs import run_all

pandas = pytest.importorskip("pandas")

DATES = {"start_date": "2020-03-02", "end_date": "2020-12-31", "charts": False}
RULE = {
    "buy": 'close > on("1w", sma(close, 3)) and score > 0.4 and of("KO", close > sma(close, n) or mood > 1)',
    "sell": 'zscore(close / of("KO", close), 20) > 1',
    "inputs": {"n": 5},
}


def csv_of(days: Any, seed: int, **columns: Any) -> str:
    """Random bars on these days, with further columns."""
    rng = np.random.default_rng(seed)
    close = 100 * np.cumprod(1 + rng.normal(0, 0.02, len(days)))
    frame = pandas.DataFrame(
        {"Date": days, "Open": close, "High": close, "Low": close, "Close": close, "Volume": 5}
    )
    return frame.assign(**columns).to_csv(index=False)


@pytest.fixture
def loaded(client: FlaskClient) -> FlaskClient:
    """A client of a store with AA and KO, which have further columns."""
    days = pandas.bdate_range("2020-01-01", "2020-12-31")
    rng = np.random.default_rng(3)
    score = np.where(rng.random(len(days)) < 0.1, np.nan, rng.random(len(days)))
    put(client, "AA/1d", csv_of(days, 1, score=score))
    put(client, "KO/1d", csv_of(days[::2], 2, mood=rng.random(len(days[::2]))))
    return client


def put(client: FlaskClient, series: str, text: str, **query: str) -> Any:
    answer = client.put(
        f"/api/prices/{series}", data=text, query_string=query, content_type="text/csv"
    )
    assert answer.status_code == 201, answer.json
    return answer.json


def submitted(client: FlaskClient, **changes: Any) -> Any:
    request = {"ticker": "AA", "rule_type": "FORMULA", "params": RULE, **DATES} | changes
    return client.post("/run_backtest", json=request)


def result(app: Flask, client: FlaskClient, run_id: str) -> Any:
    run_all(app.extensions["platform"].engine)
    answer = client.get(f"/api/runs/{run_id}").json
    assert answer["status"] == "completed", answer
    return answer


def test_the_versions_that_were_read_stand_in_the_request_and_stay(
    app: Flask, loaded: FlaskClient
) -> None:
    client, old = loaded, loaded.get("/api/prices/KO/1d").json["versions"][0]["data_hash"]
    first = result(app, client, submitted(client).json["run_id"])

    days = pandas.bdate_range("2020-01-01", "2020-12-31")
    new = put(client, "KO/1d", csv_of(days, 9, mood=0.5))["data_hash"]
    again = client.post(f"/api/runs/{first['run_id']}/reproduce").json["run_id"]
    fresh = result(app, client, submitted(client).json["run_id"])
    pinned = result(app, client, submitted(client, others={"KO": old}).json["run_id"])
    again = result(app, client, again)

    assert first["metrics"]["num_trades"] > 3
    assert first["request"]["others"] == again["request"]["others"] == {"KO": old}
    assert fresh["request"]["others"] == {"KO": new}
    assert first["result_hash"] == again["result_hash"] == pinned["result_hash"]
    assert first["result_hash"] != fresh["result_hash"]
    kept = client.delete(f"/api/prices/KO/1d/{old}")
    assert (kept.status_code, "is in use by runs" in kept.json["error"]) == (409, True)
    page, report = (
        client.get(f"/result/{first['run_id']}{path}").text for path in ("", "/report.html")
    )
    assert f'<dt>Prices of KO</dt><dd title="{old}">' in page and f"{old}.csv" in report
    compared = client.get(f"/compare?run={first['run_id']}&run={fresh['run_id']}").text
    assert "KO" in compared and old not in compared and "Other prices" not in compared


def test_lines_of_other_series_are_drawn_and_explained(app: Flask, loaded: FlaskClient) -> None:
    run = result(app, loaded, submitted(loaded).json["run_id"])

    lines = loaded.get(f"/api/runs/{run['run_id']}/lines").json["lines"]
    explained = loaded.get(f"/api/runs/{run['run_id']}/explanation?bar=50").json

    names = [each["name"] for each in lines]
    assert {'on("1w", SMA(3))', "score", 'of("KO", close)'} <= {*names}
    assert 'zscore(close / of("KO", close), 20)' in names
    assert 'on("1w", SMA(3))' in str(explained) and "score" in str(explained)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"buy": "scoer > 1"}, "; the further columns of the ticker are score; did you mean `score`?"),
        ({"buy": 'of("KO", score) > 1'}, "; the further columns of KO are mood; did you mean `zscore`?"),
        ({"buy": 'of("XX", close) > 1'}, "column 4: no 1d prices of ticker 'XX'"),
        ({"buy": 'on("1d", close) > 1'}, "`1d` is not coarser than the 1d bars of this run"),
        ({"buy": 'of("KO", close, 0 - 1) > 1'}, "days are not above 0"),
    ],
)  # fmt: skip
def test_a_fault_says_what_the_ticker_has(
    loaded: FlaskClient, params: dict[str, str], message: str
) -> None:
    answer = submitted(loaded, params=RULE | {"inputs": {}, "sell": "close < 1"} | params)

    assert answer.status_code == 400
    assert message in answer.json["errors"]["params.buy"], answer.json


def test_another_timeframe_of_the_other_ticker_is_named(loaded: FlaskClient) -> None:
    days = pandas.bdate_range("2020-01-01", "2020-12-31")
    put(loaded, "WW/1w", csv_of(days[days.day_of_week == 0], 4))
    texts = {"buy": 'of("KO", close) > 1', "sell": "close < 1"}

    answer = submitted(loaded, ticker="WW", timeframe="1w", params=texts)

    assert "no 1w prices of ticker 'KO'; it has 1d" in answer.json["errors"]["params.buy"]


def test_versions_that_the_rule_does_not_read_are_refused(loaded: FlaskClient) -> None:
    texts = {"buy": "close > 1", "sell": "close < 1"}

    unread = submitted(loaded, params=texts, others={"KO": "a" * 64})
    unknown = submitted(loaded, others={"KO": "a" * 64})

    assert unread.json["errors"] == {"others": "the rule does not read KO"}
    assert "KO has no 1d prices with data_hash aaaa" in unknown.json["errors"]["params.buy"]


def test_the_editor_takes_columns_for_no_inputs_and_checks_them(loaded: FlaskClient) -> None:
    body = {
        "rule_type": "FORMULA",
        "params": RULE | {"inputs": {}},
        "ticker": "aa",
        "timeframe": "1d",
    }

    with_ticker = loaded.post("/api/rules/check", json=body).json
    without = loaded.post("/api/rules/check", json={"rule_type": "FORMULA", "params": RULE}).json

    assert with_ticker["inputs"] == ["n"]
    assert "`n` has no value" in with_ticker["errors"]["params.buy"]
    assert (with_ticker["columns"], without["columns"]) == (["score"], [])
    assert without["inputs"] == ["score", "n"]  # mood is a column of KO
    assert "`score` has no value" in without["errors"]["params.buy"]


def test_a_screen_and_a_study_read_them_and_a_row_equals_its_run(
    app: Flask, loaded: FlaskClient
) -> None:
    base = {"ticker": "AA", "rule_type": "FORMULA", "params": RULE, **DATES}
    axes = {"inputs.n": [3, 5, 9]}
    screen = loaded.post("/api/screens", json={"name": "s", "base": base, "parameters": axes})
    assert screen.status_code == 202, screen.json
    run_all(app.extensions["platform"].engine)
    screened = loaded.get(f"/api/screens/{screen.json['screen_id']}").json

    row = screened["leaderboard"][0]
    run = result(
        app,
        loaded,
        submitted(loaded, params=RULE | {"inputs": {"n": row["params"]["inputs.n"]}}).json[
            "run_id"
        ],
    )

    assert len(screened["leaderboard"]) == 3
    assert row["metrics"]["sharpe_ratio"] == run["metrics"]["sharpe_ratio"]
    study = {
        "kind": "holdout",
        "base": without_params(base),
        "combinations": [RULE | {"inputs": {"n": n}} for n in (3, 5)],
    }
    assert loaded.post("/api/studies", json=study).status_code == 202


def test_a_screen_is_another_on_other_prices_that_only_some_of_its_rules_read(
    loaded: FlaskClient,
) -> None:
    base = {"ticker": "AA", "rule_type": "FORMULA", "params": {"sell": "close < 1"}, **DATES}
    axes = {"buy": ["close > 1", 'close > of("KO", close)']}

    def screened() -> Any:
        body = {"name": "s", "base": base, "parameters": axes}
        return loaded.post("/api/screens", json=body, headers={"Idempotency-Key": "one"})

    first, again = screened(), screened()
    put(loaded, "KO/1d", csv_of(pandas.bdate_range("2020-01-01", "2020-12-31"), 9))

    assert first.json["screen_id"] == again.json["screen_id"]
    assert "was used for a different screen" in screened().json["error"]


def without_params(base: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in base.items() if name not in ("params", "charts")}


def test_a_portfolios_legs_read_them_and_its_shared_texts_only_common_columns(
    app: Flask, loaded: FlaskClient
) -> None:
    legs = [
        {"ticker": "AA", "rule_type": "FORMULA", "params": RULE},
        {
            "ticker": "KO",
            "rule_type": "FORMULA",
            "params": {"buy": 'mood > of("AA", score)', "sell": "mood < 0.3"},
        },
    ]
    dates = {name: DATES[name] for name in ("start_date", "end_date")}

    accepted = loaded.post("/api/portfolios", json={"legs": legs, **dates})
    refused = [
        loaded.post("/api/portfolios", json={"legs": legs, "priority": text, **dates}).json[
            "errors"
        ]["priority"]
        for text in ("score", 'of("AA", close)', 'on("1w", clse)')
    ]

    assert accepted.status_code == 202, accepted.json
    assert "`score` has no value" in refused[0]
    assert "a text that all legs share cannot name another ticker" in refused[1]
    assert "did you mean `close`?" in refused[2]
    ranked = {
        "legs": [{"ticker": "AA"}, {"ticker": "KO"}],
        "mode": "ranked",
        "top": 1,
        "rebalance": "monthly",
    }
    weekly = loaded.post(
        "/api/portfolios", json=ranked | dates | {"score": 'on("1w", roc(close, 3))'}
    )
    assert weekly.status_code == 202, weekly.json
    run_all(app.extensions["platform"].engine)
    done = loaded.get(f"/api/portfolios/{weekly.json['portfolio_id']}").json
    assert done["status"] == "completed", done


def minutes() -> str:
    """Half hours of New York's sessions in UTC, over a change of clocks."""
    days = pandas.bdate_range("2020-02-24", "2020-03-20")
    local = [
        time
        for day in days
        for time in pandas.date_range(f"{day.date()} 09:30", f"{day.date()} 15:30", freq="30min")
    ]
    return csv_of(
        pandas.DatetimeIndex(local)
        .tz_localize("America/New_York")
        .tz_convert("UTC")
        .strftime("%Y-%m-%dT%H:%M:%SZ"),
        5,
    )


def test_a_request_is_flat_at_a_time_of_the_exchange(app: Flask, loaded: FlaskClient) -> None:
    put(loaded, "MM/30m", minutes())
    rule = {"buy": "close > open or close <= open", "sell": "close < 0"}
    dates = {"start_date": "2020-02-24", "end_date": "2020-03-20"}

    accepted = submitted(
        loaded, ticker="MM", timeframe="30m", params=rule, flat_at="15:30", **dates
    )
    refused = submitted(loaded, flat_at="15:30")
    wrong = submitted(
        loaded, ticker="MM", timeframe="30m", params=rule, flat_at="3:30 pm", **dates
    )

    trades = result(app, loaded, accepted.json["run_id"])["trades"]
    exits = pandas.to_datetime([each["exit_timestamp"] for each in trades], utc=True)
    entries = pandas.to_datetime([each["entry_timestamp"] for each in trades], utc=True)
    assert len(trades) == 20 and {each["exit_reason"] for each in trades} == {"flat_at"}
    assert {*exits.tz_convert("America/New_York").strftime("%H:%M")} == {"16:00"}
    assert {*entries.tz_convert("America/New_York").strftime("%H:%M")} == {"10:00"}
    assert "daily and weekly bars have no time of day" in refused.json["errors"]["flat_at"]
    assert "5 characters" in wrong.json["errors"]["flat_at"]
