"""Studies: recorded by the web tier, advanced by the leader, judged once by a separate process.

Each change of status is one UPDATE guarded by the old status, in the transaction that also inserts the runs of the new
one; the caller owns it.
"""

import json
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, case, select

from adapters.database import database_now, has_rows
from adapters.plan_tables import PLAN
from adapters.plans.ranking import Ranking, ranking_by
from adapters.plans.store import (
    SENTENCE_LENGTH,
    insert_plan,
    living_plans,
    plan_row,
    spec_of,
    update_plan,
)
from adapters.tables import IS_SUCCEEDED, RUN
from contracts.errors import Conflict
from contracts.portfolio_request import TERMS, LegRequest, PortfolioRequest, Sharing
from contracts.status import Kind, PlanKind
from contracts.study import StudyPlan, StudyStatus
from contracts.values import Json, Values, frozen, picked

SURE_DAYS = timedelta(days=40)  # no market is closed for so long
LIVING = [status for status in StudyStatus if not status.is_terminal]


@frozen
class Study:
    """Study in the database; choices: by window, once they are made."""

    study_id: str
    batch_id: str  # the name under which its Jobs are listed
    status: StudyStatus
    plan: StudyPlan
    choices: list[Json] | None
    starts: int  # number of starts of the process that computes the verdict
    submitted_by: str | None

    @property
    def ranking(self) -> Ranking:
        """The order by which it chooses."""
        return ranking_of_study(self.plan)


def ranking_of_study(plan: StudyPlan) -> Ranking:
    """The order by which a study chooses."""
    request = plan.request
    return ranking_by(request.metric, request.goal, request.constraints)


def insert_study(
    connection: Connection, /, study_id: str, plan: StudyPlan, **columns: Any
) -> None:
    """Record a checked plan; DuplicateKey when its submitter has used the key before."""
    request = plan.request
    insert_plan(
        connection,
        PlanKind.STUDY,
        ranking_of_study(plan),
        plan_id=study_id,
        name=study_batch(study_id),
        spec=plan.to_json(),
        summary={
            "name": request.name,
            "kind": request.kind,
            **picked(request.base, ("ticker", "rule_type")),
            **({"ticker": f"{len(request.legs)} assets"} if request.legs else {}),
        },
        status=StudyStatus.ACCEPTED,
        **columns,
    )


def rotation_of(plan: StudyPlan, params: Values, days: tuple[str, str]) -> PortfolioRequest:
    """The rotation of one combination over these days, of the assets that have prices in them."""
    spec, (first, last) = plan.request, days
    legs = tuple(
        LegRequest(ticker=leg["ticker"], data_hash=leg["data_hash"])
        for leg in spec.legs
        if _has_bars(leg, *map(date.fromisoformat, days))
    )
    terms = picked(spec.base | {"start_date": first, "end_date": last}, TERMS)
    return PortfolioRequest(legs=legs, sharing=Sharing(mode="ranked", **params), terms=terms)


def _has_bars(leg: Json, first: date, last: date) -> bool:
    """Return whether an asset surely has two bars in a part: its prices cover it, or SURE_DAYS of it."""
    since, until = (date.fromisoformat(leg[end]) for end in ("first_date", "last_date"))
    return since <= first <= last <= until or (min(last, until) - max(first, since)) >= SURE_DAYS


def study_batch(study_id: str) -> str:
    """The name under which the Jobs of a new study are listed."""
    return f"study-{study_id}"


def move_study(connection: Connection, study: Study, after: StudyStatus, **values: Any) -> bool:
    """Change the status of a study; False if another process changed it first."""
    ended = {"completed_at": database_now()} if after.is_terminal else {}
    is_unchanged = PLAN.status == study.status
    return update_plan(connection, study.study_id, is_unchanged, status=after, **ended, **values)


def count_start(connection: Connection, study: Study) -> bool:
    """Count a start of the verdict's process; False if another process has just started one."""
    is_unchanged = (PLAN.status == StudyStatus.JUDGING, PLAN.starts == study.starts)
    return update_plan(connection, study.study_id, *is_unchanged, starts=study.starts + 1)


def fail_study(connection: Connection, study: Study, reason: str) -> bool:
    """End a study without a verdict, or with its earlier one; False if its status has changed."""
    has_verdict = PLAN.outcome.is_not(None)
    return update_plan(
        connection,
        study.study_id,
        PLAN.status == study.status,
        status=case((has_verdict, StudyStatus.COMPLETED), else_=StudyStatus.FAILED),
        sentence=case((has_verdict, PLAN.sentence), else_=reason[:SENTENCE_LENGTH]),
        completed_at=database_now(),
    )


def judge_again(connection: Connection, study_id: str) -> None:
    """Return a completed study to judging; it keeps its verdict until the new one is there.

    UnknownStudy. Conflict when it is not completed, or a Job that it would be judged by, or its series, was deleted.
    """
    study = study_of(plan_row(connection, PlanKind.STUDY, study_id))
    values = {"status": StudyStatus.JUDGING, "starts": 0, "completed_at": None}
    if not update_plan(connection, study_id, PLAN.status == StudyStatus.COMPLETED, **values):
        raise Conflict(f"study {study_id} is not completed, so there is no verdict to renew")
    chosen = {
        each.get(name)
        for choice in study.choices or []
        for each in choice["chosen"]
        for name in ("test_run", "train_run")
    } - {None}
    pruned = select(RUN.id).where(
        RUN.plan_id == study_id,
        RUN.kind == Kind.RUN,
        IS_SUCCEEDED,
        RUN.equity_curve_json.is_(None),
    )
    left = {*connection.scalars(select(RUN.run_id).filter_by(plan_id=study_id))}
    is_short = len(left) < study.plan.training_jobs or chosen - left
    if is_short or has_rows(connection, pruned):
        raise Conflict("runs that it needs were deleted automatically")


def cancel_study(connection: Connection, study_id: str) -> None:
    """End a study that is alive and has no verdict; UnknownStudy, or Conflict for another one."""
    plan_row(connection, PlanKind.STUDY, study_id)
    has_ended = not update_plan(
        connection,
        study_id,
        PLAN.status.in_(LIVING),
        PLAN.outcome.is_(None),
        status=StudyStatus.CANCELLED,
        completed_at=database_now(),
        sentence="cancelled on request",
    )
    if has_ended:
        raise Conflict(f"study {study_id} has ended already, so there is nothing to cancel")


def living_studies(connection: Connection) -> list[str]:
    """Ids of all studies that have not ended, oldest first."""
    return living_plans(connection, PlanKind.STUDY, LIVING)


def study_of(row: RowMapping) -> Study:
    """Read a plan's row as a study."""
    return Study(
        row["plan_id"],
        row["name"],
        StudyStatus(row["status"]),
        StudyPlan.from_json(spec_of(row)),
        json.loads(row["step"]) if row["step"] else None,
        row["starts"],
        row["submitted_by"],
    )


def result_of(connection: Connection, run_id: str) -> RowMapping | None:
    """Return stored metrics, equity and trades of a run; None unless it succeeded."""
    columns = select(*RUN["metrics_json", "equity_curve_json", "trades_json"])
    succeeded = (RUN.run_id == run_id, IS_SUCCEEDED)
    return connection.execute(columns.where(*succeeded)).mappings().one_or_none()
