"""A run against another ticker: its version is pinned at acceptance, and its numbers are in the result."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from adapters.price_tables import price_series
from adapters.tables import runs
from tests.services.prices import DATA
from tests.services.web_app import run_values
from tests.web.conftest import RunMaker
from web.runs.answer import answer


def test_its_version_is_pinned_when_the_run_is_accepted(app: Flask, client: FlaskClient) -> None:
    client.post("/run_backtest", json=run_values(benchmark="IBM"))

    with app.extensions["platform"].engine.connect() as connection:
        request = json.loads(connection.execute(select(runs.c.request_json)).scalar_one())
        ibm = select(price_series.c.data_hash).where(price_series.c.ticker == "IBM")
        assert request["benchmark_hash"] == connection.execute(ibm).scalar_one()


def test_a_run_is_held_against_it(browser_client: FlaskClient, make_run: RunMaker) -> None:
    plain, other = (
        browser_client.get(f"/api/runs/{make_run(**fields)}").json
        for fields in ({}, {"benchmark": "IBM"})
    )

    assert plain["result_hash"] == other["result_hash"]
    assert plain["metrics"]["beta"] != other["metrics"]["beta"]
    assert plain["metrics"]["sharpe_ratio"] == other["metrics"]["sharpe_ratio"]
    assert "Information ratio" in browser_client.get(f"/result/{other['run_id']}").text


def test_the_answer_compares_with_the_benchmark_of_the_request(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    plain, other = (
        browser_client.get(f"/result/{make_run(**fields)}").text
        for fields in ({}, {"benchmark": "IBM"})
    )

    assert "Did it beat buy-and-hold?" in plain
    assert "Did it beat IBM?" in other
    assert "than holding IBM, which" in " ".join(other.split())


def test_a_difference_that_chance_makes_is_about_even() -> None:
    metrics = {"num_trades": 9, "total_return_pct": 12.4, "buy_hold_return_pct": 10.0}
    metrics |= {"information_ratio": 0.2, "bars_per_year": 252}

    five_years, fifty_years = (answer(metrics, "holding it", 252 * years) for years in (5, 50))

    assert (five_years.beat, fifty_years.beat) == (0, 1)
    # 0.2 * sqrt(5) = 0.447 standard errors, two-sided: 0.655
    assert five_years.words.endswith(
        "2.4 points better than holding it, which gained 10.0%."
        " Luck alone makes as large a difference 65% of the time."
    )
    assert "Luck" not in fifty_years.words
    assert answer(metrics, "holding it").beat == 1  # measured against something else


def test_the_prices_that_a_run_is_held_against_are_kept_for_it(client: FlaskClient) -> None:
    (old,) = client.get("/api/prices/IBM/1d").json["versions"]
    client.post("/run_backtest", json=run_values(benchmark="IBM"))
    newer = (DATA / "IBM.csv").read_bytes().splitlines(keepends=True)[:-1]
    assert (
        client.put(
            "/api/prices/IBM/1d", data=b"".join(newer), content_type="text/csv"
        ).status_code
        == 201
    )

    answer = client.delete(f"/api/prices/IBM/1d/{old['data_hash']}")

    assert answer.status_code == 409
    assert "is in use by runs" in answer.json["error"]


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"benchmark": "NONE"}, "benchmark", "no 1d prices of ticker 'NONE'"),
        (
            {"benchmark": "IBM", "benchmark_hash": "0" * 64},
            "benchmark_hash",
            "IBM has no 1d prices with data_hash",
        ),
        ({"benchmark_hash": "0" * 64}, "benchmark_hash", "accepted only together with benchmark"),
        (
            {"benchmark": "FB"},
            "benchmark",
            "no FB prices for these dates; available (1d): 2012-05-18 to 2013-03-01",
        ),
        ({"benchmark": ""}, "benchmark", '"" is not accepted'),
    ],
)
def test_a_benchmark_that_cannot_be_one_is_refused(
    client: FlaskClient, changes: dict[str, str], field: str, fault: str
) -> None:
    answer = client.post("/run_backtest", json=run_values(**changes))

    assert answer.status_code == 400
    assert fault in answer.json["errors"][field]


@pytest.mark.parametrize(
    ("changes", "first", "last"),
    [
        (
            {"ticker": "XOM", "benchmark": "^GSPC", "start_date": "2017-06-01", "end_date": "2020-06-30"},
            "2017-06-01",
            "2018-12-31",
        ),
        (
            {"ticker": "AAPL", "benchmark": "FB", "start_date": "2011-01-03", "end_date": "2013-03-01"},
            "2012-05-18",
            "2013-03-01",
        ),
    ],
)  # fmt: skip
def test_a_benchmark_that_has_a_part_of_the_run_is_shown_for_that_part(
    browser_client: FlaskClient,
    make_run: RunMaker,
    changes: dict[str, str],
    first: str,
    last: str,
) -> None:
    run_id = make_run(**changes)
    expected = f"bars, from {first} to {last}: alpha, beta and all that compares with it"

    result = browser_client.get(f"/api/runs/{run_id}").json
    bars = browser_client.get(f"/api/runs/{run_id}/bars?max=20000").json
    [curve] = browser_client.get(f"/api/curves?run={run_id}&max=20000").json["benchmarks"]
    table = browser_client.get(f"/result/{run_id}/bars.csv").text.splitlines()

    assert [expected in note for note in result["notes"]].count(True) == 1
    for page in (f"/result/{run_id}", f"/result/{run_id}/report.html"):
        assert expected in browser_client.get(page).text
    dates = [point["date"] for point in result["equity_curve"]]
    place = table[0].split(",").index(f"{changes['benchmark']} buy and hold")
    lines = {
        "bars": bars["benchmark_equity"],
        "curves": curve["growth_pct"],
        "file": [row.split(",")[place] or None for row in table[1:]],
    }
    inside = [first <= date <= last for date in dates]
    for name, line in lines.items():
        assert [value is not None for value in line] == inside, name


def test_a_small_size_is_said_next_to_the_answer(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    small = browser_client.get(f"/result/{make_run()}").text
    whole = browser_client.get(f"/result/{make_run(size_type='percent', position_size=100)}").text

    assert "A trade uses at most 10% of the initial capital" in small
    assert "A trade uses at most" not in whole
