"""Prices are loaded, listed, given back and forgotten over HTTP, and what cannot be loaded is refused by line."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapters.queue.messages import Attempt
from adapters.runs.states import claim, finish
from consumer.kinds.backtest import backtest
from tests.services.prices import run_prices
from tests.services.web_app import run_values
from tests.web.conftest import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES

DATA = Path(__file__).resolve().parents[2] / "data"
HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"
TIMES = [f"{10 + minute // 60}:{minute % 60:02}" for minute in range(0, 60, 5)]
INTRADAY = HEADER + "".join(
    f"2013-01-{day:02} {at},{day},{day},{day},{day},{day},1\n" for day in (2, 3) for at in TIMES
)
ROWS = "".join(
    f"2013-01-{day:02},{day}0,{day}1,{day}0,{day}1,{day}0.5,100\n" for day in range(1, 29)
)


def put(client: FlaskClient, text: str | bytes, address: str = "NEW/1d", **query: str):
    return client.put(
        f"/api/prices/{address}", data=text, query_string=query, content_type="text/csv"
    )


def test_a_dry_run_reports_and_stores_nothing(client: FlaskClient) -> None:
    answer = put(client, HEADER + ROWS, dry_run="true")

    assert answer.status_code == 200
    assert (answer.json["outcome"], answer.json["stored"], answer.json["bars"]) == (
        "new",
        False,
        28,
    )
    assert "scaled by Adj Close" in answer.json["done"][0]
    assert client.get("/api/prices/NEW/1d").status_code == 404


def test_a_file_is_loaded_whatever_its_content_type(client: FlaskClient) -> None:
    as_curl_sends_it = client.put(
        "/api/prices/NEW/1d",
        data=HEADER + ROWS,
        content_type="application/x-www-form-urlencoded",
    )

    assert (as_curl_sends_it.status_code, as_curl_sends_it.json["bars"]) == (201, 28)


def test_a_known_charset_of_the_content_type_is_honoured(client: FlaskClient) -> None:
    def put_as(charset: str, text: str, encoding: str):
        return client.put(
            "/api/prices/NEW/1d",
            data=text.encode(encoding),
            query_string={"dry_run": "true"},
            content_type=f"text/csv; charset={charset}",
        )

    text = HEADER + ROWS
    greek = put_as("iso-8859-7", text.replace("Date", "Ημερομηνία", 1), "iso-8859-7")
    utf_32 = put_as("utf-32", text, "utf-32")
    unknown = put_as("klingon", text, "utf-8")
    wrong = put_as("ascii", text.replace("Date", "Fecha é", 1), "utf-8")

    assert "the header has 'Ημερομηνία'" in greek.json["error"]
    assert [each.status_code for each in (utf_32, unknown, wrong)] == [200, 200, 400]
    assert "not ascii text, as its Content-Type says" in wrong.json["errors"]["file"]


def test_a_file_that_names_another_ticker_is_loaded_with_a_warning(client: FlaskClient) -> None:
    lines = HEADER.strip() + ",Symbol\n" + ROWS.replace(",100\n", ",100,AAA.US\n")

    other = put(client, lines, "BBB/1d", dry_run="true").json["warnings"]
    same = put(client, lines, "AAA/1d", dry_run="true").json["warnings"]

    warning = "the file is for AAA.US but is loaded as BBB"
    assert [each["message"] for each in other if each not in same] == [warning]


def test_a_guess_says_what_it_took_and_what_it_cannot_tell(client: FlaskClient) -> None:
    unsure = put(client, INTRADAY, dry_run="true", guess="true")
    taken = put(client, INTRADAY, dry_run="true", guess="true", timezone="Europe/Paris")

    assert (unsure.status_code, list(unsure.json["errors"])) == (400, ["timezone"])
    assert "10:00 to 10:55, which match no known exchange" in unsure.json["errors"]["timezone"]
    assert (taken.json["timeframe"], taken.json["timezone"]) == ("5m", "Europe/Paris")
    assert taken.json["looks"].startswith(
        "bars are 5 minutes apart (5m); trading hours are 10:00"
    )


def test_rows_that_contradict_themselves_are_handled_as_requested(client: FlaskClient) -> None:
    bad = HEADER + ROWS.replace("50,51,50,51", "50,50.5,50,51").replace(
        "280,281,280,281", "280,281,282,281"
    )

    refused, widened, dropped = (
        put(client, bad, dry_run="true", bad_rows=each) for each in ("", "widen", "drop")
    )

    assert (refused.status_code, widened.status_code, dropped.status_code) == (400, 200, 200)
    assert list(refused.json["errors"]) == ["line 6"]
    assert "(2 lines have this fault: 6, 29)" in refused.json["errors"]["line 6"]
    assert (widened.json["bars"], dropped.json["bars"]) == (28, 26)
    for answer in (widened, dropped):
        assert answer.json["warnings"][0]["message"].endswith("2 rows: lines 6, 29")
    assert "bad_rows" in put(client, bad, bad_rows="fix").json["errors"]


def test_daily_bars_of_the_evening_before_are_dated_by_their_session_unless_requested_otherwise(
    client: FlaskClient,
) -> None:
    days = (6, 7, 8, 9, 10, 13, 14)
    text = "time,close\n" + "".join(f"2013-01-{day:02}T22:00:00Z,{day}\n" for day in days)

    dated, kept = (put(client, text, dry_run="true", keep_dates=each) for each in ("", "true"))

    assert (dated.json["first_bar"], kept.json["first_bar"]) == ("2013-01-07", "2013-01-06")
    assert "7 of 7 daily bars dated by their session" in str(dated.json["warnings"])
    assert "2 bars on Sundays and 0 on Fridays" in str(kept.json["warnings"])


def test_a_loaded_file_is_listed_given_back_and_runnable(client: FlaskClient) -> None:
    answer = put(
        client, gzip.compress((HEADER + ROWS).encode()), source="new.csv", note="from a friend"
    )

    assert (answer.status_code, answer.json["stored"]) == (201, True)
    (version,) = client.get("/api/prices/new/1d").json["versions"]
    assert (version["is_current"], version["bars"], version["source"], version["note"]) == (
        True,
        28,
        "new.csv",
        "from a friend",
    )
    csv = client.get(f"/api/prices/NEW/1d/{version['data_hash']}.csv").data
    assert hashlib.sha256(csv).hexdigest() == version["data_hash"]
    assert "NEW" in [each["ticker"] for each in client.get("/api/tickers").json["tickers"]]
    dates = {"start_date": "2013-01-01", "end_date": "2013-01-28"}
    assert client.post("/run_backtest", json=run_values(ticker="NEW", **dates)).status_code == 202


def test_a_series_of_closes_only_is_marked_as_such_wherever_it_is_shown(
    client: FlaskClient,
) -> None:
    lone = HEADER + "".join(
        f"2013-01-{day:02},{day},{day},{day},{day},{day},100\n" for day in range(1, 29)
    )
    put(client, HEADER + ROWS, "FULL/1d")

    report = put(client, lone, "LONE/1d").json

    def of(listed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {each["ticker"]: each for each in listed}

    assert report["closes_only"] and "closes only: " in report["warnings"][-1]["message"]
    series, tickers = (
        of(client.get("/api/prices").json["series"]),
        of(client.get("/api/tickers").json["tickers"]),
    )
    assert [series[ticker]["closes_only"] for ticker in ("LONE", "FULL")] == [True, False]
    assert [
        tickers[ticker]["timeframes"]["1d"]["closes_only"] for ticker in ("LONE", "FULL")
    ] == [True, False]
    pages = [client.get(f"/prices{path}").text for path in ("/LONE/1d", "/FULL/1d", "")]
    assert ["closes only" in page for page in pages] == [True, False, True]


def test_the_same_file_again_changes_nothing_and_says_so(client: FlaskClient) -> None:
    put(client, HEADER + ROWS)

    again = put(client, HEADER + ROWS)

    assert (again.status_code, again.json["outcome"], again.json["stored"]) == (
        200,
        "unchanged",
        False,
    )


def test_a_new_version_says_what_it_revises(client: FlaskClient) -> None:
    put(client, HEADER + ROWS, adjust="false")

    changed = put(
        client, HEADER + ROWS.replace("280,281,280,281", "280,285,280,285"), adjust="false"
    ).json

    assert (changed["outcome"], changed["added"], changed["revised"], changed["removed"]) == (
        "changed",
        0,
        1,
        0,
    )
    assert "1 bars differ from the current version" in changed["warnings"][-1]["message"]


def test_bad_files_and_bad_addresses_are_refused_in_words(client: FlaskClient) -> None:
    for text, place, says in (
        ("", "file", "the file is empty"),
        (HEADER + ROWS + "2013-01-28,1,1,1,1,1,1\n", "line 30", "Date appears twice"),
        (HEADER + "2013-01-28,1,x,1,1,1,1\n", "line 2", "High 'x' is not a number"),
        (b"\x89PNG\r\n\x1a\n", "file", "a PNG picture"),
        (HEADER + "2013-01-28,1," + "1" * 200_000 + ",1,1,1,1\n", "line 2", "High 111"),
        (
            HEADER + ROWS + '2013-01-29,1,1,1,1,1,"1\n',
            "line 30",
            "the quote in column 'Volume' is not closed",
        ),
        (gzip.compress((HEADER + ROWS).encode())[:-9], "file", "not a whole gzip file"),
        (
            INTRADAY,
            "timeframe",
            "1d (1 day) does not fit the file: bars are 5 minutes apart (5m)",
        ),
        (
            HEADER + "0001-01-03,1,1,1,1,1,1\n",
            "line 2",
            "Date '0001-01-03' is out of range: the years 1600 to 2199",
        ),
    ):
        answer = put(client, text)
        assert (answer.status_code, says in answer.json["errors"][place]) == (400, True), (
            answer.json
        )
    for address in ("A..B/1d", "NEW/2h", "日/1d", "A_B/1d"):
        assert put(client, HEADER + ROWS, address).status_code == 400, address
    for query in ({"dry_run": "yes"}, {"timezone": "Mars/Base"}, {"colour": "red"}):
        assert put(client, HEADER + ROWS, **query).status_code == 400, query
    assert put(client, HEADER + ROWS, "../../etc/passwd/1d").status_code in (400, 404)
    assert client.get("/api/prices/%20/1d").status_code == 404


def test_a_file_over_the_limit_is_refused_packed_or_not(app: Flask, client: FlaskClient) -> None:
    object.__setattr__(app.extensions["platform"].settings, "max_prices_mb", 1)
    large = b"0" * (2**20 + 1)

    assert put(client, large).status_code == 413
    assert "more than 1 MB" in put(client, gzip.compress(large)).json["error"]


def test_a_run_keeps_its_version_and_reproduces_it_after_newer_prices(
    app: Flask, client: FlaskClient
) -> None:
    dates = {"start_date": "2013-01-01", "end_date": "2013-01-28"}
    old = put(client, HEADER + ROWS).json["data_hash"]
    run_id = client.post("/run_backtest", json=run_values(ticker="NEW", **dates)).json["run_id"]

    new = put(client, HEADER + ROWS.replace("280,281,280,281", "280,285,280,285")).json[
        "data_hash"
    ]
    again = client.post(f"/api/runs/{run_id}/reproduce").json["run_id"]
    fresh = client.post("/run_backtest", json=run_values(ticker="NEW", **dates)).json["run_id"]

    read = {
        name: work(app, client, each)
        for name, each in (("first", run_id), ("again", again), ("fresh", fresh))
    }
    assert [read[name]["data_hash"] for name in ("first", "again", "fresh")] == [old, old, new]
    assert read["first"]["result_hash"] == read["again"]["result_hash"]
    assert (
        read["first"]["price_candles"][-1]["open"] != read["fresh"]["price_candles"][-1]["open"]
    )
    kept = client.delete(f"/api/prices/NEW/1d/{old}")
    assert (kept.status_code, "is in use by runs" in kept.json["error"]) == (409, True)


def work(app: Flask, client: FlaskClient, run_id: str):
    """The result of a run that its Job has worked on."""
    with app.extensions["platform"].engine.begin() as connection:
        claimed = claim(connection, Attempt(run_id, 1), f"token {run_id[:8]}", 60.0, "test")
        outcome = backtest(claimed.request, run_prices(connection, claimed.request))
        finish(connection, claimed, outcome.columns, outcome.lines)
    return client.get(f"/api/runs/{run_id}").json


def test_a_named_version_is_run_and_an_unknown_one_is_refused(client: FlaskClient) -> None:
    first = put(client, HEADER + ROWS).json["data_hash"]
    put(client, HEADER + ROWS.replace("280,281,280,281", "280,285,280,285"))
    values = run_values(ticker="NEW", start_date="2013-01-01", end_date="2013-01-28")

    named = client.post("/run_backtest", json=values | {"data_hash": first}).json["run_id"]
    refused = client.post("/run_backtest", json=values | {"data_hash": "f" * 64})

    assert client.get(f"/api/runs/{named}").json["request"]["data_hash"] == first
    assert (refused.status_code, list(refused.json["errors"])) == (400, ["data_hash"])


def test_the_same_sweep_after_an_update_is_a_new_set_of_runs_and_says_so(
    client: FlaskClient,
) -> None:
    requests = [run_values(ticker="NEW", start_date="2013-01-01", end_date="2013-01-28", params={"period": 2 + n})
             for n in range(3)]  # fmt: skip
    put(client, HEADER + ROWS)
    client.post("/api/runs/bulk?batch_id=b", json=requests)
    put(client, HEADER + ROWS.replace("280,281,280,281", "280,285,280,285"))

    plan = client.post("/api/runs/bulk?batch_id=b&dry_run=true", json=requests).json

    assert (plan["new"], plan["existing"], plan["on_other_prices"]) == (3, {}, 3)


@pytest.mark.parametrize("used", [False, True])
def test_a_version_is_forgotten_only_when_it_is_neither_current_nor_used(
    client: FlaskClient, used: bool
) -> None:
    first = put(client, HEADER + ROWS).json["data_hash"]
    if used:
        client.post(
            "/run_backtest",
            json=run_values(ticker="NEW", start_date="2013-01-01", end_date="2013-01-28"),
        )
    assert client.delete(f"/api/prices/NEW/1d/{first}").status_code == 409
    put(client, HEADER + ROWS + "2013-01-29,1,1,1,1,1,1\n")

    assert client.delete(f"/api/prices/NEW/1d/{first}").status_code == (409 if used else 204)
    assert client.get(f"/api/prices/NEW/1d/{first}.csv").status_code == (200 if used else 404)
