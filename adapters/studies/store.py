"""Studies: recorded by the web tier, advanced by the reconciler's leader, judged once by a process of its own.

Each change of state is one UPDATE guarded by the old state, in the transaction that also inserts the runs of the new
one; the caller owns it.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy import Connection, RowMapping, case, insert, select

from adapters.batches.leaderboard import Ranking, ranking_by
from adapters.database import database_now, has_rows
from adapters.metrics.measured import Array
from adapters.plan_tables import STUDY, studies
from adapters.rows import changed, found_row, latest_rows, rows_by
from adapters.tables import IS_LIVING, IS_SUCCEEDED, RUN
from contracts.errors import Conflict, UnknownStudy
from contracts.status import Kind
from contracts.study import StudyPlan, StudyStatus
from contracts.values import Json, frozen

SENTENCE_LENGTH = 255  # characters, the width of the column
_LIVING = [status for status in StudyStatus if not status.is_terminal]
_LISTED = STUDY[
    "id",
    "study_id",
    "name",
    "kind",
    "ticker",
    "rule_type",
    "status",
    "outcome",
    "sentence",
    "created_at",
    "completed_at",
]
_changed = partial(changed, STUDY.study_id)


@frozen
class Study:
    """A study as it is recorded; choices by window once they are made."""

    study_id: str
    status: StudyStatus
    plan: StudyPlan
    choices: list[Json] | None
    judgements: int
    submitted_by: str | None

    @property
    def batch_id(self) -> str:
        """The batch of all its runs."""
        return batch_of(self.study_id)

    @property
    def ranking(self) -> Ranking:
        """By what it chooses."""
        asked = self.plan.request
        return ranking_by(asked.metric, asked.goal, asked.constraints)


def batch_of(study_id: str) -> str:
    """The batch of all runs of a study."""
    return f"study-{study_id}"


def study_id_of(batch_id: str) -> str:
    """The study whose batch it is."""
    return batch_id.removeprefix(batch_of(""))


def insert_study(connection: Connection, plan: StudyPlan, own: Json) -> None:
    """Record a checked plan; DuplicateKey when its submitter has used the key before.

    own: its id, key, submitter and time by column.
    """
    request = plan.request
    recorded = own | {
        "name": request.name,
        "kind": request.kind,
        "ticker": request.base["ticker"],
        "rule_type": request.base["rule_type"],
        "plan_json": json.dumps(plan.to_json(), ensure_ascii=False),
        "status": StudyStatus.ACCEPTED,
    }
    connection.execute(insert(studies).values(recorded))


def move(connection: Connection, study: Study, after: StudyStatus, **values: Any) -> bool:
    """Whether this call changed the state; False when somebody else did."""
    ended = {"completed_at": database_now()} if after.is_terminal else {}
    is_there = STUDY.status == study.status
    return _changed(connection, study.study_id, is_there, status=after, **ended, **values)


def count_judgement(connection: Connection, study: Study) -> bool:
    """Count a start of the verdict's process; False when somebody else has just started one."""
    seen = (STUDY.status == StudyStatus.JUDGING, STUDY.judgements == study.judgements)
    return _changed(connection, study.study_id, *seen, judgements=study.judgements + 1)


def fail_study(connection: Connection, study: Study, reason: str) -> bool:
    """End a study without a verdict, or with the one that it had; False when it has moved on."""
    had_one = STUDY.outcome.is_not(None)
    return _changed(
        connection,
        study.study_id,
        STUDY.status == study.status,
        status=case((had_one, StudyStatus.COMPLETED), else_=StudyStatus.FAILED),
        sentence=case((had_one, STUDY.sentence), else_=reason[:SENTENCE_LENGTH]),
        completed_at=database_now(),
    )


