"""A reproduced run is compared with the first one, bit for bit."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from adapters.queue.messages import Attempt
from adapters.runs.series import decode_signals
from adapters.runs.states import claim, finish
from adapters.tables import runs
from consumer.kinds.backtest import backtest
from tests.services.prices import run_prices
from tests.web.conftest import RunMaker


@pytest.fixture
def repeated(page_app: Flask, browser_client: FlaskClient, make_run: RunMaker) -> tuple[str, str]:
    """Ids of a completed run and of its completed repetition."""
    origin = make_run(slippage_bps=3.7, trailing_stop_pct=2.9)
    again = browser_client.post(f"/api/runs/{origin}/reproduce").get_json()["run_id"]
    platform = page_app.extensions["platform"]
    with platform.engine.begin() as connection:
        claimed = claim(connection, Attempt(again, 1), "token", 60.0, "test")
        outcome = backtest(claimed.request, run_prices(connection, claimed.request))
        finish(connection, claimed, outcome.columns, outcome.lines)
    return origin, again


def test_a_repetition_that_waits_says_what_will_be_compared(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    origin = make_run()
    again = browser_client.post(f"/api/runs/{origin}/reproduce").get_json()["run_id"]

    assert 'data-verdict="waiting"' in browser_client.get(f"/result/{again}").get_data(
        as_text=True
    )


def test_equal_results_are_called_identical_on_both_pages(
    browser_client: FlaskClient, repeated: tuple[str, str]
) -> None:
    origin, again = repeated

    assert 'data-verdict="identical"' in browser_client.get(f"/result/{again}").get_data(
        as_text=True
    )
    assert "Reproduced 1 time: 1 identical" in browser_client.get(f"/result/{origin}").get_data(
        as_text=True
    )


def test_one_changed_character_is_a_difference_with_its_cause(
    page_app: Flask, browser_client: FlaskClient, repeated: tuple[str, str]
) -> None:
    origin, again = repeated
    stored = runs.c.equity_curve_json
    with page_app.extensions["platform"].engine.begin() as connection:
        changed = {"equity_curve_json": stored + " ", "engine_version": "0.9.9"}
        connection.execute(update(runs).where(runs.c.run_id == origin).values(**changed))

    page = browser_client.get(f"/result/{again}").get_data(as_text=True)

    assert 'data-verdict="different"' in page
    assert "in equity from those of" in page
    assert "Also different: the engine" in page


def test_prices_as_older_runs_stored_them_are_no_difference(
    page_app: Flask, browser_client: FlaskClient, repeated: tuple[str, str]
) -> None:
    origin, again = repeated
    columns = (runs.c.trades_json, runs.c.signals_json)
    with page_app.extensions["platform"].engine.begin() as connection:
        text, signals = connection.execute(select(*columns).where(runs.c.run_id == origin)).one()
        stored = json.loads(text)
        whole = [
            [float(f"{each:.10g}") if isinstance(each, float) else each for each in row]
            for row in stored["rows"]
        ]
        spans = [[bar, signal, 2, 410] for bar, signal, _ in decode_signals(signals)]
        older = {
            "trades_json": json.dumps(stored | {"rows": whole}),
            "signals_json": json.dumps(spans),
        }
        connection.execute(update(runs).where(runs.c.run_id == origin).values(**older))

    page = browser_client.get(f"/result/{again}").get_data(as_text=True)

    assert whole != stored["rows"]
    assert 'data-verdict="identical"' in page
    assert {
        each["price"] for each in browser_client.get(f"/api/runs/{origin}").get_json()["signals"]
    } == {4.1}


def test_a_metric_that_only_the_later_run_has_is_named_and_no_difference(
    page_app: Flask, browser_client: FlaskClient, repeated: tuple[str, str]
) -> None:
    origin, again = repeated
    with page_app.extensions["platform"].engine.begin() as connection:
        text = connection.execute(
            select(runs.c.metrics_json).where(runs.c.run_id == origin)
        ).scalar_one()
        stored = json.loads(text)
        del stored["values"]["sqn"]
        older = {"metrics_json": json.dumps(stored), "analysis_version": None}
        connection.execute(update(runs).where(runs.c.run_id == origin).values(**older))

    page = browser_client.get(f"/result/{again}").get_data(as_text=True)

    assert 'data-verdict="identical"' in page
    assert "Present in only one run: sqn." in page


def test_a_changed_metric_is_named_with_the_version_that_changed_it(
    page_app: Flask, browser_client: FlaskClient, repeated: tuple[str, str]
) -> None:
    origin, again = repeated
    with page_app.extensions["platform"].engine.begin() as connection:
        text = connection.execute(
            select(runs.c.metrics_json).where(runs.c.run_id == origin)
        ).scalar_one()
        stored = json.loads(text)
        stored["values"]["cagr"] += 1.0
        older = {"metrics_json": json.dumps(stored), "analysis_version": None}
        connection.execute(update(runs).where(runs.c.run_id == origin).values(**older))

    page = browser_client.get(f"/result/{again}").get_data(as_text=True)

    assert 'data-verdict="different"' in page
    assert "in cagr from those of" in page
    assert "Also different: the warm-up of rules and the derived metrics" in page


@pytest.mark.parametrize("is_same", [True, False])
def test_other_versions_of_a_strategy_s_modules_are_named_even_if_all_is_identical(
    is_same: bool, page_app: Flask, browser_client: FlaskClient, repeated: tuple[str, str]
) -> None:
    origin, again = repeated
    receipts = {
        origin: {"python": "3.11.7", "numpy": "2.4.6", "pandas": "3.1.1"},
        again: {"python": "3.11.7", "numpy": "2.5.0"},
    }
    with page_app.extensions["platform"].engine.begin() as connection:
        for run_id, versions in receipts.items():
            receipt = {"versions": receipts[origin] if is_same else versions, **RECEIPT}
            query = update(runs).where(runs.c.run_id == run_id)
            connection.execute(query.values(python_json=json.dumps(receipt)))

    page = browser_client.get(f"/result/{again}").get_data(as_text=True)

    assert 'data-verdict="identical"' in page
    words = "Different: the versions of numpy 2.4.6 and 2.5.0, pandas 3.1.1 and none."
    assert (words in page) is not is_same


RECEIPT = {
    "code_sha256": "0" * 64, "function": "on_bar", "sealed": True, "mode": "streamed", "checked": None,
    "printed": [], "printed_cut": False,
}  # fmt: skip
