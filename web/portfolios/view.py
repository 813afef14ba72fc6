"""A portfolio as API and pages show it: its state, its legs with their runs, and what came of it."""

import json
from functools import cached_property

from sqlalchemy import RowMapping

from adapters.metrics.curves import points
from adapters.portfolios.series import PRUNED, PortfolioSeries
from adapters.portfolios.store import Portfolio, batch_of, legs_of, portfolio_of, portfolio_row
from adapters.runs.queries import run_row
from adapters.runs.times import utc_text
from adapters.tables import RUN
from contracts.errors import Conflict, UnknownRun
from contracts.portfolio_request import PortfolioStatus
from contracts.status import ErrorType, RunStatus
from contracts.values import Json
from web.platform import reading_database
from web.titles import portfolio_title

RECEIPT = ("data_hash", "result_hash", "engine_version", "analysis_version", "image_tag")
_OF_LEGS = (
    *RUN[
        "batch_id",
        "rule_id",
        "error_type",
        "error_message",
        "total_return_pct",
        "num_trades",
        "attempt",
    ],
)


class Shown:
    """A portfolio with the row of its Job, once there is one, and those of its legs."""

    def __init__(self, portfolio_id: str) -> None:
        with reading_database() as connection:
            self.row = portfolio_row(connection, portfolio_id)
            self.plan: Portfolio = portfolio_of(self.row)
            self.legs = legs_of(connection, self.plan.legs, *_OF_LEGS)
            try:
                self.job: RowMapping | None = run_row(connection, portfolio_id)
            except UnknownRun:
                self.job = None

    @property
    def title(self) -> str:
        """What it is called."""
        return portfolio_title(self.row["title"], json.loads(self.row["request_json"]))

    @property
    def status(self) -> str:
        """The word of its state; it is pending until the first leg was started."""
        if self.plan.status in (PortfolioStatus.FAILED, PortfolioStatus.CANCELLED):
            return RunStatus.FAILED.public
        if self.job is not None and RunStatus(self.job["status"]).is_terminal:
            return RunStatus(self.job["status"]).public
        waits = all(leg["status"] == RunStatus.PENDING for leg in self.legs.values())
        return (RunStatus.PENDING if waits else RunStatus.RUNNING).public

    @cached_property
    def series(self) -> PortfolioSeries | None:
        """What came of it; None until it has completed, and once it was deleted."""
        if self.job is None or None in (
            self.job["equity_curve_json"],
            self.job["trades_json"],
            self.row["found"],
        ):
            return None
        return PortfolioSeries(self.job, self.row["found"], self.plan.request)

    @property
    def is_pruned(self) -> bool:
        """Whether it has completed, and its series were deleted since."""
        return self.series is None and self.status == RunStatus.SUCCEEDED.public

    @property
    def fault(self) -> tuple[str | None, str | None]:
        """error_type and error_message: of the leg that failed, or of the Job."""
        if self.plan.status is PortfolioStatus.CANCELLED:
            return ErrorType.CANCELLED, "cancelled on request"
        if self.plan.status is PortfolioStatus.FAILED:
            failed = (
                leg["error_type"]
                for leg in self.legs.values()
                if leg["status"] == RunStatus.FAILED
            )
            return next(failed, ErrorType.SYSTEM_ERROR), self.row["reason"]
        return (self.job["error_type"], self.job["error_message"]) if self.job else (None, None)


def row_shown(row: RowMapping) -> Json:
    """A portfolio as lists show it."""
    asked = json.loads(row["request_json"])
    legs = asked["legs"]
    ended = row["job_status"] and RunStatus(row["job_status"]).is_terminal
    state = (
        "failed"
        if row["status"] in (PortfolioStatus.FAILED, PortfolioStatus.CANCELLED)
        else "running"
    )
    return {
        "portfolio_id": row["run_id"],
        "title": portfolio_title(row["title"], asked),
        **{
            name: row[name]
            for name in ("name", "mode", "total_return_pct", "sharpe_ratio", "max_drawdown_pct")
        },
        "status": RunStatus(row["job_status"]).public if ended else state,
        "tickers": list(dict.fromkeys(leg["ticker"] for leg in legs)),
        "legs": len(legs),
        "created_at": utc_text(row["created_at"]),
        "completed_at": utc_text(row["completed_at"] or row["ended_at"]),
    }


def described(shown: Shown) -> Json:
    """A portfolio as the API shows it."""
    row, job, series = shown.row, shown.job, shown.series
    error_type, error_message = shown.fault
    stored = (
        json.loads(job["metrics_json"])
        if job and job["metrics_json"]
        else {"values": None, "notes": {}}
    )
    return {
        "portfolio_id": row["run_id"],
        "title": shown.title,
        "name": row["name"],
        "status": shown.status,
        "error_type": error_type,
        "error_message": error_message,
        "request": json.loads(row["request_json"]),
        "batch_id": batch_of(row["run_id"]),
        "legs": legs_shown(shown, series),
        "created_at": utc_text(row["created_at"]),
        "completed_at": utc_text(row["completed_at"] or (job["completed_at"] if job else None)),
        **{name: job[name] if job else None for name in RECEIPT},
        "metrics": stored["values"],
        "metrics_notes": stored["notes"],
        "notes": [PRUNED] if shown.is_pruned else [],
        **(_of_series(series) if series else {}),
    }


def _of_series(series: PortfolioSeries) -> Json:
    account, found = series.account, series.found
    weights = found["weights"]
    return {
        "equity_curve": points(account.dates, "equity", account.equity),
        "drawdown_curve": points(account.dates, "drawdown_pct", account.drawdown_pct),
        "trades": series.trades,
        "left_out": series.left_out(),
        "interest": found["interest"],
        "borrow_fees": found["borrow_fees"],
        "weights": {"dates": series.dates_of(weights["bars"]), "money": weights["money"]},
        "correlations": found["correlations"],
        "notes": list(account.notes),
    }


def legs_shown(shown: Shown, series: PortfolioSeries | None) -> list[Json]:
    """Each leg with its run, and once it has completed what it contributed."""
    earned = series.legs() if series else [{"contribution": None}] * len(shown.plan.legs)
    return [
        {
            **leg,
            "run_id": run_id,
            "status": RunStatus(run["status"]).public
            if (run := shown.legs.get(run_id))
            else "deleted",
            "rule_id": run and run["rule_id"],
            "error_message": run and run["error_message"],
            **of_leg,
        }
        for leg, run_id, of_leg in zip(
            json.loads(shown.row["request_json"])["legs"], shown.plan.legs, earned, strict=True
        )
    ]


def completed_series(shown: Shown) -> PortfolioSeries:
    """What came of a portfolio; Conflict until it has completed."""
    if series := shown.series:
        return series
    if shown.is_pruned:
        raise Conflict(PRUNED)
    raise Conflict(
        f"portfolio {shown.row['run_id']} is {shown.status}; only a completed one has results"
    )