def judge_again(connection: Connection, study_id: str) -> None:
    """Let a completed study wait for a new verdict; it keeps the one it has until then.

    UnknownStudy. Conflict when it is not completed, or a Job that it would be judged by, or its series, was deleted.
    """
    study = study_of(study_row(connection, study_id))
    values = {"status": StudyStatus.JUDGING, "judgements": 0, "completed_at": None}
    if not _changed(connection, study_id, STUDY.status == StudyStatus.COMPLETED, **values):
        raise Conflict(f"study {study_id} is not completed, so there is no verdict to renew")
    chosen = {
        each[part]
        for choice in study.choices or []
        for each in choice["chosen"]
        for part in ("train_run", "test_run")
    } - {None}
    pruned = select(RUN.id).where(
        RUN.batch_id == study.batch_id,
        RUN.kind == Kind.RUN,
        IS_SUCCEEDED,
        RUN.equity_curve_json.is_(None),
    )
    left = {*connection.scalars(select(RUN.run_id).filter_by(batch_id=study.batch_id))}
    is_short = len(left) < study.plan.training_jobs or chosen - left
    if is_short or has_rows(connection, pruned):
        raise Conflict(
            "runs that it would be judged by were deleted after the time that they are kept"
        )


def cancel_study(connection: Connection, study_id: str) -> None:
    """End a study that is alive and has no verdict; UnknownStudy, or Conflict for another one."""
    study_row(connection, study_id)
    has_ended = not _changed(
        connection,
        study_id,
        STUDY.status.in_(_LIVING),
        STUDY.outcome.is_(None),
        status=StudyStatus.CANCELLED,
        completed_at=database_now(),
        sentence="cancelled on request",
    )
    if has_ended:
        raise Conflict(f"study {study_id} has ended already, so there is nothing to cancel")


def living_studies(connection: Connection) -> list[str]:
    """The ids of all studies that are not over, oldest first."""
    query = select(STUDY.study_id).where(STUDY.status.in_(_LIVING)).order_by(STUDY.id)
    return list(connection.scalars(query))


def study_row(connection: Connection, study_id: str) -> RowMapping:
    """All columns of a study; UnknownStudy when there is none."""
    query = select(studies).filter_by(study_id=study_id)
    return found_row(connection, query, UnknownStudy(f"no study has the id {study_id[:40]}"))


def study_of(row: RowMapping) -> Study:
    """A row as the leader works with it."""
    choices = json.loads(row["choices_json"]) if row["choices_json"] else None
    plan = StudyPlan.from_json(json.loads(row["plan_json"]))
    return Study(
        row["study_id"],
        StudyStatus(row["status"]),
        plan,
        choices,
        row["judgements"],
        row["submitted_by"],
    )


# studies, newest first; those before the one whose `id` is `after`
list_studies = partial(latest_rows, query=select(*_LISTED), table=studies)


def has_living_runs(connection: Connection, batch_id: str) -> bool:
    """Whether a run of the batch still waits or runs."""
    return has_rows(connection, select(RUN.id).where(RUN.batch_id == batch_id, IS_LIVING))


def existing_runs(connection: Connection, run_ids: Sequence[str]) -> set[str]:
    """Those of the runs that are recorded."""
    return {*rows_by(connection, select(RUN.run_id), RUN.run_id, run_ids)}


def metrics_of(
    connection: Connection, run_ids: Sequence[str], names: Sequence[str]
) -> dict[str, Array]:
    """Each of these metrics by run, in their order; NaN where there is none, as of a run that has not succeeded."""
    succeeded = select(*RUN["run_id", "metrics_json"]).where(IS_SUCCEEDED)
    found = dict.fromkeys(run_ids, [np.nan] * len(names))
    for run_id, row in rows_by(connection, succeeded, RUN.run_id, run_ids).items():
        values = json.loads(row["metrics_json"])["values"]
        found[run_id] = [values.get(name) for name in names]
    columns = np.array(list(found.values()), dtype=float).T
    return dict(zip(names, columns, strict=True))


def result_of(connection: Connection, run_id: str) -> RowMapping | None:
    """Metrics, equity and trades of a run as they are stored; None for one that has not succeeded."""
    columns = select(*RUN["metrics_json", "equity_curve_json", "trades_json"])
    succeeded = (RUN.run_id == run_id, IS_SUCCEEDED)
    return connection.execute(columns.where(*succeeded)).mappings().one_or_none()
