"""Portfolios: recorded by the web tier with the runs of their legs, moved on by the leader.

Each change of status is one UPDATE guarded by the old status; the caller owns the transaction.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, or_, select

from adapters.database import database_now
from adapters.plan_tables import PLAN, plans
from adapters.plans.store import (
    LISTED,
    SENTENCE_LENGTH,
    insert_plan,
    spec_of,
    update_plan,
)
from adapters.rows import latest_rows, rows_by
from adapters.tables import IS_LIVING, IS_SUCCEEDED, RUN, runs
from contracts.portfolio_request import PortfolioRequest, PortfolioStatus
from contracts.status import PlanKind
from contracts.values import frozen, picked

JOB_COLUMNS = (
    RUN.status.label("job_status"),
    RUN.completed_at.label("job_completed_at"),
    *RUN["total_return_pct", "sharpe_ratio", "max_drawdown_pct", "sparkline"],
)


@frozen
class Portfolio:
    """Portfolio in the database; legs: the run_id of each leg's run."""

    portfolio_id: str
    batch_id: str  # the name under which the runs of its legs are listed
    status: PortfolioStatus
    request: PortfolioRequest
    request_hash: str
    legs: list[str]
    submitted_by: str | None


def insert_portfolio(
    connection: Connection,
    portfolio_id: str,
    request: PortfolioRequest,
    legs: Sequence[str],
    **columns: Any,
) -> None:
    """Record a portfolio; the runs of its legs are recorded in the same transaction. DuplicateKey for a used key."""
    spec = request.to_json()
    insert_plan(
        connection,
        PlanKind.PORTFOLIO,
        plan_id=portfolio_id,
        name=batch_name(portfolio_id),
        spec=spec,
        summary={
            "name": request.terms.get("label") or f"{len(request.legs)} legs",
            "mode": request.sharing.mode,
            "label": request.terms.get("label"),
            "legs": [picked(spec["legs"][end], ("ticker", "rule_type")) for end in (0, -1)],
            "count": len(request.legs),
            "tickers": list(dict.fromkeys(leg.ticker for leg in request.legs)),
        },
        step=legs,
        status=PortfolioStatus.LEGS,
        **columns,
    )


def batch_name(portfolio_id: str) -> str:
    """The name under which the runs that are made for a new portfolio's legs are listed."""
    return f"portfolio-{portfolio_id}"


def portfolio_of(row: RowMapping) -> Portfolio:
    """Read a plan's row as a portfolio."""
    return Portfolio(
        row["plan_id"],
        row["name"],
        PortfolioStatus(row["status"]),
        PortfolioRequest.from_json(spec_of(row)),
        row["request_hash"],
        json.loads(row["step"]),
        row["submitted_by"],
    )


def list_portfolios(
    connection: Connection, after: int | None, limit: int
) -> Sequence[RowMapping]:
    """Portfolios with figures of their Job, newest first; older than the one whose `id` is `after`."""
    job = RUN.run_id == PLAN.plan_id
    query = select(*LISTED, *JOB_COLUMNS).outerjoin_from(plans, runs, job)
    mine = query.where(PLAN.kind == PlanKind.PORTFOLIO)
    return latest_rows(connection, after, limit, mine, plans)


def legs_of(
    connection: Connection, run_ids: Sequence[str], *columns: ColumnElement[Any]
) -> dict[str, RowMapping]:
    """Return run_id, status and these columns of the legs' runs, by run_id; deleted runs are left out."""
    chosen = select(*RUN["run_id", "status"], *columns)
    return rows_by(connection, chosen, RUN.run_id, run_ids)


# a run that may serve as a leg: it has signals stored, or has not ended
MAY_SERVE = or_(and_(IS_SUCCEEDED, RUN.signals_json.is_not(None)), IS_LIVING)


def move_portfolio(
    connection: Connection,
    /,
    portfolio_id: str,
    before: PortfolioStatus,
    after: PortfolioStatus,
    reason: str | None = None,
    **values: Any,
) -> bool:
    """Move a portfolio from one status to another; False when it was not in the first one."""
    has_ended = after in (PortfolioStatus.FAILED, PortfolioStatus.CANCELLED)
    return update_plan(
        connection,
        portfolio_id,
        PLAN.status == before,
        status=after,
        sentence=reason and reason[:SENTENCE_LENGTH],
        completed_at=database_now() if has_ended else None,
        **values,
    )
