"""The runs of a study: which requests they are, and the ids that the same plan always gives them."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from adapters.runs.new_runs import NewRun
from adapters.studies.store import Study
from contracts.run_request import RunRequest, request_hash
from rules.catalog import checked_rule


def run_of(study: Study, days: tuple[str, str], place: int) -> NewRun:
    """The run of one combination from the first to the last of these days.

    Its id follows from study and request, so that whoever plans it again means the same run.
    """
    asked = study.plan.request
    params = asked.combinations[place]
    rule = checked_rule(asked.base["rule_type"], params)
    start_date, end_date = map(date.fromisoformat, days)
    own: dict[str, Any] = {
        "params": params,
        "rule_id": rule.label,
        "batch_id": study.batch_id,
        "label": asked.name,
    }
    request = replace(
        RunRequest.from_json(asked.base), start_date=start_date, end_date=end_date, **own
    )
    key = request_hash(request, rule.params)
    return NewRun(
        replace(request, run_id=run_id_of(study.study_id, key)),
        key,
        submitted_by=study.submitted_by,
    )


def run_id_of(study_id: str, key: str) -> str:
    """The id that a Job of a study always has, by the hash of what it is to do."""
    return str(UUID(bytes=hashlib.sha256(f"{study_id} {key}".encode()).digest()[:16], version=4))


def runs_over(study: Study, days: tuple[str, str], places: Iterable[int]) -> list[NewRun]:
    """The runs of several combinations over the same days."""
    return [run_of(study, days, place) for place in places]


def training_runs(study: Study, days: tuple[str, str]) -> list[str]:
    """The ids of all combinations over a training part, in their order."""
    return [
        str(new.request.run_id)
        for new in runs_over(study, days, range(len(study.plan.request.combinations)))
    ]
