"""A study that is trained by screens comes to the verdict of one that is trained by runs, in every figure."""

from dataclasses import asdict
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.tables import runs
from contracts.study import StudyRequest
from tests.services.studies import BASE, WALK_FORWARD, complete

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FORMULA = {"buy": "close > sma(close, slow)", "sell": "close < sma(close, fast)"}
KINDS: dict[str, dict[str, Any]] = {
    "walk_forward": {},
    "anchored, by another metric": {
        "anchored": True,
        "metric": "calmar_ratio",
        "constraints": ["win_rate > 20"],
    },
    "by the neighbourhood": {"by_neighbourhood": True, "metric": "total_return_pct"},
    "holdout": {"kind": "holdout", "chosen": 2},
    "selection": {"kind": "selection"},
    "with rates and short": {
        "kind": "holdout",
        "base": BASE
        | {
            "direction": "longshort",
            "borrow_rate": 0.02,
            "cash_rate": 0.01,
            "risk_free_rate": 0.01,
        },
    },
    "nothing trades": {
        "kind": "holdout",
        "base": BASE | {"size_type": "value", "position_size": 0.01},
    },
    "a rule of one's own": {
        "kind": "holdout",
        "base": BASE | {"rule_type": "FORMULA"},
        "combinations": [
            FORMULA | {"inputs": {"fast": fast, "slow": 60}} for fast in (5, 20, 40)
        ],
    },
}


@ON_SQLITE
@pytest.mark.parametrize("kind", KINDS)
def test_both_ways_come_to_the_same_verdict(
    kind: str, client: FlaskClient, engine: Engine
) -> None:
    by_runs = complete(client, engine, **KINDS[kind])
    by_screens = complete(client, engine, train_by="screens", **KINDS[kind])

    for folds in (by_runs["verdict"]["folds"], by_screens["verdict"]["folds"]):
        for each in (each for fold in folds for each in fold["chosen"]):
            del each["train_run"], each["test_run"]
    assert by_screens["verdict"] == by_runs["verdict"]
    assert by_screens["sentence"] == by_runs["sentence"]


def test_a_hundred_combinations_of_a_fold_are_one_job(
    client: FlaskClient, engine: Engine
) -> None:
    many = [{"fast": fast, "slow": slow} for fast in range(2, 17) for slow in range(30, 40)]

    study = complete(client, engine, kind="holdout", combinations=many, train_by="screens")

    with reading(engine) as connection:
        kinds = list(connection.execute(select(runs.c.kind).order_by(runs.c.id)).scalars())
    assert kinds == ["training", "training", "run"]
    assert (study["runs"], study["verdict"]["trials"]) == ({"training": 2, "test": 1}, 150)
    assert study["counts"]["completed"] == 3


def test_a_plan_of_before_screens_is_trained_by_runs() -> None:
    stored = asdict(StudyRequest(**WALK_FORWARD))
    del stored["train_by"]

    assert StudyRequest.from_json(stored).train_by == "runs"
    assert StudyRequest(kind="holdout", base={}, combinations=[{}]).train_by == "screens"
