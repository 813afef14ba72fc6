"""A run without its series shows its metrics, says what was deleted, and stumbles nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from adapters.database import database_now
from adapters.maintenance.retention import Removed, prune_runs
from adapters.tables import runs
from tests.web.conftest import RunMaker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient


@pytest.fixture
def pruned(page_app: Flask, make_run: RunMaker) -> str:
    """The run_id of a completed run with charts, whose series were deleted."""
    run_id = make_run(charts=True)
    prune_everything(page_app)
    return run_id


def prune_everything(app: Flask) -> list[Removed]:
    """Let all runs be two days old, and delete their series."""
    platform = app.extensions["platform"]
    with platform.engine.begin() as connection:
        connection.execute(runs.update().values(completed_at=database_now(-2 * 86_400)))
    return list(prune_runs(platform.engine, replace(platform.settings, keep_series_days=1)))


def test_its_page_shows_the_metrics_and_says_what_is_gone(
    browser_client: FlaskClient, pruned: str
) -> None:
    pages = [browser_client.get(f"/result/{pruned}?tab={tab}") for tab in ("stats", "trades")]

    for page in pages:
        assert page.status_code == 200
        text = page.get_data(as_text=True)
        assert 'data-metric="sharpe_ratio"' in text
        assert "were deleted automatically" in text
        assert "tab=trades" not in text
        assert "/reproduce" in text
        assert "report.html" not in text


def test_its_result_has_metrics_and_receipt_but_no_curves(
    browser_client: FlaskClient, pruned: str
) -> None:
    result = browser_client.get(f"/api/runs/{pruned}").get_json()

    assert (result["status"], result["equity_curve"], result["trades"], result["charts"]) == (
        "completed",
        None,
        None,
        {},
    )
    assert result["metrics"]["num_trades"] > 0
    assert result["result_hash"]


def test_what_needs_the_series_says_that_they_are_gone(
    browser_client: FlaskClient, pruned: str
) -> None:
    for path in (
        f"/result/{pruned}/report.html",
        f"/result/{pruned}/bars.csv",
        f"/result/{pruned}/trades.csv",
        f"/api/runs/{pruned}/explanation",
        f"/api/curves?run={pruned}",
        f"/api/runs/{pruned}/bars",
    ):
        answer = browser_client.get(path)
        assert (path, answer.status_code) == (path, 409)
        assert "were deleted" in answer.get_data(as_text=True), path
    assert browser_client.get(f"/result/{pruned}/charts/equity_curve.png").status_code == 404


def test_it_is_reproduced_and_the_metrics_are_compared(
    page_app: Flask, browser_client: FlaskClient, make_run: RunMaker, pruned: str
) -> None:
    again = make_run()
    with page_app.extensions["platform"].engine.begin() as connection:
        connection.execute(runs.update().where(runs.c.run_id == again).values(reproduces=pruned))

    page = browser_client.get(f"/result/{again}").get_data(as_text=True)

    assert "identical" in page


def test_a_pinned_run_keeps_its_series_until_it_is_unpinned(
    page_app: Flask, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run()

    def prune() -> int:
        return sum(portion["series"] for portion in prune_everything(page_app))

    pinned = browser_client.post(f"/api/runs/{run_id}/pin")
    page = browser_client.get(f"/result/{run_id}").get_data(as_text=True)
    assert (pinned.get_json(), prune()) == ({"run_id": run_id, "pinned": True}, 0)
    assert f'data-post="/api/runs/{run_id}/unpin"' in page

    unpinned = browser_client.post(f"/api/runs/{run_id}/unpin")
    assert (unpinned.get_json()["pinned"], prune()) == (False, 1)


def test_a_run_that_is_not_there_cannot_be_pinned(browser_client: FlaskClient) -> None:
    assert (
        browser_client.post("/api/runs/00000000-0000-4000-8000-000000000000/pin").status_code
        == 404
    )
