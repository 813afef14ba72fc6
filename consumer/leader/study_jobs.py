"""The Jobs of a study: their requests, their deterministic ids, and their results."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from adapters.metrics.measured import Array
from adapters.plans.combinations import CORE, Combinations
from adapters.plans.ranking import Ranking
from adapters.plans.screen import search_metrics
from adapters.plans.study import Study
from adapters.runs.new_runs import NewRun
from adapters.studies.trials import OF_TRIAL
from contracts.run_request import RunRequest, request_hash
from contracts.status import Kind
from contracts.study import StudyWindow
from contracts.values import Json, frozen
from rules.catalog import checked_rule

BEST = "best_of_permutation"


def run_of(study: Study, days: tuple[str, str], place: int) -> NewRun:
    """The run of one combination from the first to the last of these days."""
    plan = study.plan.request
    params = plan.combinations[place]
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
    """A Job of a study. tried, permuted: combinations and orders of the bars of a Job that tries many."""

    run: NewRun
    tried: Combinations | None = None
    permuted: dict[str, int] | None = None


def search_jobs(study: Study) -> list[StudyJob]:
    """All Jobs of a study before it chooses."""
    jobs = [job for window in study.plan.windows for job in training_jobs(study, window)]
    return jobs + permutation_jobs(study)


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
