"""The step of a portfolio: once the runs of all legs have ended, start the Job that trades them together.

One guarded transaction changes the status and inserts the Job, so that a crash at any point leaves both or neither; the
repairs send a message that was not sent.
"""

import json
import logging
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, Engine, RowMapping

from adapters.database import reading
from adapters.plans.portfolio import (
    Portfolio,
    legs_of,
    move_portfolio,
    portfolio_of,
)
from adapters.runs.changes import NewRun, insert_runs
from adapters.runs.queries import run_row
from adapters.tables import RUN
from contracts.portfolio_request import PortfolioStatus
from contracts.run_request import LABEL_FIELDS, RunRequest
from contracts.status import Kind, PlanKind, RunStatus
from contracts.values import picked, without

log = logging.getLogger(__name__)


class PortfolioSteps:
    """Start a portfolio's Job once its legs have ended; `send` sends the messages of Jobs by their ids."""

    kind = PlanKind.PORTFOLIO
    living = (PortfolioStatus.LEGS,)

    def __init__(self, engine: Engine, send: Callable[[list[str]], None]) -> None:
        self._engine, self._send = engine, send

    def advance(self, plan: RowMapping) -> None:
        """Start the Job once all legs have a result; fail the portfolio with the error of the first that has none."""
        portfolio = portfolio_of(plan)
        columns = RUN["error_message", "rule_id", "ticker"]
        with reading(self._engine) as connection:
            legs = legs_of(connection, portfolio.legs, *columns)
        if any(not RunStatus(leg["status"]).is_terminal for leg in legs.values()):
            return
        portfolio_id, reason = portfolio.portfolio_id, _failure(portfolio, legs)
        with self._engine.begin() as connection:
            if reason:
                log.info("portfolio_failed portfolio_id=%s reason=%s", portfolio_id, reason)
                self.fail(connection, plan, reason)
            has_started = not reason and _start(connection, portfolio)
        if has_started:
            log.info(
                "portfolio_started portfolio_id=%s legs=%d", portfolio_id, len(portfolio.legs)
            )
            self._send([portfolio_id])

    def fail(self, connection: Connection, plan: RowMapping, reason: str) -> None:
        """Fail a portfolio whose Job has not started."""
        states = PortfolioStatus.LEGS, PortfolioStatus.FAILED
        move_portfolio(connection, plan["plan_id"], *states, reason)


def _failure(plan: Portfolio, legs: Mapping[str, RowMapping]) -> str | None:
    """The error of the first failed leg; None when all have a result."""
    for number, run_id in enumerate(plan.legs):
        leg = legs.get(run_id)
        if leg is None:
            return f"legs[{number}]: its run {run_id} was deleted automatically"
        if leg["status"] != RunStatus.SUCCEEDED:
            return f"legs[{number}] {leg['ticker']} {leg['rule_id']}: {leg['error_message']}"
    return None


def _start(connection: Connection, plan: Portfolio) -> bool:
    """Insert the Job, for the queue a run of the first leg's request; False when another process was faster."""
    states = PortfolioStatus.LEGS, PortfolioStatus.TRADING
    if not move_portfolio(connection, plan.portfolio_id, *states):
        return False
    first_leg = json.loads(run_row(connection, plan.legs[0])["request_json"])
    # the first leg may be somebody else's run, with other labels
    shared = without(first_leg, (*LABEL_FIELDS, "initial_capital"))
    terms = {
        **picked(plan.request.terms, (*LABEL_FIELDS, "initial_capital")),
        "run_id": plan.portfolio_id,
        "charts": False,
        "rule_id": f"portfolio x {len(plan.legs)}",
    }
    request = RunRequest.from_json(shared | terms)
    new = NewRun(request, plan.request_hash, submitted_by=plan.submitted_by, kind=Kind.PORTFOLIO)
    insert_runs(connection, [new])
    return True
