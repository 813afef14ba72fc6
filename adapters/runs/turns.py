"""Whose turn it is among the batches that wait, so that a small one behind a large one need not wait for its end.

A message in the batches' list is a ticket: it entitles a Job to the run whose turn it is, and the two change places.
Next is the actor who was served least lately, of theirs the batch that was, and of that the oldest run that waits.
A batch without a row here waits until its own tickets are taken, so that nothing is lost with one.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, case, delete, func, or_, select, update

from adapters.database import database_now, inserted, portions
from adapters.declarations import read_from
from adapters.plan_tables import batch_turns
from adapters.queue.messages import Attempt
from adapters.runs.states import Claim, claim
from adapters.tables import BATCH_INDEX, IS_WAITING, RUN, runs
from contracts.errors import StaleMessage
from contracts.values import Json, frozen

REMEMBERED_S = 3600.0  # after its last turn, so that many small batches are no way to the front
TURN = batch_turns.c
_HAS_TURNS = TURN.first_id.is_not(None)


@frozen
class Turn:
    """What a ticket entitles to."""

    attempt: Attempt
    ticket_waits: bool  # and goes back to its list, since another run is worked on
    # batch_id and first_id of whose turn it is; None: nobody's
    batch: Row[str, int] | None = None
    id: int | None = None  # of its run, when no run of the batch before it waits


def announce(connection: Connection, run_ids: Sequence[str]) -> None:
    """Let the batches of these waiting runs take their turns."""
    for portion in portions(run_ids):
        batches = (
            select(RUN.batch_id, func.max(RUN.submitted_by), func.min(RUN.id))
            .where(RUN.run_id.in_(portion), RUN.batch_id.is_not(None))
            .group_by(RUN.batch_id)
        )
        for batch_id, actor, first_id in connection.execute(batches).all():
            no_later = case((TURN.first_id <= first_id, TURN.first_id), else_=first_id)
            known = update(batch_turns).filter_by(batch_id=batch_id).values(first_id=no_later)
            new = {"batch_id": batch_id, "actor": actor or "", "first_id": first_id}
            if connection.execute(known).rowcount or inserted(connection, batch_turns, **new):
                continue
            connection.execute(known)


def claim_turn(
    connection: Connection,
    ticket: Attempt,
    chosen: Turn | None,
    token: str,
    lease_s: float,
    worker: str,
) -> tuple[Turn, Claim]:
    """Claim the run that a ticket stands for; StaleMessage when none waits.

    chosen: is tried first. By a try before, since the answer to its commit may have got lost; of a person's message,
    which is no ticket, its own run.
    """
    turn = chosen or next_in_turn(connection, ticket)
    while True:
        try:
            return turn, claim(connection, turn.attempt, token, lease_s, worker)
        except StaleMessage:  # or another Job's ticket stood for it
            if turn.batch is None:
                raise
        turn = next_in_turn(connection, ticket)


def next_in_turn(connection: Connection, ticket: Attempt) -> Turn:
    """The attempt that a ticket stands for; its own when the turn is its batch's, or nobody's."""
    waiting = (RUN.run_id == ticket.run_id, RUN.attempt == ticket.attempt, IS_WAITING)
    asked = select(RUN.batch_id, TURN.first_id).where(*waiting)
    own = connection.execute(
        asked.outerjoin_from(runs, batch_turns, TURN.batch_id == RUN.batch_id)
    ).one_or_none()
    if own and own.batch_id and own.first_id is None:
        announce(connection, [ticket.run_id])
    passed: list[str] = []
    while batch := _least_lately_served(connection, passed):
        if own and batch.batch_id == own.batch_id:
            return Turn(ticket, False, batch)
        # that no other Job is just about to claim
        oldest = _waiting(batch).order_by(RUN.id).limit(1).with_for_update(skip_locked=True)
        if found := connection.execute(oldest).one_or_none():
            attempt = Attempt(found.run_id, found.attempt)
            return Turn(attempt, own is not None, batch, found.id)
        _rest(connection, batch)
        passed.append(batch.batch_id)
    return Turn(ticket, False)


def _least_lately_served(connection: Connection, passed: Sequence[str]) -> Row[str, int] | None:
    of_actor = select(TURN.actor, func.max(TURN.served_at).label("served_at"))
    lately = of_actor.group_by(TURN.actor).subquery()
    in_turn = (
        select(*TURN["batch_id", "first_id"])
        .join(lately, lately.c.actor == TURN.actor)
        .where(_HAS_TURNS, TURN.batch_id.not_in(passed))
        # never is before ever
        .order_by(lately.c.served_at, TURN.served_at, TURN.batch_id)
    )
    return connection.execute(in_turn.limit(1)).one_or_none()


def _waiting(batch: Row[str, int]) -> Select[Any]:
    """Runs of a batch that wait, read from the index of batches: they lie side by side there."""
    mine = (RUN.batch_id == batch.batch_id, RUN.id >= batch.first_id, IS_WAITING)
    return read_from(BATCH_INDEX, runs, select(*RUN["id", "run_id", "attempt"]).where(*mine))


def _rest(connection: Connection, batch: Row[str, int]) -> None:
    """Pass a batch over from now on, if nothing of it waits."""
    seen = update(batch_turns).filter_by(batch_id=batch.batch_id, first_id=batch.first_id)
    connection.execute(seen.where(~_waiting(batch).exists()).values(first_id=None))


def mark_served(connection: Connection, turn: Turn) -> None:
    """Let the others come first now; the last statement of a claim, since all claims write the same few rows."""
    if turn.batch is None:
        return
    values: Json = {"served_at": database_now()}
    if turn.id:  # unless one was announced meanwhile that waits before it
        seen = TURN.first_id == turn.batch.first_id
        values["first_id"] = case((seen, turn.id), else_=TURN.first_id)
    mine = update(batch_turns).filter_by(batch_id=turn.batch.batch_id)
    connection.execute(mine.values(values))


def forget_turns(connection: Connection) -> None:
    """Delete what is known of batches that wait no longer and had no turn lately."""
    served_at = TURN.served_at
    is_over = or_(served_at.is_(None), served_at < database_now(-REMEMBERED_S))
    connection.execute(delete(batch_turns).where(~_HAS_TURNS, is_over))


def most_before(connection: Connection, run_id: str) -> int | None:
    """How many turns come before a waiting run's at most, if no batch joins; None for a run without a batch in turn."""
    mine = (
        select(RUN.id, *TURN["batch_id", "actor", "first_id"])
        .join(batch_turns, TURN.batch_id == RUN.batch_id)
        .where(RUN.run_id == run_id, _HAS_TURNS)
    )
    own = connection.execute(mine).one_or_none()
    if own is None:
        return None
    before = select(func.count()).select_from(_waiting(own).where(RUN.id < own.id).subquery())
    rounds: int = connection.execute(before).scalar_one() + 1
    actor = TURN.actor
    by_actor = select(actor, func.count()).where(_HAS_TURNS).group_by(actor)
    batches: dict[str, int] = dict(connection.execute(by_actor).all())
    return rounds * len(batches) * batches[own.actor] - 1
