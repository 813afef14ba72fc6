"""Advance the plans: the leader takes each living plan one step further, by the steps of its kind."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import Connection, Engine, RowMapping
from sqlalchemy.exc import DBAPIError

from adapters.database import reading
from adapters.plans.store import living_plans, plan_row
from consumer.leader.portfolios import PortfolioSteps
from consumer.leader.studies import StudySteps
from contracts.status import PlanKind

log = logging.getLogger(__name__)

Enqueue = Callable[[list[str]], None]  # sends the messages of runs by their ids


class PlanSteps(Protocol):
    """The steps of one kind of plan; each is one guarded transaction that also inserts the runs of the new state."""

    @property
    def kind(self) -> PlanKind:
        """The kind of these plans."""

    @property
    def living(self) -> Sequence[str]:
        """Statuses in which there is a next step."""

    def advance(self, plan: RowMapping) -> None:
        """Take the next step of a plan, if it is due."""

    def fail(self, connection: Connection, plan: RowMapping, reason: str) -> None:
        """Fail a plan with a reason for users."""


class Plans:
    """All plans that have not ended."""

    def __init__(self, engine: Engine, enqueue: Enqueue) -> None:
        self._engine = engine
        self._kinds: tuple[PlanSteps, ...] = (
            StudySteps(engine, enqueue),
            PortfolioSteps(engine, enqueue),
        )

    def advance(self) -> bool:
        """Take each living plan one step further; True if there is any."""
        is_advancing = False
        for steps in self._kinds:
            with reading(self._engine) as connection:
                plan_ids = living_plans(connection, steps.kind, steps.living)
            for plan_id in plan_ids:
                self._advance(steps, plan_id)
            is_advancing |= bool(plan_ids)
        return is_advancing

    def _advance(self, steps: PlanSteps, plan_id: str) -> None:
        with reading(self._engine) as connection:
            plan = plan_row(connection, steps.kind, plan_id)
        if plan["status"] not in steps.living:  # it ended a moment ago
            return
        try:
            steps.advance(plan)
        except DBAPIError:
            raise
        except Exception as error:  # an error in one plan must not stop the others or the repairs
            log.exception("plan_failed kind=%s plan_id=%s", steps.kind, plan_id)
            name = type(error).__name__
            with self._engine.begin() as connection:
                steps.fail(
                    connection,
                    plan,
                    f"internal error: {name}; the reconciler's log has the trace",
                )
