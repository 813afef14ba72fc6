"""Fair scheduling of plans, so that a small batch behind a large one need not wait for its end.

A message in the bulk list is a ticket: it entitles a Job to the next run in fair order, and the two runs swap places.
Next is the least recently served actor, of theirs the least recently served plan, and of that the oldest waiting run.
A plan without `first_id` waits until its own tickets are taken, so that nothing is lost with it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, null, select

from adapters.database import database_now, portions
from adapters.declarations import read_from, update_by
from adapters.plan_tables import PLAN, plans
from adapters.queue.messages import Attempt
from adapters.runs.states import Claim, claim
from adapters.tables import IS_WAITING, PLAN_INDEX, RUN, runs
from contracts.errors import StaleMessage
from contracts.values import Json, frozen

# how long a claim counts against its actor; without it many small batches would jump the queue
SERVED_S = 3600.0
_HAS_WAITING = PLAN.first_id.is_not(None)
_ACTOR = func.coalesce(PLAN.submitted_by, "")


@frozen
class Turn:
    """The attempt assigned to a ticket."""

    attempt: Attempt
    ticket_waits: bool  # the ticket goes back to its list, since another run was assigned
    # plan_id and first_id of the plan that is served; None: of none
    plan: Row[str, int] | None = None
    first_id: int | None = None  # of the plan's first waiting run, when it was read


def announce(connection: Connection, run_ids: Sequence[str]) -> None:
    """Let the plans of these waiting runs be served."""
    for portion in portions(run_ids):
        oldest = (
            select(RUN.plan_id, func.min(RUN.id))
            .where(RUN.run_id.in_(portion), RUN.plan_id.is_not(None))
            .group_by(RUN.plan_id)
        )
        for plan_id, first_id in connection.execute(oldest).all():
            no_later = case((PLAN.first_id <= first_id, PLAN.first_id), else_=first_id)
            mine = update_by(PLAN.plan_id).filter_by(plan_id=plan_id)
            connection.execute(mine.values(first_id=no_later))


def claim_turn(
    connection: Connection,
    ticket: Attempt,
    chosen: Turn | None,
    token: str,
    lease_s: float,
    worker: str,
) -> tuple[Turn, Claim]:
    """Claim the run that a ticket stands for; StaleMessage when none waits.

    chosen: tried first; from an earlier try, whose commit's answer may have got lost, or the run of an interactive
    message, which is no ticket.
    """
    turn = chosen or next_in_turn(connection, ticket)
    while True:
        try:
            return turn, claim(connection, turn.attempt, token, lease_s, worker)
        except StaleMessage:  # or another Job's ticket stood for it
            if turn.plan is None:
                raise
        turn = next_in_turn(connection, ticket)


def next_in_turn(connection: Connection, ticket: Attempt) -> Turn:
    """Choose the attempt for a ticket; its own when its plan is served next, or no plan is."""
    waiting = (RUN.run_id == ticket.run_id, RUN.attempt == ticket.attempt, IS_WAITING)
    columns = select(RUN.plan_id, PLAN.first_id).where(*waiting)
    ticket_run = connection.execute(
        columns.outerjoin_from(runs, plans, PLAN.plan_id == RUN.plan_id)
    ).one_or_none()
    if ticket_run and ticket_run.plan_id and ticket_run.first_id is None:
        announce(connection, [ticket.run_id])
    ticket_waits = ticket_run is not None
    passed: list[str] = []
    locked: list[Row[str, int]] = []
    while plan := _least_recently_served(connection, passed):
        if ticket_run and plan.plan_id == ticket_run.plan_id:
            return Turn(ticket, False, plan)
        if turn := _oldest_turn(connection, plan, ticket_waits, skip_locked=True):
            return turn
        if not _pause(connection, plan):
            locked.append(plan)
        passed.append(plan.plan_id)
    # the database may also lock runs that a claim only scanned: wait for these claims to end
    for plan in locked:
        if turn := _oldest_turn(connection, plan, ticket_waits, skip_locked=False):
            return turn
    return Turn(ticket, False)


def _oldest_turn(
    connection: Connection, plan: Row[str, int], ticket_waits: bool, skip_locked: bool
) -> Turn | None:
    """Lock a plan's oldest waiting run; `skip_locked` passes over the runs that other Jobs are claiming."""
    oldest = _waiting(plan).order_by(RUN.id).limit(1)
    # read without a lock: the scan of another claim may lock it for a moment
    first_id = oldest.with_only_columns(RUN.id).correlate(None).scalar_subquery()
    columns = oldest.add_columns(first_id.label("first_id"))
    run = connection.execute(columns.with_for_update(skip_locked=skip_locked)).one_or_none()
    if run is None:
        return None
    return Turn(Attempt(run.run_id, run.attempt), ticket_waits, plan, run.first_id or run.id)


