"""Training parts are tried by screens: the verdict is that of a run of each combination, in every figure."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.metrics.curves import AccountRates
from adapters.plans.combinations import ranked_places
from adapters.plans.store import plan_row
from adapters.plans.study import Study, result_of, study_of
from adapters.prices.packing import unpack_bars
from adapters.prices.store import prices_of
from adapters.studies.path import RunData, StudyMarket, run_data, trial, tried_of
from adapters.studies.verdict import Part, Verdict
from adapters.tables import runs
from consumer.leader.studies import metric_names
from consumer.leader.verdict import tries_of
from contracts.run_request import RunRequest
from contracts.status import PlanKind
from contracts.values import Json, Values
from tests.services.studies import BASE, complete, judge_here, run_training_part

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


def choice_of(study: Study, runs: list[RunData], recorded: Values) -> Json:
    """The choice among the runs of a training part; the run of its test part is that of the recorded one."""
    request = study.plan.request
    values = {
        name: np.array([run.metrics[name] for run in runs], float)
        for name in metric_names(study.ranking)
    }
    around = request.combinations if request.by_neighbourhood else ()
    places = ranked_places(values, study.ranking, around).tolist()
    chosen = [
        each | {"place": place, "params": request.combinations[place]}
        for place, each in zip(places[: study.plan.chosen], recorded["chosen"], strict=True)
    ]
    return {"eligible": len(places), "failed": 0, "chosen": chosen}


def verdict_by_runs(client: FlaskClient, engine: Engine, values: Json) -> Json:
    """The verdict on a study as a run of each combination on each training part gives it."""
    with reading(engine) as connection:
        study = study_of(plan_row(connection, PlanKind.STUDY, values["study_id"]))
        request = RunRequest.from_json(study.plan.request.base)
        bars = unpack_bars(prices_of(connection, request))
    rates = AccountRates(request.borrow_rate, request.cash_rate)
    market = StudyMarket(bars.times, bars.columns["Close"], None, rates)

    def recorded(run_id: str) -> RunData:
        with reading(engine) as connection:
            return run_data(result_of(connection, run_id), request.initial_capital, market)

    trained = [
        [recorded(run_id) for run_id in run_training_part(client, engine, values, number)]
        for number in range(len(study.plan.windows))
    ]

    def load(part: Part, number: int, chosen: Values) -> RunData | None:
        if part == "train":
            return trained[number][chosen["place"]]
        return recorded(chosen["test_run"]) if chosen["test_run"] else None

    tried = [tried_of(np.array([trial(run) for run in part])) for part in trained]
    choices = [
        choice_of(study, part, choice)
        for part, choice in zip(trained, study.choices, strict=True)
    ]
    tries = partial(tries_of, engine, study, market)
    verdict = Verdict(study.plan, choices, tried, market, load, tries=tries)
    return dict(verdict.to_json())


@ON_SQLITE
@pytest.mark.parametrize("kind", KINDS)
def test_the_verdict_is_that_of_a_run_of_each_combination(
    kind: str, client: FlaskClient, engine: Engine
) -> None:
    study = complete(client, engine, **KINDS[kind])

    by_runs = verdict_by_runs(client, engine, study)

    # these runs are trials, too
    again = judge_here(engine, study["study_id"])
    assert again == by_runs
    assert study["verdict"]["earlier"] == []


def test_a_hundred_combinations_of_a_fold_are_one_job(
    client: FlaskClient, engine: Engine
) -> None:
    many = [{"fast": fast, "slow": slow} for fast in range(2, 17) for slow in range(30, 40)]

    study = complete(client, engine, kind="holdout", combinations=many)

    with reading(engine) as connection:
        kinds = list(connection.execute(select(runs.c.kind).order_by(runs.c.id)).scalars())
    assert kinds == ["training", "training", "run"]
    assert (study["runs"], study["verdict"]["trials"]) == ({"training": 2, "test": 1}, 150)
    assert study["counts"]["completed"] == 3
