"""The Jobs of a study, with their deterministic ids, and its steps: start its runs, choose, start the verdict.

A step is one guarded transaction that changes the status and inserts the runs of the new one, so that a crash at any
point leaves both or neither; the repairs send messages that were not sent.
"""

import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, Engine, RowMapping

from adapters.database import reading
from adapters.metrics.moments import Array
from adapters.plans.combinations import CORE, Combinations, ranked_places
from adapters.plans.portfolio import insert_portfolio
from adapters.plans.ranking import Ranking
from adapters.plans.screen import insert_search, search_metrics
from adapters.plans.store import has_living_runs
from adapters.plans.study import (
    LIVING,
    Study,
    count_start,
    fail_study,
    move_study,
    rotation_of,
    study_of,
)
from adapters.runs.changes import NewRun, insert_runs
from adapters.studies.path import OF_TRIAL
from contracts.portfolio_request import PortfolioRequest
from contracts.run_request import RunRequest, canonical_hash, request_hash
from contracts.status import Kind, PlanKind
from contracts.study import StudyStatus, StudyWindow
from contracts.values import Json, frozen
from rules.catalog import checked_rule

log = logging.getLogger(__name__)

BEST = "best_of_permutation"
MAX_JUDGEMENTS = 5  # starts of the verdict's process, which may be killed with its machine


def run_of(study: Study, days: tuple[str, str], place: int) -> NewRun:
    """The run of one combination from the first to the last of these days."""
    plan = study.plan.request
    params = plan.combinations[place]
    if plan.legs:
        terms = {"params": params, "rule_id": rotation_of(study.plan, params, days).label}
        assets = canonical_hash(plan.legs)
        return job_of(
            study,
            days,
            Kind.PORTFOLIO,
            terms,
            lambda request: canonical_hash([request_hash(request, params), assets]),
        )
    rule = checked_rule(plan.base["rule_type"], params)
    terms = {"params": params, "rule_id": rule.label}
    return job_of(
        study, days, Kind.RUN, terms, lambda request: request_hash(request, rule.params)
    )


def job_of(
    study: Study,
    days: tuple[str, str],
    kind: Kind,
    terms: Json,
    hash_of: Callable[[RunRequest], str],
) -> NewRun:
    """A Job from the first to the last of these days. terms: those in which its request differs from the study's.

    Its id follows from study and hash, so that planning it again gives the same Job.
    """
    plan = study.plan.request
    start, end = map(date.fromisoformat, days)
    terms |= {
        "batch_id": study.batch_id,
        "label": plan.name,
        "start_date": start,
        "end_date": end,
    }
    request = replace(RunRequest.from_json(plan.base), **terms)
    key = hash_of(request)
    digest = hashlib.sha256(f"{study.study_id} {key}".encode()).digest()
    request = replace(request, run_id=str(UUID(bytes=digest[:16], version=4)))
    return NewRun(request, key, submitted_by=study.submitted_by, kind=kind)


def columns_of(ranking: Ranking) -> tuple[str, ...]:
    """Names of the columns that are stored of each combination: the ranking's metrics, and its numbers as a trial."""
    return (*metric_names(ranking), *OF_TRIAL)


def metric_names(ranking: Ranking) -> tuple[str, ...]:
    """Names of the metrics that a ranking uses, and of the core ones."""
    constrained = sorted(name for each in ranking.constraints for name in each.names)
    return (*dict.fromkeys((*CORE, ranking.metric, *constrained)),)


@frozen
class StudyJob:
    """A Job of a study.

    tried, permuted: combinations and orders of the bars of a Job that tries many. portfolio: of one that trades a
    rotation.
    """

    run: NewRun
    tried: Combinations | None = None
    permuted: dict[str, int] | None = None
    portfolio: PortfolioRequest | None = None


def search_jobs(study: Study) -> list[StudyJob]:
    """All Jobs of a study before it chooses."""
    jobs = [job for window in study.plan.windows for job in training_jobs(study, window)]
    return jobs + permutation_jobs(study)


def test_job(study: Study, days: tuple[str, str], place: int) -> StudyJob:
    """The Job of one combination on a test part."""
    plan, run = study.plan, run_of(study, days, place)
    if not plan.request.legs:
        return StudyJob(run)
    portfolio = rotation_of(plan, plan.request.combinations[place], days)
    return StudyJob(run, portfolio=portfolio)


def training_jobs(study: Study, window: StudyWindow) -> list[StudyJob]:
    """The Jobs that try all combinations on a training part, in the order of the combinations."""
    combinations = study.plan.request.combinations
    groups = (combinations[each.start : each.stop] for each in study.plan.training_groups)
    return [_job(study, window, Combinations.of(members)) for members in groups]


def permutation_jobs(study: Study) -> list[StudyJob]:
    """The Jobs that repeat the whole search in other orders of the bars; none unless it is a permutation study."""
    plan = study.plan.request
    tried = Combinations.of(plan.combinations)
    orders = (
        {"seed": plan.seed, "first": places.start, "last": places.stop}
        for places in study.plan.permuted_groups
    )
    return [_job(study, study.plan.windows[0], tried, permuted) for permuted in orders]


def _job(
    study: Study, window: StudyWindow, tried: Combinations, permuted: dict[str, int] | None = None
) -> StudyJob:
    times = f" x {permuted['last'] - permuted['first']} orders" if permuted else ""
    run = job_of(
        study,
        window.train,
        Kind.PERMUTATION if permuted else Kind.TRAINING,
        {"rule_id": f"{study.plan.request.base['rule_type']} x {len(tried)}{times}"},
        lambda request: tried.hash_with(f"{request_hash(request, {})} {permuted or ''}"),
    )
    return StudyJob(run, tried, permuted)


