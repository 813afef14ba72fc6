"""The training parts of a study that are tried by screens: their Jobs, and what leader and verdict read of them."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from adapters.batches.choice import Metrics
from adapters.batches.leaderboard import Ranking, ranking_by
from adapters.metrics.measured import Array
from adapters.runs.new_runs import NewRun
from adapters.screens.columns import CORE, Combinations
from adapters.screens.store import found_by
from adapters.studies.store import Study
from adapters.studies.trials import OF_TRIAL
from consumer.study_runs import run_id_of
from contracts.run_request import RunRequest, request_hash
from contracts.status import Kind
from contracts.study import StudyRequest, Window


def columns_of(ranking: Ranking) -> tuple[str, ...]:
    """What is kept of each combination: what it is ranked by, and its numbers as a trial."""
    names = dict.fromkeys((*CORE, ranking.metric, *sorted(name for each in ranking.constraints for name in each.names)))
    return (*names, *OF_TRIAL)


def ranking_of(asked: StudyRequest) -> Ranking:
    """By what a study chooses."""
    return ranking_by(asked.metric, asked.goal, asked.constraints)


def training_jobs(study: Study, window: Window) -> list[tuple[NewRun, Combinations]]:
    """The Jobs that try all combinations on a training part, with the ids that the same plan always gives them."""
    asked = study.plan.request
    start_date, end_date = map(date.fromisoformat, window.train)
    found = []
    for places in study.plan.training_groups:
        tried = Combinations.of([asked.combinations[place] for place in places])
        own: dict[str, Any] = {"rule_id": f"{asked.base['rule_type']} x {len(tried)}", "label": asked.name}
        request = replace(
            RunRequest.from_json(asked.base), start_date=start_date, end_date=end_date, batch_id=study.batch_id, **own
        )
        key = tried.hash_with(request_hash(request, {}))
        named = replace(request, run_id=run_id_of(study.study_id, key))
        found.append((NewRun(named, key, submitted_by=study.submitted_by, kind=Kind.TRAINING), tried))
    return found


def trained(connection: Connection, study: Study, window: Window) -> dict[str, Array]:
    """What all combinations came to on a training part, in the order of the plan; NaN where a Job has failed."""
    names = columns_of(ranking_of(study.plan.request))
    jobs = training_jobs(study, window)
    found = found_by(connection, [str(run.request.run_id) for run, _ in jobs])
    parts = [
        found.get(str(run.request.run_id)) or dict.fromkeys(names, np.full(len(tried), np.nan)) for run, tried in jobs
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def metrics_by_place(columns: dict[str, Array]) -> list[Metrics | None]:
    """The metrics of each combination as those of a run; None for one that has failed."""
    names = [name for name in columns if name not in OF_TRIAL]
    rows = np.array([columns[name] for name in names]).T
    return [
        {name: None if np.isnan(value) else value for name, value in zip(names, row.tolist(), strict=True)}
        if not np.isnan(trades)
        else None
        for row, trades in zip(rows, columns["num_trades"], strict=True)
    ]