def _least_recently_served(connection: Connection, passed: Sequence[str]) -> Row[str, int] | None:
    served = (
        select(_ACTOR.label("actor"), func.max(PLAN.served_at).label("served_at"))
        .where(PLAN.served_at > database_now(-SERVED_S))
        .group_by(_ACTOR)
        .subquery()
    )
    next_first = (
        select(*PLAN["plan_id", "first_id"])
        .outerjoin(served, served.c.actor == _ACTOR)
        .where(_HAS_WAITING, PLAN.plan_id.not_in(passed))
        # never served comes first
        .order_by(served.c.served_at, PLAN.served_at, PLAN.id)
    )
    return connection.execute(next_first.limit(1)).one_or_none()


def _waiting(plan: Row[str, int]) -> Select[Any]:
    """Select the waiting runs of a plan, from the index of plans, where they are adjacent."""
    mine = (RUN.plan_id == plan.plan_id, RUN.id >= plan.first_id, IS_WAITING)
    return read_from(PLAN_INDEX, runs, select(*RUN["id", "run_id", "attempt"]).where(*mine))


def _pause(connection: Connection, plan: Row[str, int]) -> bool:
    """Skip a plan until more of it is announced; False when a run of it waits."""
    unchanged = update_by(PLAN.plan_id).filter_by(plan_id=plan.plan_id, first_id=plan.first_id)
    is_empty = ~_waiting(plan).exists()
    return bool(connection.execute(unchanged.where(is_empty).values(first_id=null())).rowcount)


def mark_served(connection: Connection, turn: Turn) -> None:
    """Put a plan last in the order; the last statement of a claim, since all claims write the same few rows."""
    if turn.plan is None:
        return
    values: Json = {"served_at": database_now()}
    if turn.first_id:  # unless an earlier run was announced meanwhile
        is_unchanged = PLAN.first_id == turn.plan.first_id
        values["first_id"] = case((is_unchanged, turn.first_id), else_=PLAN.first_id)
    connection.execute(
        update_by(PLAN.plan_id).filter_by(plan_id=turn.plan.plan_id).values(values)
    )


def most_before(connection: Connection, run_id: str) -> int | None:
    """Return the most claims before a waiting run's, if no plan joins; None for a run whose plan is not served."""
    mine = (
        select(PLAN.plan_id, PLAN.first_id, RUN.id, _ACTOR.label("actor"))
        .join(plans, PLAN.plan_id == RUN.plan_id)
        .where(RUN.run_id == run_id, _HAS_WAITING)
    )
    run: Any = connection.execute(mine).one_or_none()
    if run is None:
        return None
    before = select(func.count()).select_from(_waiting(run).where(RUN.id < run.id).subquery())
    rounds: int = connection.execute(before).scalar_one() + 1
    by_actor = select(_ACTOR, func.count()).where(_HAS_WAITING).group_by(_ACTOR)
    plans_of: dict[str, int] = dict(connection.execute(by_actor).all())
    return rounds * len(plans_of) * plans_of[run.actor] - 1
