"""The list of runs: what a filter means, and that pages neither lose nor repeat a run."""

import random
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlparse
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, insert, update

from adapters.plans.store import join_batch
from adapters.tables import run_tags, runs
from tests.services.web_app import sweep_values
from tests.web.conftest import ON_BOTH_DATABASES
from web.app import Platform

pytestmark = ON_BOTH_DATABASES

COUNT = 230
SWEEP = "00000000-0000-4000-8000-000000000001"  # the plan of the batch "sweep"
SORTS = [
    ("return", "total_return_pct"),
    ("sharpe", "sharpe_ratio"),
    ("drawdown", "max_drawdown_pct"),
    ("trades", "num_trades"),
]


def row(number: int, chance: random.Random) -> dict[str, Any]:
    status = chance.choice(["SUCCEEDED"] * 6 + ["FAILED", "PENDING", "RUNNING"])
    done = status == "SUCCEEDED"
    created = datetime(2026, 3, 1) + timedelta(hours=6 * number)
    return {
        "run_id": str(UUID(int=chance.getrandbits(128), version=4)),
        "ticker": chance.choice(["AAPL", "MSFT", "IBM"]),
        "timeframe": "1d",
        "rule_type": chance.choice(["RSI", "MACD", "ATR"]),
        "rule_id": f"R_{number}",
        "plan_id": chance.choice([None, SWEEP]),
        "label": chance.choice([None, "idea", "<script>alert(1)</script>"]),
        "title": "The team’s Nightly" if number % 10 == 3 else None,
        "params_json": "{}",
        "request_json": '{"start_date": "2005-01-03", "end_date": "2009-12-31"}',
        "request_hash": f"{number:064d}",
        "status": status,
        "waiting_since": created,
        "created_at": created,
        "total_return_pct": round(chance.uniform(-50, 50), 1) if done else None,
        # many ties
        "sharpe_ratio": chance.choice([None, -0.5, 0.0, 0.5, 1.0, 1.25]) if done else None,
        "max_drawdown_pct": chance.uniform(0, 60) if done else None,
        "num_trades": chance.randrange(40) if done else None,
        "sparkline": "0aZ_" if done else None,
    }


@pytest.fixture
def rows(page_app: Flask) -> list[dict[str, Any]]:
    """Runs in the order of their submission, as they are in the database."""
    chance = random.Random(7)
    made = [row(number, chance) for number in range(COUNT)]
    platform: Platform = page_app.extensions["platform"]
    with platform.engine.begin() as connection:
        join_batch(connection, "sweep", SWEEP, None)
        connection.execute(insert(runs), made)
        connection.execute(
            insert(run_tags),
            [{"run_id": each["run_id"], "tag": "50%_Off"} for each in made[::10]],
        )
    return made


def all_pages(client: FlaskClient, query: str) -> list[str]:
    """Run ids of all pages, front to back."""
    run_ids, after = [], ""
    while True:
        answer = client.get(f"/api/runs?limit=40&{query}&after={after}").get_json()
        run_ids += [run["run_id"] for run in answer["runs"]]
        if not answer["next"]:
            return run_ids
        after = answer["next"]


def ids(runs: list[dict[str, Any]]) -> list[str]:
    return [each["run_id"] for each in runs]


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_pages_by_submission_hold_every_run_once(
    browser_client: FlaskClient, rows: list[dict[str, Any]], order: str
) -> None:
    listed = all_pages(browser_client, f"order={order}")

    assert listed == ids(rows if order == "asc" else rows[::-1])


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_pages_by_a_metric_hold_every_run_that_has_it_once(
    browser_client: FlaskClient, rows: list[dict[str, Any]], order: str
) -> None:
    sign = 1 if order == "asc" else -1
    for sort, metric in SORTS:
        listed = all_pages(browser_client, f"sort={sort}&order={order}")

        # equal values are in the order of submission, or against it
        having = [
            each for each in (rows if order == "asc" else rows[::-1]) if each[metric] is not None
        ]
        assert listed == ids(sorted(having, key=lambda each: sign * each[metric])), sort


