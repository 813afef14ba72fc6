"""Portfolios in the database: recorded by the web tier with the runs of their legs, moved on by the leader.

Each change of state is one UPDATE guarded by the old state; the caller owns the transaction.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, insert, or_, select

from adapters.database import database_now
from adapters.plan_tables import PORTFOLIO, portfolios
from adapters.rows import changed, found_row, latest_rows, rows_by
from adapters.tables import IS_LIVING, IS_SUCCEEDED, RUN, runs
from contracts.errors import UnknownPortfolio
from contracts.portfolio_request import PortfolioRequest, PortfolioStatus
from contracts.values import Json, frozen

REASON_LENGTH = 1000  # characters, the width of the column
_LISTED = (
    *PORTFOLIO["id", "run_id", "name", "title", "mode", "status", "request_json", "created_at"],
    PORTFOLIO.completed_at.label("ended_at"),
    RUN.status.label("job_status"),
    *RUN["completed_at", "total_return_pct", "sharpe_ratio", "max_drawdown_pct", "sparkline"],
)
_changed = partial(changed, PORTFOLIO.run_id)


@frozen
class Portfolio:
    """A portfolio as the leader and its Job work with it; legs: the run_id of each leg's run."""

    portfolio_id: str
    status: PortfolioStatus
    request: PortfolioRequest
    request_hash: str
    legs: list[str]
    submitted_by: str | None


def batch_of(portfolio_id: str) -> str:
    """The batch of the runs that are made for a portfolio's legs."""
    return f"portfolio-{portfolio_id}"


def is_of_portfolio(batch_id: str) -> bool:
    """Whether a batch is that of a portfolio's legs."""
    return batch_id.startswith(batch_of(""))


def insert_portfolio(
    connection: Connection,
    request: PortfolioRequest,
    request_hash: str,
    legs: Sequence[str],
    own: Json,
) -> None:
    """Record a portfolio; the runs of its legs are recorded in the same transaction. DuplicateKey for a known key.

    own: its id, key, submitter and time by column.
    """
    recorded = own | {
        "name": request.terms.get("label") or f"{len(request.legs)} legs",
        "mode": request.sharing.mode,
        "request_json": json.dumps(request.to_json(), ensure_ascii=False),
        "request_hash": request_hash,
        "legs_json": json.dumps(legs),
        "status": PortfolioStatus.LEGS,
    }
    connection.execute(insert(portfolios).values(recorded))


def portfolio_row(connection: Connection, portfolio_id: str) -> RowMapping:
    """All columns of a portfolio; UnknownPortfolio when there is none."""
    query = select(portfolios).filter_by(run_id=portfolio_id)
    missing = UnknownPortfolio(f"no portfolio has the id {portfolio_id[:40]}")
    return found_row(connection, query, missing)


def portfolio_of(row: RowMapping) -> Portfolio:
    """A row as leader and Job work with it."""
    request = PortfolioRequest.from_json(json.loads(row["request_json"]))
    status, legs = PortfolioStatus(row["status"]), json.loads(row["legs_json"])
    return Portfolio(
        row["run_id"], status, request, row["request_hash"], legs, row["submitted_by"]
    )


# portfolios with the row of their Job, newest first; those before the one whose `id` is `after`
list_portfolios = partial(
    latest_rows,
    query=select(*_LISTED).outerjoin_from(portfolios, runs, RUN.run_id == PORTFOLIO.run_id),
    table=portfolios,
)


def living_portfolios(connection: Connection) -> list[str]:
    """The ids of those whose legs have not all been seen to end, oldest first."""
    query = select(PORTFOLIO.run_id).filter_by(status=PortfolioStatus.LEGS).order_by(PORTFOLIO.id)
    return list(connection.scalars(query))


def legs_of(
    connection: Connection, run_ids: Sequence[str], *columns: ColumnElement[Any]
) -> dict[str, RowMapping]:
    """run_id, status and these columns of the runs of legs, by run_id; those that were deleted are left out."""
    chosen = select(*RUN["run_id", "status"], *columns)
    return rows_by(connection, chosen, RUN.run_id, run_ids)


# what a leg may be linked to: a run that has what its portfolio needs of it, or may come to have it
MAY_SERVE = or_(and_(IS_SUCCEEDED, RUN.signals_json.is_not(None)), IS_LIVING)


def move(
    connection: Connection,
    /,
    portfolio_id: str,
    before: PortfolioStatus,
    after: PortfolioStatus,
    reason: str | None = None,
    **values: Any,
) -> bool:
    """Whether the portfolio was in the first state, and is in the second one now, with these values."""
    values |= {"status": after, "reason": reason and reason[:REASON_LENGTH]}
    has_ended = after in (PortfolioStatus.FAILED, PortfolioStatus.CANCELLED)
    values["completed_at"] = database_now() if has_ended else None
    return _changed(connection, portfolio_id, PORTFOLIO.status == before, **values)


def set_title(connection: Connection, portfolio_id: str, title: str | None) -> None:
    """Call a portfolio so from now on, None: as its request says; UnknownPortfolio when there is none."""
    portfolio_row(connection, portfolio_id)
    _changed(connection, portfolio_id, title=title)


def keep_together(connection: Connection, portfolio_id: str, found: bytes) -> None:
    """Record what a Job found; its run was finished in the same transaction."""
    _changed(connection, portfolio_id, found=found)
