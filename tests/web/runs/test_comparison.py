"""Two to five runs side by side."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from adapters.tables import runs
from tests.web.conftest import RunMaker

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_runs_are_compared_by_metrics_and_by_what_differs(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    one, other = make_run(), make_run(params={"period": 7}, start_date="2006-01-03")

    page = browser_client.get(f"/compare?run={one}&run={other}").get_data(as_text=True)

    assert "Compare 2 runs" in page
    assert "Sharpe ratio" in page
    assert "params.period" in page
    assert "start_date" in page
    assert '<th scope="row">result</th>' in page
    assert '<th scope="row">prices</th>' not in page  # both ran on the same
    assert "params.oversold" not in page  # 30 is the default of the one and was sent by the other
    assert "prices of AAPL differ" not in page


def test_runs_on_different_prices_are_compared_with_a_warning(
    page_app: Flask, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    one, other = make_run(), make_run()
    with page_app.extensions["platform"].engine.begin() as connection:
        connection.execute(update(runs).where(runs.c.run_id == other).values(data_hash="0" * 64))

    page = browser_client.get(f"/compare?run={one}&run={other}").get_data(as_text=True)

    assert "The prices of AAPL differ between these runs" in page


def test_runs_that_differ_in_nothing_but_their_labels_are_called_equal(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    one, other = make_run(), make_run(label="again")

    page = browser_client.get(f"/compare?run={one}&run={other}").get_data(as_text=True)

    assert "identical, bit for bit" in page


@pytest.mark.parametrize(
    "query", ["", "run=x", "run=x&run=y", "&".join(f"run={n}" for n in range(6))]
)
def test_what_cannot_be_compared_is_refused(browser_client: FlaskClient, query: str) -> None:
    assert browser_client.get(f"/compare?{query}").status_code == 400


def test_unknown_and_unfinished_runs_are_not_compared(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    done, waiting = make_run(), make_run("pending")

    assert browser_client.get(f"/compare?run={done}&run={UNKNOWN}").status_code == 404
    assert browser_client.get(f"/compare?run={done}&run={waiting}").status_code == 400


def test_a_run_that_never_traded_is_best_at_nothing(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    idle = make_run(params={"period": 14, "oversold": 1, "overbought": 99})
    one, other = make_run(), make_run(rule_type="MACD", params={})

    page = browser_client.get(f"/compare?run={idle}&run={one}&run={other}").get_data(as_text=True)

    cells = re.findall(r'<td class="number">(★ )?<span\s+class="[^"]*">', page)
    assert any(cells)
    assert not any(cells[::3])


def test_a_run_that_lost_all_there_was_is_best_at_nothing(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    sound, ruined = make_run(), make_run(
        direction="longshort", position_size=90, size_type="percent", rule_type="COMPOSITE", params={},
        start_date="2003-01-02", end_date="2013-03-01",
    )  # fmt: skip

    page = browser_client.get(f"/compare?run={sound}&run={ruined}").get_data(as_text=True)

    assert re.findall(r'<td class="number">★', page) == []


def test_versions_of_prices_are_distinguished_once(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    first, second = make_run(ticker="AAPL"), make_run(ticker="IBM")

    page = browser_client.get(f"/compare?run={first}&run={second}").text

    assert ">prices<" in page and "data_hash" not in page
