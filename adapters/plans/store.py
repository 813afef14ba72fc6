"""Store of plans: record, find, title, advance and list batches, screens, studies and portfolios.

A change of status is one UPDATE guarded by the old status; the caller owns the transaction.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from adapters.database import database_now, has_rows, insert_if_new
from adapters.declarations import update_by
from adapters.plan_tables import PLAN, plans
from adapters.plans.ranking import DEFAULT, Ranking, ranking_by
from adapters.rows import latest_rows, one_row, update_row
from adapters.tables import IS_LIVING, RUN, screens
from contracts.errors import (
    Conflict,
    PlatformError,
    Unknown,
    UnknownBatch,
    UnknownPortfolio,
    UnknownScreen,
    UnknownStudy,
)
from contracts.status import PlanKind
from contracts.values import Json

SENTENCE_LENGTH = 1000  # characters, the width of the column
UNKNOWN: dict[PlanKind, type[PlatformError]] = {
    PlanKind.BATCH: UnknownBatch,
    PlanKind.SCREEN: UnknownScreen,
    PlanKind.STUDY: UnknownStudy,
    PlanKind.PORTFOLIO: UnknownPortfolio,
}
LISTED = PLAN[
    "id",
    "plan_id",
    "kind",
    "name",
    "title",
    "summary",
    "status",
    "outcome",
    "sentence",
    "created_at",
    "completed_at",
]
# update a plan under guards; False when it was no longer as they require
update_plan = partial(update_row, PLAN.plan_id)


def insert_plan(
    connection: Connection, kind: PlanKind, ranking: Ranking | None = None, **columns: Any
) -> None:
    """Record a plan; DuplicateKey when its name, or its submitter's key, has one already.

    spec, summary and step are plain values here.
    """
    for name in ("spec", "summary", "step"):
        if columns.get(name) is not None:
            columns[name] = json.dumps(columns[name], ensure_ascii=False)
    columns["ranking"] = ranking and json.dumps(ranking.to_json())
    connection.execute(
        insert(plans).values({"created_at": database_now(), "kind": kind, **columns})
    )


def plan_row(connection: Connection, kind: PlanKind, plan_id: str) -> RowMapping:
    """All columns of a plan of this kind; the kind's own error when there is none."""
    missing = UNKNOWN.get(kind, Unknown)(f"no {kind} has the id {plan_id[:40]}")
    return one_row(connection, select(plans).filter_by(plan_id=plan_id, kind=kind), missing)


def plan_named(connection: Connection, name: str) -> RowMapping | None:
    """The plan of this name; None when there is none."""
    row = connection.execute(select(plans).filter_by(name=name)).mappings().one_or_none()
    # MySQL ignores spaces at the end
    return row if row and row["name"] == name else None


def join_batch(
    connection: Connection,
    name: str,
    plan_id: str,
    submitted_by: str | None,
    spec: Json | None = None,
) -> RowMapping:
    """Lock the batch of this name until the transaction ends; with this id, submitter and spec when it is new.

    Conflict when the name belongs to a plan of another kind, which alone adds runs to itself.
    """
    locked = select(plans).filter_by(name=name).with_for_update()
    row = connection.execute(locked).mappings().one_or_none()
    if row is None:
        values = {
            "plan_id": plan_id,
            "kind": PlanKind.BATCH,
            "name": name,
            "submitted_by": submitted_by,
            "spec": spec and json.dumps(spec),
            "created_at": database_now(),
        }
        insert_if_new(
            connection, plans, **values
        )  # or another request has, and has committed by now
        row = connection.execute(locked).mappings().one()
    if row["kind"] != PlanKind.BATCH:
        raise Conflict(f"batch {name!r} belongs to a {row['kind']}; use another name")
    return row


def living_plans(connection: Connection, kind: PlanKind, statuses: Sequence[str]) -> list[str]:
    """The ids of the plans of a kind in one of these statuses, oldest first."""
    query = select(PLAN.plan_id).where(PLAN.status.in_(statuses), PLAN.kind == kind)
    return list(connection.scalars(query.order_by(PLAN.id)))


def list_plans(
    connection: Connection, after: int | None, limit: int, kind: PlanKind
) -> Sequence[RowMapping]:
    """The small columns of plans of a kind, newest first; those before the one whose `id` is `after`."""
    return latest_rows(connection, after, limit, select(*LISTED).filter_by(kind=kind), plans)


def set_title(connection: Connection, plan_id: str, title: str | None) -> None:
    """Set the title that people give a plan; None: the default title."""
    update_plan(connection, plan_id, title=title)


def set_default_title(connection: Connection, batch_id: str, title: str) -> None:
    """Set the title of a batch unless people have given it one."""
    untitled = update_by(PLAN.name).filter_by(name=batch_id).where(PLAN.title.is_(None))
    connection.execute(untitled.values(title=title))


def set_ranking(connection: Connection, batch_id: str, ranking: Ranking) -> None:
    """Replace the ranking of a batch."""
    text = json.dumps(ranking.to_json())
    connection.execute(update_by(PLAN.name).filter_by(name=batch_id).values(ranking=text))


def ranking_of(plan: RowMapping) -> Ranking:
    """The ranking of a plan; by the Sharpe ratio where none was submitted."""
    return ranking_by(**json.loads(plan["ranking"])) if plan["ranking"] else DEFAULT


def has_living_runs(connection: Connection, plan_id: str) -> bool:
    """True while a run of the plan waits or runs."""
    return has_rows(connection, select(RUN.id).where(RUN.plan_id == plan_id, IS_LIVING))


def spec_of(plan: RowMapping) -> Json:
    """Return the submitted request of a plan, in the form of its kind."""
    spec: Json = json.loads(plan["spec"] or "{}")
    return spec


def save_progress(connection: Connection, run_id: str, done: int) -> None:
    """Record how many combinations a Job has tried; its lease was extended in the same transaction."""
    connection.execute(update_by(screens.c.run_id).filter_by(run_id=run_id).values(done=done))


def save_screen_result(
    connection: Connection, run_id: str, metrics: bytes, best: Mapping[str, Any] | None
) -> None:
    """Record the metrics of all combinations; the run was finished in the same transaction."""
    best_json = json.dumps(best, allow_nan=False)
    values = {"metrics": metrics, "best_json": best_json, "done": screens.c.combinations}
    connection.execute(update_by(screens.c.run_id).filter_by(run_id=run_id).values(values))


def save_plan_result(
    connection: Connection, plan_id: str, result: bytes, sentence: str | None = None
) -> None:
    """Record the packed result of a plan of one Job, which was finished in the same transaction."""
    values = {"result": result, **({"sentence": sentence} if sentence else {})}
    connection.execute(update_by(plans.c.plan_id).filter_by(plan_id=plan_id).values(values))
