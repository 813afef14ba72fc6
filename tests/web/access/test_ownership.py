"""Whose runs, batches, studies and idempotency keys are: their submitter's alone, and admins'."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.services.portfolios import ASKED
from tests.services.studies import WALK_FORWARD
from tests.services.web_app import run_values, sweep_values
from tests.web.conftest import ON_BOTH_DATABASES, TokenMaker

pytestmark = ON_BOTH_DATABASES


@pytest.fixture
def others_batch(anybody: FlaskClient, made: TokenMaker) -> str:
    """A batch of two runs that another actor submitted."""
    anybody.post(
        "/api/runs/bulk?batch_id=theirs", json=sweep_values(2), headers=made("submit", "them")
    )
    return "theirs"


def test_nobody_adds_to_others_batches_or_changes_what_they_are_ranked_by(
    anybody: FlaskClient, made: TokenMaker, others_batch: str
) -> None:
    mine, admin = made("submit", "mine"), made("admin")
    bulk = f"/api/runs/bulk?batch_id={others_batch}"
    more, same = sweep_values(3)[2:], sweep_values(2)
    requests = [
        (bulk, more),
        (bulk, same),
        (f"{bulk}&metric=cagr", same),
        (f"{bulk}&dry_run=true", more),
    ]
    requests += [
        ("/run_backtest", more[0] | {"batch_id": others_batch}),
        ("/api/runs/bulk", [more[0] | {"batch_id": others_batch}]),
    ]

    before = anybody.get(f"/api/batches/{others_batch}", headers=admin).json
    assert [
        anybody.post(path, json=body, headers=mine).status_code for path, body in requests
    ] == [403] * 6
    assert anybody.get(f"/api/batches/{others_batch}", headers=admin).json == before
    assert [
        anybody.post(path, json=body, headers=admin).status_code for path, body in requests
    ] == [
        202,
        200,
        200,
        200,
        200,
        200,
    ]
    assert anybody.get(f"/api/batches/{others_batch}", headers=admin).json["metric"] == "cagr"


def test_nobody_pins_others_runs(
    anybody: FlaskClient, made: TokenMaker, others_batch: str
) -> None:
    mine, admin = made("submit", "mine"), made("admin")
    run_id = anybody.get(f"/api/batches/{others_batch}/runs", headers=mine).json["runs"][0][
        "run_id"
    ]

    answers = [
        anybody.post(f"/api/runs/{run_id}/{each}", headers=who)
        for each in ("pin", "unpin")
        for who in (mine, admin)
    ]
    assert [answer.status_code for answer in answers] == [403, 200] * 2


def test_nobody_cancels_or_retries_others_screens(anybody: FlaskClient, made: TokenMaker) -> None:
    mine, theirs = made("submit", "mine"), made("submit", "them")
    grid = {"base": run_values(params={}), "parameters": {"period": [7, 14]}}
    screen_id = anybody.post("/api/screens", json=grid, headers=theirs).json["screen_id"]

    answers = [
        anybody.post(f"/api/screens/{screen_id}/{change}", headers=who)
        for change in ("cancel", "retry")
        for who in (mine, theirs)
    ]
    assert [answer.status_code for answer in answers] == [403, 200, 403, 202]


def test_nobody_cancels_or_retries_others_portfolios(
    anybody: FlaskClient, made: TokenMaker
) -> None:
    mine, theirs = made("submit", "mine"), made("submit", "them")
    portfolio_id = anybody.post("/api/portfolios", json=ASKED, headers=theirs).json[
        "portfolio_id"
    ]

    answers = [
        anybody.post(f"/api/portfolios/{portfolio_id}/{change}", headers=who)
        for change in ("cancel", "retry")
        for who in (mine, theirs)
    ]
    assert [answer.status_code for answer in answers] == [403, 200, 403, 202]


def test_the_batch_of_a_study_is_its_submitters_before_it_has_runs(
    anybody: FlaskClient, made: TokenMaker
) -> None:
    theirs = anybody.post("/api/studies", json=WALK_FORWARD, headers=made("submit", "them")).json[
        "batch_id"
    ]

    answer = anybody.post(
        f"/api/runs/bulk?batch_id={theirs}", json=sweep_values(1), headers=made("submit", "mine")
    )
    assert answer.status_code == 403


def test_the_batch_of_a_portfolio_whose_legs_were_all_linked_is_its_submitters(
    anybody: FlaskClient, made: TokenMaker
) -> None:
    anybody.post("/api/portfolios", json=ASKED, headers=made("submit", "first"))
    theirs = made("submit", "them")
    portfolio_id = anybody.post("/api/portfolios", json=ASKED, headers=theirs).json[
        "portfolio_id"
    ]
    batch = anybody.get(f"/api/batches/portfolio-{portfolio_id}", headers=theirs)

    answer = anybody.post(
        f"/api/runs/bulk?batch_id=portfolio-{portfolio_id}",
        json=sweep_values(1),
        headers=made("submit", "mine"),
    )

    assert (batch.status_code, answer.status_code) == (404, 403)


def test_a_batch_whose_submitter_nobody_knows_is_open(app: Flask, made: TokenMaker) -> None:
    client = app.test_client()
    client.post("/api/runs/bulk?batch_id=old", json=sweep_values(1))
    mine, other = made("submit", "mine"), made("submit", "other")

    added = [
        client.post("/api/runs/bulk?batch_id=old", json=sweep_values(3)[at:], headers=who)
        for at, who in ((2, mine), (1, other))
    ]
    assert [answer.status_code for answer in added] == [202, 202]


def test_of_many_who_begin_a_batch_at_the_same_time_one_has_it(
    app: Flask, made: TokenMaker
) -> None:
    headers = [made("submit", f"user-{number}") for number in range(6)]

    def begin(number: int) -> int:
        body = run_values(batch_id="raced", fee_rate=number / 1000)
        return int(
            app.test_client()
            .post("/run_backtest", json=body, headers=headers[number])
            .status_code
        )

    with ThreadPoolExecutor(6) as threads:
        codes = sorted(threads.map(begin, range(6)))
    assert codes == [202] + [403] * 5


def test_keys_are_the_actors_own(anybody: FlaskClient, made: TokenMaker) -> None:
    mine, other = ({**made("submit", name), "Idempotency-Key": "k"} for name in ("mine", "other"))
    calls = [
        ("/run_backtest", run_values(), "run_id"),
        ("/api/runs/bulk", sweep_values(2), "batch_id"),
    ]
    calls += [
        ("/api/studies", WALK_FORWARD, "study_id"),
        ("/api/portfolios", ASKED, "portfolio_id"),
    ]

    for path, body, name in calls:
        answers = [
            anybody.post(path, json=body, headers=who) for who in (mine, other, mine, other)
        ]
        assert [answer.status_code for answer in answers] == [202, 202, 200, 200], path
        ids = [answer.json[name] for answer in answers]
        assert (ids[:2], len(set(ids))) == (ids[2:], 2), path
