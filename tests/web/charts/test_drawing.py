"""Charts that are missing are drawn when somebody asks for them, once, by a process that is bounded."""

from __future__ import annotations

import base64
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, select

from adapters.runs.states import save_charts
from adapters.tables import run_charts
from contracts.run_result import CHART_NAMES
from tests.web.conftest import RunMaker
from web.charts import pictures

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

PNG = b"\x89PNG\r\n"


def chart(client: FlaskClient, run_id: str, name: str = "equity_curve"):
    return client.get(
        f"/result/{run_id}/charts/{name}.png", headers={"Accept": "application/json"}
    )


def stored(app: Flask, run_id: str) -> set[str]:
    with app.extensions["platform"].engine.connect() as connection:
        return set(
            connection.execute(
                select(run_charts.c.name).where(run_charts.c.run_id == run_id)
            ).scalars()
        )


def lose(app: Flask, run_id: str, names: tuple[str, ...] = CHART_NAMES) -> None:
    with app.extensions["platform"].engine.begin() as connection:
        connection.execute(
            delete(run_charts).where(run_charts.c.run_id == run_id, run_charts.c.name.in_(names))
        )


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Processes that would have been started; none is."""
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: started.append(command))
    return started


def test_a_chart_that_a_run_did_not_ask_for_is_drawn_on_request_and_kept(
    page_app: Flask,
    browser_client: FlaskClient,
    make_run: RunMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_id = make_run(batch_id="sweep")
    assert stored(page_app, run_id) == set()

    first = chart(browser_client, run_id)
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: started.append(command))
    others = [chart(browser_client, run_id, name) for name in CHART_NAMES]

    assert (first.status_code, first.mimetype, first.data[:6]) == (200, "image/png", PNG)
    assert [answer.status_code for answer in others] == [200] * len(CHART_NAMES)
    assert stored(page_app, run_id) == set(CHART_NAMES)
    assert started == []


@pytest.mark.parametrize("lost", [CHART_NAMES, CHART_NAMES[-1:]], ids=["all", "one that is new"])
def test_the_result_of_a_run_without_some_of_its_charts_has_them_again(
    page_app: Flask,
    browser_client: FlaskClient,
    make_run: RunMaker,
    monkeypatch: pytest.MonkeyPatch,
    lost: tuple[str, ...],
) -> None:
    run_id = make_run(charts=True)
    lose(page_app, run_id, lost)
    monkeypatch.setattr(pictures, "JOB_DRAWS_S", 0.0)

    charts = browser_client.get(f"/api/runs/{run_id}").json["charts"]

    assert set(charts) == {f"{name}_base64" for name in CHART_NAMES}
    assert all(base64.b64decode(png)[:6] == PNG for png in charts.values())


def test_the_result_of_a_run_without_charts_draws_none(
    browser_client: FlaskClient, make_run: RunMaker, no_process: list[Any]
) -> None:
    run_id = make_run()

    assert browser_client.get(f"/api/runs/{run_id}").json["charts"] == {}
    assert no_process == []


def test_a_run_that_has_just_ended_is_left_to_its_job(
    page_app: Flask,
    browser_client: FlaskClient,
    make_run: RunMaker,
    no_process: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_id, engine = make_run(charts=True), page_app.extensions["platform"].engine
    lose(page_app, run_id)
    monkeypatch.setattr(pictures, "JOB_DRAWS_S", 60.0)

    def job() -> None:
        with engine.begin() as connection:
            save_charts(connection, run_id, dict.fromkeys(CHART_NAMES, PNG))

    later = threading.Timer(0.3, job)
    later.start()
    answer = chart(browser_client, run_id)
    later.join()

    assert (answer.status_code, answer.data) == (200, PNG)
    assert no_process == []


def test_a_run_that_has_not_completed_has_no_charts(
    browser_client: FlaskClient, make_run: RunMaker, no_process: list[Any]
) -> None:
    answers = [
        chart(browser_client, make_run(state)).status_code
        for state in ("pending", "running", "failed")
    ]

    assert answers == [404, 404, 404]
    assert no_process == []


def test_a_drawing_that_takes_too_long_is_ended(
    browser_client: FlaskClient, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "DRAWING_S", 0.01)

    answer = chart(browser_client, make_run())

    assert (answer.status_code, "took longer" in answer.json["error"]) == (503, True)


def test_only_so_many_charts_are_drawn_at_once(
    browser_client: FlaskClient,
    make_run: RunMaker,
    monkeypatch: pytest.MonkeyPatch,
    no_process: list[Any],
) -> None:
    monkeypatch.setattr(pictures, "DRAWING_S", 0.1)
    monkeypatch.setattr(pictures, "_drawers", threading.BoundedSemaphore(1))
    pictures._drawers.acquire()

    answer = chart(browser_client, make_run())

    assert (answer.status_code, "too many" in answer.json["error"]) == (503, True)
    assert no_process == []
