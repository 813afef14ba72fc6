"""A run's trades and the numbers behind its charts, as pages and as files."""

import csv
import io
import json
import re
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from adapters.runs import series as run_series
from adapters.runs.series import rolling_bars
from adapters.tables import runs
from tests.web.conftest import RunMaker
from web.charts.bars import COLUMNS, _bars_of, trade_page
from web.runs import page

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def trades(client: FlaskClient, run_id: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.get(f"/api/runs/{run_id}").get_json()["trades"]
    return listed


def test_trades_fill_pages_and_the_second_goes_on_where_the_first_ended(
    browser_client: FlaskClient, run_id: str
) -> None:
    count = len(trades(browser_client, run_id))

    first = browser_client.get(f"/result/{run_id}?tab=trades").get_data(as_text=True)
    second = browser_client.get(f"/result/{run_id}?tab=trades&page=2").get_data(as_text=True)

    assert count > 50
    assert re.findall(r'data-trade="(\d+)"', first) == [str(number) for number in range(50)]
    assert re.findall(r'data-trade="(\d+)"', second)[0] == "50"
    assert f"{count} of {count} trades" in first


@pytest.mark.parametrize("name", COLUMNS)
def test_trades_are_sorted_by_any_column(
    browser_client: FlaskClient, run_id: str, name: str
) -> None:
    listed = browser_client.get(
        f"/result/{run_id}/trades.json?sort={name}&order=desc"
    ).get_json()["trades"]

    values = [trade[name] for trade in listed]
    assert values == sorted(values, reverse=True)
    assert len(values) == len(trades(browser_client, run_id))


def test_trades_are_filtered_by_side_outcome_and_reason(
    browser_client: FlaskClient, run_id: str
) -> None:
    query = "side=SELL&outcome=lost&reason=stop_loss"

    listed = browser_client.get(f"/result/{run_id}/trades.json?{query}").get_json()["trades"]

    expected = [
        trade
        for trade in trades(browser_client, run_id)
        if trade["side"] == "SELL"
        and trade["pnl_abs"] <= 0
        and trade["exit_reason"] == "stop_loss"
    ]
    assert listed == expected != []


def test_a_trade_is_won_and_added_up_by_its_unrounded_profit(app: Flask) -> None:
    profits = [0.004, -0.004, 0.004]
    run = SimpleNamespace(trades=[{"pnl_abs": profit} for profit in profits])
    rows = [
        {
            "trade_no": number,
            "side": "BUY",
            "pnl_abs": 0.0,
            "is_open": False,
            "exit_reason": "signal",
        }
        for number in range(3)
    ]

    with app.test_request_context("/?outcome=won"):
        won = trade_page(rows, run)

    assert [trade["trade_no"] for trade in won["rows"]] == [0, 2]
    assert won["pnl_abs"] == pytest.approx(0.008)


def test_sides_are_positions_on_the_page(browser_client: FlaskClient, run_id: str) -> None:
    page = browser_client.get(f"/result/{run_id}?tab=trades&sort=side").get_data(as_text=True)

    words = re.findall(r">\d+</a></td>\s*<td>(\w+)</td>", page)
    assert set(words) <= {"long", "short"} != set()
    assert '<option value="BUY">long</option>' in page


def test_a_trade_that_is_still_open_has_no_exit_on_the_page_and_the_last_close_in_files(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    open_run = make_run(rule_type="MA_CROSS", params={}, end_date="2007-12-31")
    last = trades(browser_client, open_run)[-1]
    assert last["is_open"]

    page = browser_client.get(f"/result/{open_run}?tab=trades&outcome=open").get_data(
        as_text=True
    )
    file = browser_client.get(f"/result/{open_run}/trades.csv").get_data(as_text=True)

    assert "<td>still open</td>" in page
    assert last["exit_timestamp"][:10] not in re.search(r"<tbody>.*</tbody>", page, re.DOTALL)[0]  # type: ignore[index]
    row = list(csv.DictReader(io.StringIO(file)))[-1]
    assert row == {name: str(each) for name, each in as_on_page(last).items() if name in row}
    assert (row["exit_reason"], row["is_open"], float(row["exit_fees"])) == (
        "end_of_data",
        "True",
        0.0,
    )


def test_the_csv_holds_what_the_api_says(browser_client: FlaskClient, run_id: str) -> None:
    answer = browser_client.get(f"/result/{run_id}/trades.csv")

    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert answer.headers["Content-Disposition"] == f"attachment; filename=trades-{run_id}.csv"
    expected = [as_on_page(trade) for trade in trades(browser_client, run_id)]
    assert rows == [{name: str(trade[name]) for name in rows[0]} for trade in expected]
    assert (rows[0]["trade_no"], rows[0]["side"]) == ("1", "long")


def as_on_page(trade: dict[str, Any]) -> dict[str, Any]:
    """Counted from 1, and called by the position, as the page has it."""
    return {
        **trade,
        "trade_no": trade["trade_no"] + 1,
        "side": {"BUY": "long", "SELL": "short"}[trade["side"]],
    }


@pytest.mark.parametrize(
    "query", ["sort=evil", "order=up", "side=LONG", "outcome=x", "reason=x", "page=0", "page=99"]
)
def test_a_view_of_trades_that_is_invalid_is_refused(
    browser_client: FlaskClient, run_id: str, query: str
) -> None:
    assert browser_client.get(f"/result/{run_id}?tab=trades&{query}").status_code == 400


def test_the_bars_are_a_table_and_a_csv(browser_client: FlaskClient, run_id: str) -> None:
    page = browser_client.get(f"/result/{run_id}/bars").get_data(as_text=True)
    rows = list(
        csv.reader(
            io.StringIO(browser_client.get(f"/result/{run_id}/bars.csv").get_data(as_text=True))
        )
    )
    candle = browser_client.get(f"/api/runs/{run_id}").get_json()["price_candles"][-1]

    assert rows[-1][0] in page  # the latest row comes first on the page
    assert rows[-1][:6] == [
        str(candle[name]) for name in ("date", "open", "high", "low", "close", "volume")
    ]
    assert len(rows) > 50


def test_equity_is_cash_and_position_in_its_table(
    browser_client: FlaskClient, run_id: str
) -> None:
    text = browser_client.get(f"/result/{run_id}/bars.csv").get_data(as_text=True)

    for row in csv.DictReader(io.StringIO(text)):
        assert float(row["equity"]) == pytest.approx(
            float(row["cash"]) + float(row["position"]), abs=0.011
        )


@pytest.mark.parametrize("path", ["tables/evil", "bars?page=0", "bars?page=x"])
def test_tables_that_do_not_exist_are_refused(
    browser_client: FlaskClient, run_id: str, path: str
) -> None:
    assert browser_client.get(f"/result/{run_id}/{path}").status_code in (400, 404)


def test_a_run_without_result_has_no_tables(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    waiting = make_run("pending")

    assert browser_client.get(f"/result/{waiting}/trades.csv").status_code == 409
    assert browser_client.get(f"/result/{UNKNOWN}/bars").status_code == 404


def test_the_stats_show_returns_of_months_and_years(
    browser_client: FlaskClient, run_id: str
) -> None:
    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)

    assert "Monthly returns" in page
    assert 'class="mono">2005</th>' in page


def test_a_result_without_trades_is_derived_once_and_says_why(
    browser_client: FlaskClient, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = make_run(params={"period": 14, "oversold": 1, "overbought": 99})
    decoded: list[str] = []
    decode = run_series.decode_equity
    monkeypatch.setattr(
        run_series, "decode_equity", lambda text: decoded.append(text) or decode(text)
    )

    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)

    assert "The rule gave no signal on any of the" in page
    assert len(decoded) == 1


def test_buy_and_hold_is_one_number_in_metrics_charts_and_tables(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(fee_rate=0.02, slippage_bps=100)
    result = browser_client.get(f"/api/runs/{run_id}").get_json()

    file = browser_client.get(f"/result/{run_id}/bars.csv").get_data(as_text=True)

    returns = [
        float(row["buy and hold"]) / 1000 - 100 for row in csv.DictReader(io.StringIO(file))
    ]
    first, last = result["price_candles"][0]["close"], result["price_candles"][-1]["close"]
    assert returns[-1] == pytest.approx(result["metrics"]["buy_hold_return_pct"], abs=1e-5)
    assert returns[-1] == pytest.approx((last / first / 1.02 / 1.01 - 1) * 100, rel=2e-3)
    assert returns[0] == pytest.approx((1 / 1.02 / 1.01 - 1) * 100, abs=0.2)


def test_a_risk_free_rate_lowers_the_sharpe_ratio_and_is_shown(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    plain, with_rate = (make_run(**fields) for fields in ({}, {"risk_free_rate": 0.04}))

    ratios = [
        browser_client.get(f"/api/runs/{run_id}").get_json()["metrics"]
        for run_id in (plain, with_rate)
    ]
    page = browser_client.get(f"/result/{with_rate}").get_data(as_text=True)

    assert ratios[1]["sharpe_ratio"] < ratios[0]["sharpe_ratio"]
    assert ratios[1]["sortino_ratio"] < ratios[0]["sortino_ratio"]
    assert ratios[1]["volatility"] == ratios[0]["volatility"]
    assert "<dt>Risk-free rate</dt><dd>4 %</dd>" in page


def test_what_cash_earned_and_shorts_paid_is_in_the_account_and_shown(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(direction="longshort", borrow_rate=0.03, cash_rate=0.04)

    result = browser_client.get(f"/api/runs/{run_id}").get_json()
    bars = browser_client.get(f"/api/runs/{run_id}/bars").get_json()
    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)

    metrics, cash = result["metrics"], [point["cash"] for point in result["portfolio_curve"]]
    worth = [
        shares * close for shares, close in zip(bars["position"], bars["close"], strict=True)
    ]
    assert [a + b for a, b in zip(cash, worth, strict=True)] == pytest.approx(
        bars["equity"], abs=0.02
    )
    assert min(metrics["total_interest"], metrics["total_borrow_fees"]) > 0
    carried = metrics["total_interest"] - metrics["total_borrow_fees"]
    earned = sum(trade["pnl_abs"] for trade in result["trades"]) + carried
    assert metrics["final_equity"] == pytest.approx(
        100_000 + earned, abs=0.01 * len(result["trades"])
    )
    assert "<dt>Borrow fee</dt><dd>3 %</dd>" in page
    assert "Interest earned" in page


def test_trades_of_an_older_run_have_no_excursions_and_are_shown_and_sorted(
    page_app: Flask, browser_client: FlaskClient, run_id: str
) -> None:
    with page_app.extensions["platform"].engine.begin() as connection:
        stored = json.loads(
            connection.execute(
                select(runs.c.trades_json).where(runs.c.run_id == run_id)
            ).scalar_one()
        )
        older = {"columns": stored["columns"][:-2], "rows": [row[:-2] for row in stored["rows"]]}
        text = json.dumps(stored | older)
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(trades_json=text))

    page = browser_client.get(f"/result/{run_id}?tab=trades&sort=mae_pct").get_data(as_text=True)
    file = browser_client.get(f"/result/{run_id}/trades.csv").get_data(as_text=True)

    assert 'data-trade="0"' in page
    assert {row["mae_pct"] for row in csv.DictReader(io.StringIO(file))} == {""}
    assert "mae_pct" not in trades(browser_client, run_id)[0]


def test_the_rolling_sharpe_ratio_has_the_run_s_own_bars_per_year(
    page_app: Flask, browser_client: FlaskClient, run_id: str
) -> None:
    def last() -> float:
        _bars_of.cache_clear()
        ratio: float = browser_client.get(f"/api/runs/{run_id}/bars").get_json()[
            "rolling_sharpe"
        ][-1]
        return ratio

    daily = last()
    with page_app.extensions["platform"].engine.begin() as connection:
        stored = json.loads(
            connection.execute(
                select(runs.c.metrics_json).where(runs.c.run_id == run_id)
            ).scalar_one()
        )
        stored["values"]["bars_per_year"] = 4 * 252
        connection.execute(
            update(runs).where(runs.c.run_id == run_id).values(metrics_json=json.dumps(stored))
        )

    assert last() == pytest.approx(2 * daily, abs=0.001)


def test_the_rolling_sharpe_ratio_subtracts_the_risk_free_rate_as_the_metric_does(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    halfyear = {
        "start_date": "2005-01-03",
        "end_date": "2005-07-01",
        "risk_free_rate": 0.04,
        "direction": "longshort",
    }
    run_id = make_run(**halfyear)

    bars = browser_client.get(f"/api/runs/{run_id}/bars").get_json()
    metrics = browser_client.get(f"/api/runs/{run_id}").get_json()["metrics"]

    assert bars["total"] == rolling_bars("1d")
    assert bars["rolling_sharpe"][-1] == pytest.approx(metrics["sharpe_ratio"], abs=0.001)


def test_a_page_that_prefers_to_wait_shows_the_run_that_ends_meanwhile(
    app: Flask, browser_client: FlaskClient, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, slept = make_run("pending"), []

    def cancel(seconds: float) -> None:
        slept.append(seconds)
        assert browser_client.post(f"/api/runs/{run_id}/cancel").status_code == 200

    monkeypatch.setattr(page.time, "sleep", cancel)
    assert 'data-status="pending"' in browser_client.get(f"/result/{run_id}").get_data(
        as_text=True
    )
    assert not slept

    content = browser_client.get(f"/result/{run_id}", headers={"Prefer": "wait"}).get_data(
        as_text=True
    )

    assert len(slept) == 1
    assert "cancelled" in content
    assert 'data-status="pending"' not in content


def test_no_more_than_two_pages_of_a_process_are_held(
    browser_client: FlaskClient, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = make_run("pending")
    monkeypatch.setattr(page, "_waiting_requests", threading.BoundedSemaphore(1))

    with page._waiting_requests:
        monkeypatch.setattr(page.time, "sleep", lambda seconds: pytest.fail("held"))
        content = browser_client.get(f"/result/{run_id}", headers={"Prefer": "wait"}).get_data(
            as_text=True
        )

    assert 'data-status="pending"' in content
