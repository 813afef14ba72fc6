"""Portfolios in the database, their series for pages, and the correlations of their legs."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, or_, select

from adapters.database import database_now
from adapters.metrics.curves import trade_rows
from adapters.plan_tables import PLAN, plans
from adapters.plans.store import (
    LISTED,
    SENTENCE_LENGTH,
    insert_plan,
    spec_of,
    update_plan,
)
from adapters.prices.bars import bar_dates
from adapters.rows import latest_rows, rows_by
from adapters.runs.series import run_series, unpacked_json
from adapters.tables import IS_LIVING, IS_SUCCEEDED, RUN, runs
from contracts.portfolio_request import PortfolioRequest, PortfolioStatus
from contracts.run_result import TradeRow
from contracts.status import PlanKind
from contracts.values import Json, frozen, picked

JOB_COLUMNS = (
    RUN.status.label("job_status"),
    RUN.completed_at.label("job_completed_at"),
    *RUN["total_return_pct", "sharpe_ratio", "max_drawdown_pct", "sparkline"],
)


@frozen
class Portfolio:
    """Portfolio in the database; legs: the run_id of each leg's run, none with mode ranked."""

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
    """Record a portfolio; the runs of its legs are recorded in the same transaction. DuplicateKey for a used key.

    legs: the run_id of each leg's run; without any, its Job is recorded with it.
    """
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
        status=PortfolioStatus.LEGS if legs else PortfolioStatus.TRADING,
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


PRUNED = "Equity, trades and weights were deleted automatically; submit the portfolio again to see them."


class PortfolioSeries:
    """Series of a portfolio. account: times, equity and trades, as of a run.

    result: the other results of its Job, see consumer.kinds.portfolio. tickers: by leg.
    """

    def __init__(self, job: Mapping[Any, Any], packed: bytes, tickers: Sequence[str]) -> None:
        self.account, self.result, self.tickers = run_series(job), unpacked_json(packed), tickers

    @cached_property
    def names(self) -> list[str]:
        """Name of each leg: its ticker, with the leg's number if a ticker has several legs."""
        counts = Counter(self.tickers)
        named = enumerate(self.tickers, start=1)
        return [
            ticker if counts[ticker] == 1 else f"{ticker} #{number}" for number, ticker in named
        ]

    def dates_of(self, bars: Sequence[int]) -> list[str]:
        """Return the dates of these bars."""
        return bar_dates(
            self.account.times[np.asarray(bars, dtype=np.int64)], self.account.timeframe
        )

    @cached_property
    def trades(self) -> list[TradeRow]:
        """Trades as in the contract of a run, with leg, ticker, resizes and the date of the signal that opened each."""
        account = self.account
        rows = trade_rows(
            account.trades, account.times, account.timeframe, account.money_decimals
        )
        late = int(account.request["fill"] == "next_open")
        signalled = self.dates_of([trade["entry_bar"] - late for trade in account.trades])
        for row, (leg, resized), date in zip(
            rows, self.result["of_trades"], signalled, strict=True
        ):
            ticker = self.tickers[leg]
            of_leg: Any = {"leg": leg, "ticker": ticker, "resized": resized, "signal_date": date}
            row.update(of_leg)
        return rows

    def left_out(self) -> Json:
        """Return the orders that opened nothing: counts by reason, and the first of them with their dates."""
        left_out = self.result["left_out"]
        dates = self.dates_of([bar for bar, *_ in left_out["first"]])
        orders = [
            {
                "date": date,
                "leg": leg,
                "ticker": self.tickers[leg],
                "side": side,
                "reason": reason,
            }
            for date, (_, leg, side, reason) in zip(dates, left_out["first"], strict=True)
        ]
        return {"counts": left_out["counts"], "orders": orders}

    @cached_property
    def _rebalancings(self) -> list[tuple[str, Any]]:
        """The date of each rebalancing by rank, and its stored columns; none with another mode."""
        stored = self.result.get("rebalancings", ())
        dates = self.dates_of([bar for bar, *_ in stored])
        return [(date, columns) for date, (_, *columns) in zip(dates, stored, strict=True)]

    def rebalancings(self) -> list[Json]:
        """Return which tickers entered and which left, and why, at each rebalancing."""
        return [
            {
                "date": date,
                "entered": [row["ticker"] for row in changed if row["weight"]],
                "left": [picked(row, ("ticker", "why")) for row in changed if not row["weight"]],
            }
            for date, columns in self._rebalancings
            for changed in [self._ranks(columns, is_change)]
        ]

    def ranks_at(self, date: str | None) -> Json | None:
        """Return the last rebalancing up to a date, the last one of all for None; a row for each leg, ranks from 1."""
        until = [each for each in self._rebalancings if date is None or each[0][:10] <= date]
        if not until:
            return None
        last, columns = until[-1]
        return {"date": last, "ranks": self._ranks(columns, lambda *_: True)}

    def _ranks(self, columns: Sequence[Any], is_listed: Callable[..., bool]) -> list[Json]:
        return [
            {
                "leg": leg,
                "ticker": self.tickers[leg],
                "rank": None if rank is None else rank + 1,
                "score": score,
                "before": before,
                "weight": weight,
                "why": why,
            }
            for leg, rank, score, before, weight, why in zip(*columns, strict=True)
            if is_listed(before, weight, why)
        ]

    def legs(self) -> list[Json]:
        """Return the tradable dates of each leg, and its contribution to the profit."""
        spans, contributions = self.result["legs"], self.result["contributions"]
        firsts, lasts = (
            self.dates_of([span[end] for span in spans]) for end in ("first", "last")
        )
        return [
            {
                "contribution": earned + 0.0,
                "first_date": first,
                "last_date": last,
                "ends": span["ends"],
            }
            for earned, first, last, span in zip(contributions, firsts, lasts, spans, strict=True)
        ]


def is_change(before: int, weight: float, why: str) -> bool:
    """Return whether a leg entered, or left, at a rebalancing."""
    return why == "enters" or bool(before and not weight)
