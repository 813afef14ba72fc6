"""Tickers as people write them: in any case, with spaces around, in every place that takes one."""

import random
import string
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapters.price_tables import price_series
from contracts.tickers import normalize_ticker
from tests.services.portfolios import ASKED as PORTFOLIO
from tests.services.studies import BASE
from tests.services.web_app import run_values
from tests.web.conftest import RunMaker

CHOSEN = random.Random(18)
FIRST_MONTHS = "2000-06-30"  # of AAPL: fewer bars than a rule of 100 looks back


def spelled(ticker: str) -> str:
    """A ticker in random cases, with random space around."""
    letters = "".join(CHOSEN.choice((str.lower, str.upper))(each) for each in ticker)
    before, after = (" " * CHOSEN.randrange(20), CHOSEN.choice(("", " ", "\t", "  \n")))
    return before + letters + after


SWEEP: dict[str, Any] = {
    "name": "spelling",
    "base": {name: run_values()[name] for name in ("rule_type", "start_date", "end_date")},
    "parameters": {"period": [10, 14]},
}
COMBINATIONS = [{"fast": 5, "slow": 50}, {"fast": 10, "slow": 100}]


def bodies(ticker: str, other: str, index: str) -> Iterator[tuple[str, Any]]:
    """Bodies with these tickers, by the path that takes them."""
    base = SWEEP["base"] | {"benchmark": index}
    legs = [
        leg | {"ticker": each}
        for leg, each in zip(PORTFOLIO["legs"], (ticker, other), strict=False)
    ]
    yield "/run_backtest", run_values(ticker=ticker, benchmark=index)
    yield "/api/runs/bulk", [run_values(ticker=each, benchmark=index) for each in (ticker, other)]
    yield "/api/batches", SWEEP | {"base": base | {"ticker": ticker}}
    yield "/api/batches", SWEEP | {"base": base | {"tickers": [ticker, other, ticker]}}
    yield "/api/screens", SWEEP | {"base": base | {"tickers": [ticker, other]}}
    yield "/api/portfolios", PORTFOLIO | {"legs": legs, "benchmark": index}
    sleeves = {"base": base | {"tickers": [ticker, other], "params": {}}, "portfolio": {}}
    yield "/api/portfolios", SWEEP | sleeves | {"parameters": {}, "method": "grid"}
    study = {"kind": "selection", "combinations": COMBINATIONS}
    yield "/api/studies", study | {"base": BASE | {"ticker": ticker, "benchmark": index}}


@pytest.mark.parametrize("number", range(8))
def test_a_request_is_the_same_however_its_tickers_are_spelled(
    client: FlaskClient, app: Flask, number: int
) -> None:
    path, canonical = list(bodies("AAPL", "IBM", "^GSPC"))[number]
    first = client.post(path, json=canonical, headers={"Idempotency-Key": "once"})
    assert first.status_code in (200, 202), first.text

    for _ in range(5):
        spellings = (spelled("AAPL"), spelled("IBM"), spelled("^GSPC"))
        _, body = list(bodies(*spellings))[number]
        again = client.post(path, json=body, headers={"Idempotency-Key": "once"})
        assert again.status_code in (200, 202), (spellings, again.text)
        ids = [
            {name: value for name, value in answer.json.items() if name.endswith("_id")}
            for answer in (first, again)
        ]
        assert ids[0] == ids[1], spellings
    stored = client.get("/api/runs?limit=100").json["runs"]
    assert {each["ticker"] for each in stored} <= {"AAPL", "IBM"}


def test_paths_queries_and_the_form_read_any_spelling(
    client: FlaskClient, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run()
    batch = client.post("/api/batches", json=SWEEP | {"base": SWEEP["base"] | {"ticker": "AAPL"}})
    screen = client.post(
        "/api/screens", json=SWEEP | {"base": SWEEP["base"] | {"ticker": "AAPL"}}
    )
    for _ in range(5):
        ticker = spelled("AAPL").replace("\n", " ")
        options = {"query_string": {"ticker": ticker}}
        for path in (
            f"/api/prices/{ticker}/1d",
            f"/prices/{ticker}/1d",
            f"/api/prices/{ticker}/1d/bars",
        ):
            assert client.get(path).status_code == 200, path
        listed = client.get("/api/runs", **options).json["runs"]
        assert run_id in {each["run_id"] for each in listed}, ticker
        for page in (
            "/",
            "/runs",
            f"/batches/{batch.json['batch_id']}",
            f"/screens/{screen.json['screen_id']}",
            f"/api/batches/{batch.json['batch_id']}/points",
        ):
            answer = browser_client.get(page, **options)
            assert answer.status_code == 200, (page, ticker)
            assert "no prices" not in answer.text
        form = browser_client.get("/", **options).text
        assert 'value="AAPL" selected' in form or '"ticker": "AAPL"' in form
        checked = {"rule_type": "RSI", "params": {"period": 100}, "ticker": ticker}
        market = {"timeframe": "1d", "end_date": FIRST_MONTHS}
        assert client.post("/api/rules/check", json=checked | market).json["warnings"], ticker


def test_letters_of_other_alphabets_are_no_spelling_of_a_ticker() -> None:
    for letter in "ſıßﬁKA":
        assert normalize_ticker(letter) == letter


def test_an_unknown_ticker_names_the_three_nearest_and_where_all_are_listed(
    client: FlaskClient, app: Flask
) -> None:
    names = {
        "".join(CHOSEN.choices(string.ascii_uppercase, k=CHOSEN.randint(1, 5)))
        for _ in range(500)
    }
    engine = app.extensions["platform"].engine
    with engine.begin() as connection:
        series_row = connection.execute(price_series.select()).mappings().first()
        connection.execute(
            price_series.insert(),
            [{**series_row, "ticker": name, "timeframe": "1h"} for name in names - {"AAPL"}],
        )
        tickers = {each.ticker for each in connection.execute(price_series.select())}

    for _ in range(10):
        wrong = "".join(CHOSEN.choices(string.ascii_uppercase, k=6))
        answer = client.post("/run_backtest", json=run_values(ticker=wrong.lower()))
        text = answer.json["errors"]["ticker"]
        suggested = text.partition("the nearest are ")[2].partition(";")[0].split(", ")
        ratios = sorted(
            (SequenceMatcher(None, each, wrong).ratio() for each in tickers), reverse=True
        )
        named = [SequenceMatcher(None, each, wrong).ratio() for each in suggested]

        assert answer.status_code == 400
        assert len(suggested) == 3
        assert named == ratios[:3], text
        assert "/api/tickers" in text
        assert len(answer.data) < 500
    missing = client.get("/api/prices/ZZZZZZ/1d")
    assert missing.status_code == 404
    assert "the nearest are" in missing.json["error"]
    assert "/api/tickers" in missing.json["error"]
