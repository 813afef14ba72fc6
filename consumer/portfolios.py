"""Portfolios move on: once the runs of all legs have ended, the leader starts the Job that trades them together.

One guarded transaction changes the state and inserts the Job, so that a crash at any point leaves both or neither; a
message that was not sent is sent by the repairs.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import Connection, Engine, RowMapping
from sqlalchemy.exc import DBAPIError

from adapters.database import reading
from adapters.plans.portfolio import (
    Portfolio,
    legs_of,
    living_portfolios,
    move_portfolio,
    portfolio_of,
)
from adapters.plans.store import plan_row
from adapters.runs.new_runs import NewRun, insert_runs
from adapters.runs.queries import run_row
from adapters.tables import RUN
from contracts.errors import QueueUnavailable
from contracts.portfolio_request import PortfolioStatus
from contracts.run_request import DEFAULT_CAPITAL, RunRequest
from contracts.status import Kind, PlanKind, RunStatus
from contracts.values import Json, picked

# what the request of the Job has in common with none of its legs: a run that was linked may be called otherwise
OWN_TERMS: Json = {"initial_capital": DEFAULT_CAPITAL, "label": None, "tags": []}

log = logging.getLogger(__name__)


class Portfolios:
    """Advances every portfolio whose legs still run; `enqueue` sends the messages of Jobs by their ids."""

    def __init__(self, engine: Engine, enqueue: Callable[[list[str]], None]) -> None:
        self._engine = engine
        self._enqueue = enqueue

    def advance(self) -> bool:
        """Start the Job of each one whose legs have ended; whether any waits still."""
        with reading(self._engine) as connection:
            waiting = living_portfolios(connection)
        for portfolio_id in waiting:
            try:
                fault = self._advance(portfolio_id)
            except DBAPIError:
                raise
            except Exception as error:
                # a fault of one must not keep the others, and the repairs, from going on
                log.exception("portfolio_failed portfolio_id=%s", portfolio_id)
                name = type(error).__name__
                fault = f"internal error: {name}; the reconciler's log has the trace"
            if fault:
                states = PortfolioStatus.LEGS, PortfolioStatus.FAILED
                with self._engine.begin() as connection:
                    move_portfolio(connection, portfolio_id, *states, fault)
        return bool(waiting)

    def _advance(self, portfolio_id: str) -> str | None:
        """Start its Job once all legs have their result; what is wrong with one that has ended without."""
        with reading(self._engine) as connection:
            plan = portfolio_of(plan_row(connection, PlanKind.PORTFOLIO, portfolio_id))
            legs = legs_of(connection, plan.legs, *RUN["error_message", "rule_id", "ticker"])
        if any(not RunStatus(leg["status"]).is_terminal for leg in legs.values()):
            return None
        if fault := _fault(plan, legs):
            log.info("portfolio_failed portfolio_id=%s reason=%s", portfolio_id, fault)
            return fault
        with self._engine.begin() as connection:
            has_started = _started(connection, plan)
        if has_started:
            log.info("portfolio_trading portfolio_id=%s legs=%d", portfolio_id, len(plan.legs))
            try:
                self._enqueue([portfolio_id])
            except QueueUnavailable as error:
                log.warning("enqueue_postponed portfolio_id=%s reason=%s", portfolio_id, error)
        return None


def _fault(plan: Portfolio, legs: Mapping[str, RowMapping]) -> str | None:
    """What the first failed leg says; None when all have their result."""
    for number, run_id in enumerate(plan.legs):
        leg = legs.get(run_id)
        if leg is None:
            return (
                f"legs[{number}]: its run {run_id} was deleted after the time that runs are kept"
            )
        if leg["status"] != RunStatus.SUCCEEDED:
            return f"legs[{number}] {leg['ticker']} {leg['rule_id']}: {leg['error_message']}"
    return None


def _started(connection: Connection, plan: Portfolio) -> bool:
    """Whether this transaction has started the Job; to the queue it is a run of the first leg's request."""
    states = PortfolioStatus.LEGS, PortfolioStatus.TRADING
    if not move_portfolio(connection, plan.portfolio_id, *states):
        return False
    own = OWN_TERMS | {
        "run_id": plan.portfolio_id,
        "batch_id": None,
        "charts": False,
        "rule_id": f"portfolio x {len(plan.legs)}",
        **picked(plan.request.terms, OWN_TERMS),
    }
    first_leg = json.loads(run_row(connection, plan.legs[0])["request_json"])
    request = replace(RunRequest.from_json(first_leg), **own)
    new = NewRun(request, plan.request_hash, submitted_by=plan.submitted_by, kind=Kind.PORTFOLIO)
    insert_runs(connection, [new])
    return True
