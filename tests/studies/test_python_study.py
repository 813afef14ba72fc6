"""A study of a strategy in Python has the verdict of the same rule, and no code runs for it outside of Jobs."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from adapters.tables import runs
from contracts.status import Kind
from tests.services.studies import complete

CROSS = """
def on_bar(bars, quick=10, base=50):
    if len(bars) <= base:
        return 0
    before, now = (
        bars.close[end - quick : end].mean() - bars.close[end - base : end].mean()
        for end in (len(bars) - 1, len(bars))
    )
    return 1 if before <= 0 < now else -1 if before >= 0 > now else 0
"""
PAIRS = [{"fast": 5, "slow": 20}, {"fast": 10, "slow": 50}]
BASE = {"ticker": "AAPL", "start_date": "2000-03-01", "end_date": "2006-12-31"}
DAYS = {"train_days": 900, "test_days": 700}
IN_PYTHON = {
    "base": {**BASE, "rule_type": "PYTHON"},
    "combinations": [
        {"code": CROSS, "inputs": {"quick": pair["fast"], "base": pair["slow"]}} for pair in PAIRS
    ],
}
OF_THE_CATALOG = {"base": {**BASE, "rule_type": "MA_CROSS"}, "combinations": PAIRS}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_study_of_code_that_fails_says_so(app: Flask, client: FlaskClient) -> None:
    combinations = [
        {"code": "def on_bar(bars, n=1):\n    return n / 0\n", "inputs": {"n": n}} for n in (1, 2)
    ]
    study = complete(
        client,
        app.extensions["platform"].engine,
        kind="selection",
        base=IN_PYTHON["base"],
        combinations=combinations,
    )

    assert study["sentence"] == (
        "No verdict: every combination failed; a run of one of them says why."
    )


@pytest.mark.parametrize("kind", [{"kind": "walk_forward", **DAYS}, {"kind": "selection"}])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_verdict_is_that_of_the_same_rule(
    app: Flask, client: FlaskClient, kind: dict[str, object]
) -> None:
    engine = app.extensions["platform"].engine
    in_python = complete(client, engine, **{**IN_PYTHON, **kind})
    expected = complete(client, engine, **{**OF_THE_CATALOG, **kind})

    assert in_python["status"] == expected["status"] == "completed", in_python["sentence"]
    for one, other in zip(
        in_python["verdict"]["folds"], expected["verdict"]["folds"], strict=True
    ):
        (mine,), (its,) = one["chosen"], other["chosen"]
        assert [*mine["params"]["inputs"].values()] == [*its["params"].values()]
        assert (mine["train"], mine["test"]) == (its["train"], its["test"])
        assert one["evidence"] == other["evidence"]
    assert in_python["outcome"] == expected["outcome"]
    of_training = {each["chosen"][0]["train_run"] for each in in_python["choices"]}
    with engine.connect() as connection:
        query = select(runs.c.kind, runs.c.python_json).where(runs.c.run_id.in_(of_training))
        stored = connection.execute(query).all()
    assert len(stored) == len(of_training) == len(in_python["windows"])
    assert all(kind == Kind.RUN and json.loads(python)["sealed"] for kind, python in stored)
    assert in_python["counts"]["completed"] == sum(in_python["runs"].values()) + len(stored)