def training_metrics(
    connection: Connection, study: Study, window: StudyWindow
) -> dict[str, Array]:
    """Metrics of all combinations on a training part, in the order of the plan; NaN where a Job has failed."""
    jobs = training_jobs(study, window)
    return _search_metrics(
        connection, jobs, study.plan.training_groups, columns_of(study.ranking)
    )


def permuted_bests(connection: Connection, study: Study) -> Array:
    """Best value of each permutation, in their order; NaN where a Job has failed."""
    jobs = permutation_jobs(study)
    return _search_metrics(connection, jobs, study.plan.permuted_groups, [BEST])[BEST]


def _search_metrics(
    connection: Connection,
    jobs: Sequence[StudyJob],
    groups: Sequence[range],
    names: Sequence[str],
) -> dict[str, Array]:
    """Joined metrics of Jobs, each of which has its own group of rows."""
    metrics = search_metrics(connection, [job.run.run_id for job in jobs])
    parts = [
        metrics.get(job.run.run_id) or dict.fromkeys(names, np.full(len(rows), np.nan))
        for job, rows in zip(jobs, groups, strict=True)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


class StudySteps:
    """Start a study's runs, choose, and start the verdict; `send` sends the messages of runs by their ids."""

    kind = PlanKind.STUDY
    living = LIVING

    def __init__(self, engine: Engine, send: Callable[[list[str]], None]) -> None:
        self._engine, self._send = engine, send
        self._judge_process: subprocess.Popen[bytes] | None = None

    def advance(self, plan: RowMapping) -> None:
        """Take the next step of a study, if it is due."""
        study = study_of(plan)
        _STEPS[study.status](self, study)

    def fail(self, connection: Connection, plan: RowMapping, reason: str) -> None:
        """Fail a study, or keep the verdict that it had."""
        fail_study(connection, study_of(plan), reason)

    def _train(self, study: Study) -> None:
        """Start every combination on every training part."""
        self._start(study, StudyStatus.TRAINING, search_jobs(study))

    def _choose(self, study: Study) -> None:
        """Once all training has ended, choose on each training part and start the choice on its test part."""
        with reading(self._engine) as connection:
            if has_living_runs(connection, study.study_id):
                return
            choices = [_choice(connection, study, window) for window in study.plan.windows]
        repeats = study.plan.repeats_training
        jobs = [
            test_job(study, days, each["place"])
            for window, choice in zip(study.plan.windows, choices, strict=True)
            for each in choice["chosen"]
            for days in (window.test, window.train if repeats else None)
            if days
        ]
        self._start(study, StudyStatus.TESTING, jobs, step=json.dumps(choices))

    def _start(
        self, study: Study, after: StudyStatus, jobs: Sequence[StudyJob], **values: Any
    ) -> None:
        """Record the Jobs of the next state with the change to it, then send their messages."""
        with self._engine.begin() as connection:
            if not move_study(connection, study, after, **values):
                return
            insert_runs(connection, [job.run for job in jobs], study.study_id)
            for job in jobs:
                if job.tried is not None:
                    insert_search(connection, job.run.run_id, job.tried, job.permuted)
                if job.portfolio:
                    columns = {
                        "request_hash": job.run.request_hash,
                        "submitted_by": study.submitted_by,
                    }
                    insert_portfolio(connection, job.run.run_id, job.portfolio, [], **columns)
        log.info(
            "study_advanced study_id=%s status=%s runs=%d",
            study.study_id,
            after.public,
            len(jobs),
        )
        self._send([job.run.run_id for job in jobs])

    def _finish_tests(self, study: Study) -> None:
        """Once the test parts have ended, let the study be judged."""
        with self._engine.begin() as connection:
            if not has_living_runs(connection, study.study_id):
                move_study(connection, study, StudyStatus.JUDGING)

    def _judge(self, study: Study) -> None:
        """Start the verdict's process, one at a time for all studies; fail the study when it has died too often."""
        if self._judge_process and self._judge_process.poll() is None:
            return
        with self._engine.begin() as connection:
            if study.starts >= MAX_JUDGEMENTS:
                reason = f"the process that judges it died {study.starts} times; the reconciler's log has its output"
                fail_study(connection, study, reason)
                return
            if not count_start(connection, study):
                return
        command = [sys.executable, "-m", "consumer.leader.verdict", study.study_id]
        self._judge_process = subprocess.Popen(command)
        log.info("verdict_started study_id=%s pid=%d", study.study_id, self._judge_process.pid)


_STEPS: dict[StudyStatus, Callable[[StudySteps, Study], None]] = {
    StudyStatus.ACCEPTED: StudySteps._train,
    StudyStatus.TRAINING: StudySteps._choose,
    StudyStatus.TESTING: StudySteps._finish_tests,
    StudyStatus.JUDGING: StudySteps._judge,
}


def _choice(connection: Connection, study: Study, window: StudyWindow) -> Json:
    """Choices on a training part, the best first, with the numbers of eligible and failed combinations."""
    request, tried = study.plan.request, training_metrics(connection, study, window)
    around = request.combinations if request.by_neighbourhood else ()
    places = ranked_places(tried, study.ranking, around).tolist()
    chosen = [
        {
            "place": place,
            "params": request.combinations[place],
            "test_run": run_of(study, window.test, place).run_id if window.test else None,
            **_repeated(study, window, place),
        }
        for place in places[: study.plan.chosen]
    ]
    failed = int(np.isnan(tried["num_trades"]).sum())
    return {"eligible": len(places), "failed": failed, "chosen": chosen}


def _repeated(study: Study, window: StudyWindow, place: int) -> Json:
    """Name the run of a choice on its training part, where there is one."""
    if not study.plan.repeats_training:
        return {}
    return {"train_run": run_of(study, window.train, place).run_id}
