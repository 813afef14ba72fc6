"""Tags of runs: given with a request, changed afterwards, and what lists are filtered by."""

import json
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from adapters.tables import run_tags, runs
from tests.services.web_app import run_values, sweep_values
from tests.web.conftest import ON_BOTH_DATABASES, RunMaker, TokenMaker
from web.app import Platform

pytestmark = ON_BOTH_DATABASES


def listed(client: FlaskClient, tag: str) -> set[str]:
    return {
        run["run_id"] for run in client.get("/api/runs", query_string={"tag": tag}).json["runs"]
    }


def tags_of(client: FlaskClient, run_id: str) -> list[str]:
    tags: list[str] = client.get(f"/api/runs/{run_id}").json["request"]["tags"]
    return tags


def changed(client: FlaskClient, *run_ids: str, **words: list[str]) -> Any:
    return client.post("/api/runs/tags", json={"run_ids": run_ids} | words)


def test_runs_are_listed_by_each_of_their_tags(
    page_app: Flask, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    client = page_app.test_client()
    both, one, none = (
        make_run(tags=["trend", "Idee 7 ✓"]),
        make_run("pending", tags=["trend"]),
        make_run("pending"),
    )

    assert (listed(client, "trend"), listed(client, "Idee 7 ✓"), listed(client, "Trend")) == (
        {both, one},
        {both},
        set(),
    )
    assert (tags_of(client, both), tags_of(client, none)) == (["trend", "Idee 7 ✓"], [])
    by_metric = client.get("/api/runs?tag=trend&sort=sharpe&trades_min=0").json["runs"]
    assert [run["run_id"] for run in by_metric] == [both]
    assert "trend, Idee 7 ✓" in browser_client.get(f"/result/{both}").text
    assert "#trend" in browser_client.get("/runs").text


def test_tags_are_part_of_no_result_and_go_along_when_a_run_is_repeated(
    page_app: Flask, make_run: RunMaker
) -> None:
    client = page_app.test_client()
    run_id = make_run(tags=["trend"])
    again = client.post(f"/api/runs/{run_id}/reproduce").json["run_id"]
    plain = make_run("pending")

    assert listed(client, "trend") == {run_id, again}
    with page_app.extensions["platform"].engine.connect() as connection:
        hashes = connection.execute(
            select(runs.c.request_hash).where(runs.c.run_id.in_([run_id, plain]))
        ).scalars()
        assert len({*hashes}) == 1


def test_tags_of_many_runs_are_changed_at_once(page_app: Flask) -> None:
    client = page_app.test_client()
    bulk = [values | {"tags": ["raw"]} for values in sweep_values(3)]
    client.post("/api/runs/bulk?batch_id=three", json=bulk)
    ids = [run["run_id"] for run in client.get("/api/batches/three/runs").json["runs"]]
    assert listed(client, "raw") == {*ids}

    assert changed(client, *ids, add=["seen", "raw"]).json == {"changed": 3}
    assert changed(client, *ids, add=["seen"]).json == {"changed": 0}
    assert changed(client, *ids[:2], add=["kept"], remove=["raw", "unknown"]).json == {
        "changed": 2
    }

    assert [listed(client, tag) for tag in ("raw", "seen", "kept")] == [
        {ids[2]},
        {*ids},
        {*ids[:2]},
    ]
    assert [tags_of(client, each) for each in ids] == [
        ["seen", "kept"],
        ["seen", "kept"],
        ["raw", "seen"],
    ]


@pytest.mark.parametrize(
    ("words", "status", "fault"),
    [
        ({"add": ["a,b"]}, 400, "add"),
        ({"add": ["a", "a"]}, 400, "add"),
        ({"add": [" a"]}, 400, "add"),
        ({"add": ["a\u0000"]}, 400, "add"),
        ({"remove": ["x" * 33]}, 400, "remove"),
        ({"add": [""]}, 400, "add"),
        ({"add": "trend"}, 400, "add"),
        ({"names": ["trend"]}, 400, "names"),
        ({"add": [f"{number}" for number in range(10)]}, 409, None),
    ],
)
def test_what_tags_cannot_be_is_reported_by_field_and_changes_nothing(
    words: dict[str, Any], status: int, fault: str | None, page_app: Flask, make_run: RunMaker
) -> None:
    client = page_app.test_client()
    run_id = make_run("pending", tags=["first"])

    answer = changed(client, run_id, **words)

    assert (answer.status_code, tags_of(client, run_id)) == (status, ["first"])
    assert fault is None or list(answer.json["errors"]) == [fault]
    if "add" in words and status == 400:
        refused = client.post("/run_backtest", json=run_values(tags=words["add"]))
        assert (
            "accepted: a list of at most 10, each of 1 to 32 characters"
            in refused.json["errors"]["tags"]
        )


def test_one_run_that_is_not_there_leaves_all_as_they_were(
    page_app: Flask, make_run: RunMaker
) -> None:
    client, run_id, other = page_app.test_client(), make_run("pending"), str(uuid4())

    answer = changed(client, run_id, other, add=["seen"])

    assert (answer.status_code, tags_of(client, run_id)) == (404, [])
    assert other in answer.json["error"]
    for run_ids in ([], [other] * 201, ["x"], ["é" * 36]):
        assert list(changed(client, *run_ids).json["errors"]) == ["run_ids"]


def test_nobody_tags_others_runs(anybody: FlaskClient, made: TokenMaker) -> None:
    mine, theirs = made("submit", "mine"), made("submit", "theirs")
    values = {
        "run_ids": [
            anybody.post("/run_backtest", json=run_values(), headers=theirs).json["run_id"]
        ],
        "add": ["x"],
    }

    answers = [
        anybody.post("/api/runs/tags", json=values, headers=who).status_code
        for who in (mine, theirs)
    ]

    assert answers == [403, 200]


def test_a_run_from_before_there_were_tags_gets_some(page_app: Flask, make_run: RunMaker) -> None:
    run_id = make_run("pending")
    platform: Platform = page_app.extensions["platform"]
    with platform.engine.begin() as connection:
        older = {name: value for name, value in run_values().items() if name != "tags"}
        connection.execute(
            runs.update().where(runs.c.run_id == run_id).values(request_json=json.dumps(older))
        )

    assert changed(page_app.test_client(), run_id, add=["late"]).json == {"changed": 1}
    with platform.engine.connect() as connection:
        assert connection.execute(select(run_tags.c.tag)).scalars().all() == ["late"]


def test_an_empty_list_leads_to_the_examples_while_there_are_any(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    way = "/runs?tag=example"
    pages = ("/runs?label=none", "/portfolios", "/studies")
    assert [way in browser_client.get(page).text for page in pages] == [False] * 3

    make_run("pending", tags=["example"])

    assert [way in browser_client.get(page).text for page in pages] == [True] * 3
