"""Pages with data, without data, and for invalid requests."""

import re

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from adapters.metrics.table import METRICS
from adapters.settings import load_settings
from contracts.status import ErrorType
from rules.catalog import RULES
from tests.web.conftest import RunMaker
from web import create_app
from web.titles import failure

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_the_form_has_every_rule_of_the_catalog_with_its_bounds(
    browser_client: FlaskClient,
) -> None:
    page = browser_client.get("/").get_data(as_text=True)

    for name, rule in RULES.items():
        assert f'<template data-rule="{name}"' in page
        for param in rule.params:
            if param.kind == "int":
                assert f'data-param="{param.name}" value="{param.default}"' in page


def test_without_runs_the_form_says_how_the_first_one_starts(browser_client: FlaskClient) -> None:
    page = browser_client.get("/").get_data(as_text=True)

    assert "No runs yet" in page


def test_a_ticker_without_prices_is_named_and_another_one_chosen(
    browser_client: FlaskClient,
) -> None:
    page = browser_client.get("/?ticker=%3CNOPE%3E").text

    assert "No prices for &lt;NOPE&gt;." in page
    assert '"ticker": "AAPL"' in page


def test_the_form_is_filled_from_the_run_that_is_cloned(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run("pending", label="an <b>odd</b> label")

    page = browser_client.get(f"/?clone={run_id}").get_data(as_text=True)

    assert '"period": 14' in page.replace(":14", ": 14")
    assert "\\u003cb\\u003eodd" in page
    assert "<b>odd" not in page


@pytest.mark.parametrize("origin", ["nonsense", "%00", UNKNOWN, "🙂"])
def test_a_clone_of_what_is_no_run_is_not_found(browser_client: FlaskClient, origin: str) -> None:
    assert browser_client.get(f"/?clone={origin}").status_code == 404


@pytest.mark.parametrize("state", ["pending", "running"])
def test_a_waiting_run_says_what_it_waits_for(
    browser_client: FlaskClient, make_run: RunMaker, state: str
) -> None:
    run_id = make_run(state)

    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)

    assert f'data-status-url="/status/{run_id}" data-status="{state}"' in page
    assert "Cancel run" in page


def test_every_metric_of_a_run_is_on_its_page_with_its_value(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(rule_type="MACD", params={}, direction="longshort")
    metrics = browser_client.get(f"/api/runs/{run_id}").get_json()["metrics"]
    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)
    values = dict(
        re.findall(r'data-metric="(\w+)".*?class="value[^>]*>([^<]*)<', page, re.DOTALL)
    )

    for metric in METRICS:
        number = re.sub(r"[^\d.−]", "", values[metric.name]).replace("−", "-")
        decimals = 1 if metric.unit == "days" else 2
        assert float(number) == pytest.approx(metrics[metric.name], abs=0.501 * 10**-decimals), (
            metric.name
        )
        assert escape(metric.formula) in page


@pytest.mark.parametrize("tab", ["stats", "trades", "numbers"])
def test_each_tab_of_a_completed_run_has_an_address(
    browser_client: FlaskClient, make_run: RunMaker, tab: str
) -> None:
    run_id = make_run("completed")

    answer = browser_client.get(f"/result/{run_id}?tab={tab}")

    assert answer.status_code == 200
    assert f'id="tab-{tab}" aria-selected="true"' in answer.get_data(as_text=True)


def test_a_failed_run_says_what_happened_and_what_to_do(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run("failed")

    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)

    assert "The engine failed" in page
    assert "division by &lt;zero&gt;" in page


def test_each_kind_of_failure_has_its_words() -> None:
    unknown = failure(None)

    assert all(failure(error_type).what != unknown.what for error_type in ErrorType)


@pytest.mark.parametrize(
    ("error_type", "retry", "clone"),
    [(ErrorType.WORKER_LOST, 1, "btn-quiet"), (ErrorType.NO_PRICES, 0, "btn-accent")],
)
def test_a_retry_is_offered_where_the_same_request_may_end_better(
    browser_client: FlaskClient, make_run: RunMaker, error_type: ErrorType, retry: int, clone: str
) -> None:
    run_id = make_run("failed", error_type=error_type)

    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)

    assert page.count(f'data-post="/api/runs/{run_id}/retry"') == retry
    assert re.search(rf'class="btn {clone}"\s+href="/\?clone={run_id}"', page)