# searched for in the wanted order, and sorted at once
@pytest.mark.parametrize("few_runs", [0, 1000])
def test_bounds_on_one_metric_and_an_order_by_another_go_together(
    browser_client: FlaskClient,
    rows: list[dict[str, Any]],
    few_runs: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapters.runs.lists.FEW_RUNS", few_runs)
    within = [
        each for each in rows[::-1] if each["num_trades"] and each["max_drawdown_pct"] <= 30
    ]
    within = [each for each in within if each["num_trades"] >= 5]

    for sort, metric in SORTS:
        listed = all_pages(browser_client, f"sort={sort}&drawdown_max=30&trades_min=5")

        having = [each for each in within if each[metric] is not None]
        assert listed == ids(sorted(having, key=lambda each: -each[metric])) != [], sort


@pytest.mark.parametrize("sort", ["created", "sharpe"])
def test_going_back_shows_the_page_before(
    browser_client: FlaskClient, rows: list[dict[str, Any]], sort: str
) -> None:
    first = browser_client.get(f"/api/runs?limit=20&sort={sort}").get_json()
    second = browser_client.get(
        f"/api/runs?limit=20&sort={sort}&after={first['next']}"
    ).get_json()
    third = browser_client.get(
        f"/api/runs?limit=20&sort={sort}&after={second['next']}"
    ).get_json()

    back = browser_client.get(
        f"/api/runs?limit=20&sort={sort}&before={third['previous']}"
    ).get_json()
    front = browser_client.get(
        f"/api/runs?limit=20&sort={sort}&before={back['previous']}"
    ).get_json()

    assert back["runs"] == second["runs"]
    assert front["runs"] == first["runs"]
    assert front["previous"] is None


def test_a_page_goes_on_behind_a_value_of_any_size(
    browser_client: FlaskClient, rows: list[dict[str, Any]], page_app: Flask
) -> None:
    largest = next(each["run_id"] for each in rows if each["status"] == "SUCCEEDED")
    with page_app.extensions["platform"].engine.begin() as connection:
        connection.execute(update(runs).filter_by(run_id=largest).values(total_return_pct=3e16))
    query = {"sort": "return", "limit": "1"}
    first = browser_client.get("/api/runs", query_string=query).get_json()

    second = browser_client.get("/api/runs", query_string=query | {"after": first["next"]})

    assert ids(first["runs"]) == [largest]
    assert (second.status_code, len(second.get_json()["runs"])) == (200, 1)


FILTERS = {
    "ticker=MSFT": lambda each: each["ticker"] == "MSFT",
    "rule=ATR&ticker=IBM": lambda each: each["rule_type"] == "ATR" and each["ticker"] == "IBM",
    "status=failed": lambda each: each["status"] == "FAILED",
    "status=completed&batch=sweep": lambda each: (
        each["status"] == "SUCCEEDED" and each["plan_id"] == SWEEP
    ),
    "label=idea": lambda each: each["label"] == "idea",
    "label=DE": lambda each: each["label"] == "idea",
    "label=de&sort=sharpe&trades_min=0&order=asc&ticker=nowhere": lambda _: False,
    "q=nightly": lambda each: each["title"] is not None,
    "q=IDE": lambda each: each["label"] == "idea",
    "q=msf": lambda each: each["ticker"] == "MSFT",
    "q=trailing": lambda each: each["rule_type"] == "ATR",  # from its title
    "q=atr+ibm+ide": lambda each: (
        (each["rule_type"], each["ticker"], each["label"]) == ("ATR", "IBM", "idea")
    ),
    "q=%25_o": lambda each: int(each["rule_id"][2:]) % 10 == 0,  # of a tag, and no pattern
    "q=nightly&ticker=IBM": lambda each: each["title"] is not None and each["ticker"] == "IBM",
    "q=nowhere": lambda _: False,
    "ticker=msft": lambda each: each["ticker"] == "MSFT",
    "name=R_17": lambda each: each["rule_id"] == "R_17",
    "name=%E6%97%A5": lambda _: False,
    "from=2026-03-05&to=2026-03-06": lambda each: (
        datetime(2026, 3, 5) <= each["created_at"] < datetime(2026, 3, 7)
    ),
    "from=2031-01-01": lambda _: False,
    "from=0001-01-01&to=9999-12-31": lambda _: True,
    "to=0001-01-01": lambda _: False,
    "sharpe_min=0.5": lambda each: (
        each["sharpe_ratio"] is not None and each["sharpe_ratio"] >= 0.5
    ),
    "return_min=-10&return_max=10": lambda each: (
        each["total_return_pct"] is not None and -10 <= each["total_return_pct"] <= 10
    ),
    "drawdown_max=20&trades_min=30&status=completed": lambda each: (
        each["num_trades"] is not None
        and each["max_drawdown_pct"] <= 20
        and each["num_trades"] >= 30
    ),
    "status=failed&sharpe_min=-9": lambda _: False,
}


def test_a_filter_shows_the_runs_that_it_names(
    browser_client: FlaskClient, rows: list[dict[str, Any]]
) -> None:
    for query, fits in FILTERS.items():
        listed = all_pages(browser_client, query)

        assert listed == ids([each for each in rows[::-1] if fits(each)]), query


REFUSED = [
    "sharpe_min=abc", "sharpe_min=nan", "return_max=inf", "status=done", "rule=EVIL", "from=2026-02-30", "limit=0",
    "limit=1000", "limit=٣", "sort=id", "order=up", "after=x", "after=1~2", "sort=sharpe&after=5", "before=-1",
    "sort=sharpe&after=5~x", "sort=sharpe&after=5~1e999",
    "unknown=1", "ticker=" + "A" * 16, "ticker=%E6%97%A5", "label=%00",
]  # fmt: skip


def test_a_filter_that_is_invalid_is_refused_by_name(browser_client: FlaskClient) -> None:
    for query in REFUSED:
        page = browser_client.get(f"/runs?{query}")
        answer = browser_client.get(f"/api/runs?{query}")

        assert (query, page.status_code, answer.status_code) == (query, 400, 400)
        assert query.rpartition("&")[2].partition("=")[0] in answer.get_json()["errors"]


def test_the_page_shows_foreign_words_as_words(
    browser_client: FlaskClient, rows: list[dict[str, Any]]
) -> None:
    page = browser_client.get("/runs").get_data(as_text=True)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_the_page_keeps_filter_and_order_in_its_links(
    browser_client: FlaskClient, rows: list[dict[str, Any]]
) -> None:
    page = browser_client.get("/runs?ticker=IBM&sort=return&limit=5").get_data(as_text=True)

    link = page.split('rel="next"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    kept = parse_qs(urlparse(link).query)
    assert (kept["ticker"], kept["sort"], kept["limit"]) == (["IBM"], ["return"], ["5"])


def test_no_fitting_run_says_how_to_see_others(browser_client: FlaskClient) -> None:
    assert "No runs yet" in browser_client.get("/runs").get_data(as_text=True)
    assert "No runs match this filter" in browser_client.get("/runs?ticker=IBM").get_data(
        as_text=True
    )


def test_a_word_finds_the_runs_of_a_batch_by_its_name_and_title(
    browser_client: FlaskClient,
) -> None:
    for batch_id in ("nightly-rsi-1", "weekly"):
        browser_client.post(f"/api/runs/bulk?batch_id={batch_id}", json=sweep_values(2))
    browser_client.put("/api/batches/weekly/title", json={"title": "All of Europe"})

    def matching(words: str) -> list[str]:
        listed = browser_client.get("/api/runs", query_string={"q": words}).get_json()["runs"]
        return [run["batch_id"] for run in listed]

    assert matching("Nightly-RSI") == ["nightly-rsi-1"] * 2
    assert matching("europe weekly") == ["weekly"] * 2
    assert matching("europe nightly") == []


def test_a_word_that_no_run_has_is_named(
    browser_client: FlaskClient, rows: list[dict[str, Any]]
) -> None:
    page = browser_client.get("/runs?q=idea+<x>+aapl").text

    assert "No run’s label, title, note, ticker, rule, tag or batch contains “&lt;x&gt;”" in page
    assert "No runs match this filter" in browser_client.get("/runs?q=aapl+msft").text


def test_a_search_leads_to_the_filtered_list(browser_client: FlaskClient) -> None:
    for words, target in {
        "aapl": "/runs?ticker=AAPL",
        "AAPL rsi failed": "/runs?ticker=AAPL&rule=RSI&status=failed",
        "aapl RSI_15_30_80": "/runs?ticker=AAPL&name=RSI_15_30_80",
        "my idea": "/runs?q=my+idea",
        "": "/runs",
        "deadbeef": "/runs?q=deadbeef",
    }.items():
        assert (
            browser_client.get("/search", query_string={"q": words}).headers["Location"] == target
        )


def test_a_search_for_the_name_of_a_batch_leads_to_it(
    browser_client: FlaskClient, rows: list[dict[str, Any]]
) -> None:
    answer = browser_client.get("/search", query_string={"q": " sweep "})

    assert answer.headers["Location"] == "/batches/sweep"


def test_a_search_for_the_start_of_an_id_leads_to_the_run(
    browser_client: FlaskClient, rows: list[dict[str, Any]]
) -> None:
    run_id = rows[3]["run_id"]

    assert (
        browser_client.get(f"/search?q={run_id[:9]}").headers["Location"] == f"/result/{run_id}"
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [("sharpe_min=x", "'x' is not accepted; accepted: a number from -1e15 to 1e15"),
     ("order=up", "'up' is not accepted; accepted: desc, asc")],
)  # fmt: skip
def test_a_refused_filter_says_what_is_accepted_and_leads_on(
    client: FlaskClient, query: str, words: str
) -> None:
    answer = client.get(f"/runs?{query}", headers={"Accept": "text/html"})

    page = answer.get_data(as_text=True).replace("&#39;", "'")
    assert (answer.status_code, words in page, 'href="/runs">All runs' in page) == (
        400,
        True,
        True,
    )


def test_a_list_of_one_page_ends_with_its_last_run(client: FlaskClient) -> None:
    page = client.get("/runs", headers={"Accept": "text/html"}).get_data(as_text=True)

    assert 'aria-label="Pages"' not in page


def test_what_a_run_holds_is_read_where_the_list_shows_it(
    page_app: Flask, browser_client: FlaskClient, rows: list[dict[str, Any]]
) -> None:
    statements: list[str] = []
    engine = page_app.extensions["platform"].engine
    event.listen(
        engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2])
    )

    def read(path: str) -> tuple[bool, bool]:
        statements.clear()
        assert browser_client.get(path).status_code == 200
        return tuple(
            any(column in each for each in statements)
            for column in ("request_json", "metrics_json")
        )  # type: ignore[return-value]

    assert read("/api/runs") == (False, False)
    assert read("/runs") == (True, False)
    browser_client.set_cookie("columns", "equity.alpha")
    assert read("/runs") == (True, True)
