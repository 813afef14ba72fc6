"""The steps of a study: start its runs, choose, start the verdict; one guarded transaction each.

A transaction changes the status and inserts the runs of the new one, so that a crash at any point leaves both or
neither; the repairs send messages that were not sent.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, RowMapping

from adapters.database import reading
from adapters.plans.combinations import ranked_places
from adapters.plans.screen import insert_search
from adapters.plans.store import has_living_runs
from adapters.plans.study import (
    LIVING,
    Study,
    count_start,
    fail_study,
    move_study,
    study_of,
)
from adapters.runs.new_runs import insert_runs
from consumer.leader.study_jobs import StudyJob, run_of, search_jobs, training_metrics
from contracts.errors import QueueUnavailable
from contracts.status import PlanKind
from contracts.study import StudyStatus, StudyWindow
from contracts.values import Json

log = logging.getLogger(__name__)

MAX_JUDGEMENTS = 5  # starts of the verdict's process, which may be killed with its machine


class StudySteps:
    """Start a study's runs, choose, and start the verdict; `enqueue` sends the messages of runs by their ids."""

    kind = PlanKind.STUDY
    living = LIVING

    def __init__(self, engine: Engine, enqueue: Callable[[list[str]], None]) -> None:
        self._engine = engine
        self._enqueue = enqueue
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
        jobs = [
            StudyJob(run_of(study, window.test, each["place"]))
            for window, choice in zip(study.plan.windows, choices, strict=True)
            for each in choice["chosen"]
            if window.test
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
        log.info(
            "study_advanced study_id=%s status=%s runs=%d",
            study.study_id,
            after.public,
            len(jobs),
        )
        try:
            self._enqueue([job.run.run_id for job in jobs])
        except QueueUnavailable as error:
            log.warning("enqueue_postponed study_id=%s reason=%s", study.study_id, error)

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
        }
        for place in places[: study.plan.chosen]
    ]
    failed = int(np.isnan(tried["num_trades"]).sum())
    return {"eligible": len(places), "failed": failed, "chosen": chosen}