def test_a_cancelled_run_is_called_so_and_not_failed(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    cancelled, failed = make_run("pending", label="c"), make_run("failed", label="c")
    browser_client.post(f"/api/runs/{cancelled}/cancel")

    pages = [
        browser_client.get(path).get_data(as_text=True)
        for path in ("/", "/runs", f"/result/{cancelled}")
    ]
    lists = {
        word: [
            run["run_id"]
            for run in browser_client.get(f"/api/runs?status={word}").get_json()["runs"]
        ]
        for word in ("cancelled", "failed")
    }

    assert all('class="state state-cancelled"' in page for page in pages)
    assert "cancelled on request" in pages[2] and "state-failed" not in pages[2]
    assert lists == {"cancelled": [cancelled], "failed": [failed]}


def test_a_batch_is_one_of_the_latest_lines_next_to_the_form(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    alone = make_run("pending")
    for period in range(5, 15):
        make_run("pending", batch_id="many", params={"period": period})

    page = browser_client.get("/").get_data(as_text=True)

    assert page.count('href="/batches/many"') == 1
    assert "0 of 10 finished" in page
    assert f'href="/result/{alone}"' in page


def test_the_latest_lines_are_refreshed_while_one_of_them_lives(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    def is_refreshed() -> bool:
        return 'id="latest" data-refresh-s' in browser_client.get("/").get_data(as_text=True)

    make_run("completed")
    over = is_refreshed()
    alone = make_run("pending")
    lives = is_refreshed()
    browser_client.post(f"/api/runs/{alone}/cancel")
    make_run("pending", batch_id="many")
    of_a_batch = is_refreshed()
    browser_client.post("/api/batches/many/cancel")

    assert (over, lives, of_a_batch, is_refreshed()) == (False, True, True, False)


@pytest.mark.parametrize("tab", ["equity", "drawdown", "portfolio", "candles"])
def test_an_address_of_a_former_tab_leads_to_the_run(
    browser_client: FlaskClient, tab: str
) -> None:
    answer = browser_client.get(f"/result/{UNKNOWN}?tab={tab}")

    assert (answer.status_code, answer.headers["Location"]) == (301, f"/result/{UNKNOWN}")


def test_a_completed_run_has_its_chart_and_a_picture_without_scripts(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(stop_loss_pct=5)

    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)

    assert f'data-bars="/api/runs/{run_id}/bars"' in page
    assert f'data-lines="/api/runs/{run_id}/lines"' in page
    assert 'data-stop-loss-pct="5' in page
    assert re.search(rf'<noscript>\s*<img src="/result/{run_id}/charts/candlestick.png"', page)
    assert "https://www.tradingview.com/" in page  # as the licence of the charts' library asks


def test_a_run_that_lost_more_than_it_had_says_so(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    shorts = {
        "direction": "longshort",
        "position_size": 90,
        "size_type": "percent",
        "rule_type": "COMPOSITE",
    }
    dates = {"start_date": "2003-01-02", "end_date": "2013-03-01"}
    ruined, sound = make_run(**shorts, params={}, **dates), make_run()
    points = browser_client.get(f"/api/runs/{ruined}").get_json()["equity_curve"]

    page = browser_client.get(f"/result/{ruined}").get_data(as_text=True)

    first = next(point["date"] for point in points if point["equity"] <= 0)
    assert f"Equity fell to zero or below on {first}" in page
    assert "the position had lost" not in browser_client.get(f"/result/{sound}").get_data(
        as_text=True
    )


def test_a_run_without_trades_says_why(browser_client: FlaskClient, make_run: RunMaker) -> None:
    never = make_run("completed", params={"period": 14, "oversold": 1, "overbought": 99})
    too_dear = make_run("completed", position_size=0.5)

    page = browser_client.get(f"/result/{never}").get_data(as_text=True)
    assert "no signal" in page
    assert "— No trades" in page
    assert "It made no trades; buying and holding AAPL gained" in page
    assert "rejected" in browser_client.get(f"/result/{too_dear}").get_data(as_text=True)


@pytest.mark.parametrize(
    "path",
    [
        f"/result/{UNKNOWN}",
        "/result/not-a-uuid",
        "/result/%F0%9F%98%80",
        "/nowhere",
        f"/result/{UNKNOWN}?tab=x",
    ],
)
def test_what_does_not_exist_is_a_page_for_people_and_json_for_programs(
    browser_client: FlaskClient, path: str
) -> None:
    page = browser_client.get(path)
    answer = browser_client.get(path, headers={"Accept": "application/json"})

    assert (page.status_code, answer.status_code) == (404, 404)
    assert "Not found" in page.get_data(as_text=True)
    assert answer.get_json()["error"]


def test_no_page_has_inline_script_or_style(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run("completed")

    for path in ("/", "/login", "/nowhere", f"/result/{run_id}?tab=numbers"):
        page = browser_client.get(path).get_data(as_text=True)

        assert " style=" not in page, path
        assert "<style" not in page, path
        assert page.count("<script") == page.count('<script type="module" src='), path
        assert "onclick" not in page, path


def test_where_tokens_are_required_the_page_leads_to_the_login(
    platform_settings: dict[str, str],
) -> None:
    token = "a-token-of-enough-length"
    client = create_app(load_settings(platform_settings | {"API_TOKENS": token})).test_client()
    html = {"Accept": "text/html"}

    before = client.get("/", headers=html).get_data(as_text=True)
    refused = client.post("/login", data={"token": "x" * 20}, headers=html)
    entered = client.post("/login", data={"token": token}, headers=html)
    after = client.get("/", headers=html).get_data(as_text=True)
    left = client.post("/logout", headers=html)
    gone = client.get("/", headers=html).get_data(as_text=True)

    assert '<a href="/login">Log in</a>' in before
    assert ("Log out" in before, "Log out" in after, "Log out" in gone) == (False, True, False)
    assert (left.status_code, left.location) == (302, "/login")
    assert (refused.status_code, entered.status_code) == (401, 302)
    assert '<a href="/login">Log in</a>' not in after
