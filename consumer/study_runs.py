"""The Jobs of a study: which requests they are, and the ids that the same plan always gives them."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from uuid import UUID

from adapters.runs.new_runs import NewRun
from adapters.studies.store import Study
from contracts.run_request import RunRequest, request_hash
from contracts.status import Kind
from contracts.values import Json
from rules.catalog import checked_rule


def run_of(study: Study, days: tuple[str, str], place: int) -> NewRun:
    """The run of one combination from the first to the last of these days."""
    asked = study.plan.request
    params = asked.combinations[place]
    rule = checked_rule(asked.base["rule_type"], params)
    own = {"params": params, "rule_id": rule.label}
    return job_of(study, days, Kind.RUN, own, lambda request: request_hash(request, rule.params))


def training_runs(study: Study, days: tuple[str, str]) -> list[NewRun]:
    """The runs of all combinations over a training part, in their order."""
    places = range(len(study.plan.request.combinations))
    return [run_of(study, days, place) for place in places]


def job_of(
    study: Study,
    days: tuple[str, str],
    kind: Kind,
    own: Json,
    hash_of: Callable[[RunRequest], str],
) -> NewRun:
    """A Job from the first to the last of these days; own: in what its request differs from the study's others.

    Its id follows from study and hash, so that whoever plans it again means the same Job.
    """
    asked = study.plan.request
    own |= dict(zip(("start_date", "end_date"), map(date.fromisoformat, days), strict=True))
    base = RunRequest.from_json(asked.base)
    request = replace(base, batch_id=study.batch_id, label=asked.name, **own)
    key = hash_of(request)
    digest = hashlib.sha256(f"{study.study_id} {key}".encode()).digest()
    named = replace(request, run_id=str(UUID(bytes=digest[:16], version=4)))
    return NewRun(named, key, submitted_by=study.submitted_by, kind=kind)
