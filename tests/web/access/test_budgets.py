"""Budgets of a day: what is submitted counts once, and is refused above the limit with the figures."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from adapters.access_tables import actor_usage
from adapters.budgets import add_usage
from adapters.database import connect_database
from adapters.tables import runs
from contracts.status import RunStatus
from tests.services.jobs import run_all
from tests.services.portfolios import ASKED
from tests.services.studies import BASE, GRID, WALK_FORWARD
from tests.services.web_app import run_values, sweep_values, web_app
from tests.web.conftest import ON_BOTH_DATABASES, TokenMaker

pytestmark = ON_BOTH_DATABASES

AXES = {"fast": [5, 10, 20], "slow": [50, 100]}
SCREEN = {"base": BASE, "parameters": AXES}


def usage(client: FlaskClient, headers: dict[str, str]) -> dict[str, Any]:
    listed = client.get("/api/usage", headers=headers).json["usage"]
    return {each["actor"]: each for each in listed}


def test_every_submission_counts_what_it_tries(
    anybody: FlaskClient, made: TokenMaker, app: Flask
) -> None:
    """A run, two of a batch, six of a screen; the parts of studies; a portfolio with its legs; a robustness."""
    study = {**WALK_FORWARD, "combinations": GRID}
    plan = anybody.post(
        "/api/studies?dry_run=true", json=study, headers=made("admin", "dry")
    ).json
    trials = len(plan["windows"]) * len(GRID) + plan["runs"]["test"]
    permutation = {"kind": "permutation", "base": BASE, "combinations": GRID, "permutations": 20}
    submissions: list[tuple[str, str, Any, int]] = [
        ("run", "/run_backtest", run_values(), 1),
        ("bulk", "/api/runs/bulk?batch_id=b", sweep_values(2), 2),
        ("screen", "/api/screens", SCREEN, 6),
        ("study", "/api/studies", study, trials),
        ("permutation", "/api/studies", permutation, 21 * len(GRID)),
        ("portfolio", "/api/portfolios", ASKED, len(ASKED["legs"]) + 1),
    ]

    for name, path, body, _ in submissions:
        headers = made("submit", name) | {"Idempotency-Key": name}
        answers = [anybody.post(path, json=body, headers=headers) for _ in range(2)]
        assert [each.status_code for each in answers] == [202, 200], name
        if name == "run":
            run_all(app.extensions["platform"].engine)
            run_id = answers[0].json["run_id"]
            assert (
                anybody.post(f"/api/runs/{run_id}/robustness", headers=headers).status_code == 202
            )

    counted = usage(anybody, made("admin", "root"))
    expected = {name: count for name, _, _, count in submissions}
    expected["run"] += 50
    assert {name: each["combinations"] for name, each in counted.items()} == expected


def test_a_spent_budget_is_refused_with_the_figures_until_tomorrow(
    anybody: FlaskClient, made: TokenMaker, database_url: str
) -> None:
    mine = made("submit", "mine", "--daily-combinations", "8")
    assert anybody.post("/api/screens", json=SCREEN, headers=mine).status_code == 202

    refused = anybody.post("/api/runs/bulk?batch_id=b", json=sweep_values(3), headers=mine)

    assert refused.status_code == 429
    assert (
        "3 combinations are more than is left of today's budget: 6 of 8" in refused.json["error"]
    )
    assert 0 < int(refused.headers["Retry-After"]) <= 86_401
    assert usage(anybody, mine)["mine"]["combinations"] == 6
    accepted = anybody.post("/api/runs/bulk?batch_id=b", json=sweep_values(2), headers=mine)
    assert accepted.status_code == 202
    with connect_database(database_url).begin() as connection:
        connection.execute(actor_usage.update().values(day=date(2020, 1, 1)))
    assert anybody.post("/api/screens", json=SCREEN, headers=mine).status_code == 202


def test_cpu_seconds_are_refused_when_they_are_used_and_retries_count_no_combination(
    anybody: FlaskClient, made: TokenMaker, database_url: str
) -> None:
    mine, engine = made("submit", "mine", "--daily-cpu-s", "60"), connect_database(database_url)
    run_id = anybody.post("/run_backtest", json=run_values(), headers=mine).json["run_id"]
    with engine.begin() as connection:
        connection.execute(update(runs).values(status=RunStatus.FAILED))
        add_usage(connection, "mine", cpu_s=59.5)
    assert anybody.post(f"/api/runs/{run_id}/retry", headers=mine).status_code == 202
    with engine.begin() as connection:
        connection.execute(update(runs).values(status=RunStatus.FAILED))
        add_usage(connection, "mine", cpu_s=0.5)

    refused = [
        anybody.post(path, json=body, headers=mine)
        for path, body in (("/run_backtest", run_values()), (f"/api/runs/{run_id}/retry", None))
    ]

    assert [each.status_code for each in refused] == [429, 429]
    assert "60 of 60 seconds" in refused[0].json["error"]
    assert usage(anybody, mine)["mine"]["combinations"] == 1


def test_a_token_limit_replaces_the_settings_and_can_be_changed(
    anybody: FlaskClient,
    made: TokenMaker,
    run_command: Callable[..., tuple[int, str]],
    platform_settings: dict[str, str],
) -> None:
    plain, large = made("submit", "plain"), made("submit", "large", "--daily-combinations", "6")

    def status(headers: dict[str, str]) -> int:
        return client.post("/api/screens", json=SCREEN, headers=headers).status_code

    with web_app(platform_settings | {"DAILY_COMBINATIONS": "5"}) as app:
        client = app.test_client()
        assert (status(plain), status(large)) == (429, 202)
        assert run_command("limit", "plain", "--daily-combinations", "6")[0] == 0
        assert status(plain) == 202
    assert "6 combinations a day" in run_command("list")[1]
    assert run_command("limit", "nobody")[0] == 2


def test_only_admins_see_the_use_of_others(anybody: FlaskClient, made: TokenMaker) -> None:
    ann, bob, admin = made("submit", "ann"), made("submit", "bob"), made("admin", "root")
    for headers in (ann, bob):
        anybody.post("/run_backtest", json=run_values(), headers=headers)

    assert usage(anybody, ann).keys() == {"ann"}
    assert usage(anybody, admin).keys() == {"ann", "bob"}
    page = anybody.get("/usage", headers=admin | {"Accept": "text/html"}).text
    assert "ann" in page and "CPU seconds today" in page


@pytest.mark.parametrize("limit", ["", "2"])
def test_without_tokens_the_settings_limit_everybody_together(
    platform_settings: dict[str, str], limit: str
) -> None:
    with web_app(platform_settings | {"DAILY_COMBINATIONS": limit}) as app:
        client = app.test_client()
        statuses = [client.post("/run_backtest", json=run_values()).status_code for _ in range(3)]
        used = usage(client, {})

    assert statuses == [202, 202, 429 if limit else 202]
    assert used[None]["combinations"] == (2 if limit else 3)
