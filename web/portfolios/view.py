"""The view model of a portfolio: its state, its legs with their runs, and its results."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import RowMapping, select

from adapters.metrics.curves import points
from adapters.plans.portfolio import PRUNED, PortfolioSeries, legs_of, portfolio_of
from adapters.plans.store import plan_row, spec_of
from adapters.rows import rows_by
from adapters.runs.times import utc_text
from adapters.tables import RUN, runs
from contracts.errors import Conflict
from contracts.portfolio_request import PortfolioStatus
from contracts.status import ErrorType, PlanKind, RunStatus
from contracts.values import Json, picked
from web.app import reading_database
from web.titles import portfolio_title

# the account of each mode, in sentences
ACCOUNTS = {"shared": "a shared account", "sleeves": "separate accounts", "ranked": "a rotation"}
RECEIPT = ("data_hash", "result_hash", "engine_version", "analysis_version", "image_tag")
_OF_LEGS = RUN["plan_id", "rule_id", "error_type", "error_message"]
_LISTED = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct")
_NOT_TRADED = (PortfolioStatus.FAILED, PortfolioStatus.CANCELLED)


class PortfolioView:
    """A portfolio with the row of its Job, once there is one, and the rows of its legs."""

    def __init__(self, portfolio_id: str) -> None:
        with reading_database() as connection:
            self.row = plan_row(connection, PlanKind.PORTFOLIO, portfolio_id)
            self.plan = portfolio_of(self.row)
            self.runs = legs_of(connection, self.plan.legs, *_OF_LEGS)
            jobs = rows_by(connection, select(runs), RUN.run_id, [portfolio_id])
            self.job: Mapping[Any, Any] = jobs.get(portfolio_id, {})
        self.spec = spec_of(self.row)
        self.summary: Json = json.loads(self.row["summary"])
        self.title = portfolio_title(self.row["title"], self.summary)
        self.account = ACCOUNTS[self.spec["mode"]]

    @property
    def status(self) -> str:
        """Its state in the API; pending until the first leg has started."""
        started = self.runs.values() or [self.job]
        waits = all(run["status"] == RunStatus.PENDING for run in started)
        ended = _end_of(self.plan.status, self.job.get("status"))
        return (ended or (RunStatus.PENDING if waits else RunStatus.RUNNING)).public

    @cached_property
    def series(self) -> PortfolioSeries | None:
        """Its results; None until it has completed, and after they were deleted."""
        if not self.row["result"]:
            return None
        tickers = [leg["ticker"] for leg in self.spec["legs"]]
        return PortfolioSeries(self.job, self.row["result"], tickers)

    @property
    def notes(self) -> list[str]:
        """Sentences on its prices, or on the deletion of its series."""
        if self.series:
            return [*self.series.account.notes]
        return [PRUNED] if self.status == RunStatus.SUCCEEDED.public else []

    def completed(self) -> PortfolioSeries:
        """Return its results; Conflict until it has completed."""
        if self.series:
            return self.series
        state = f"portfolio {self.row['plan_id']} is {self.status}"
        raise Conflict(*self.notes or [f"{state}; only a completed one has results"])

    @property
    def measured(self) -> Json:
        """`values` of its metrics, null until it has completed, and the `notes` on them."""
        measured: Json = json.loads(
            self.job.get("metrics_json") or '{"values": null, "notes": {}}'
        )
        return measured

    @cached_property
    def legs(self) -> list[Json]:
        """Each leg with its run, and its contribution once the portfolio has completed."""
        series = self.series
        run_ids: Sequence[str | None] = self.plan.legs or [None] * len(self.spec["legs"])
        earned = series.legs() if series else [{"contribution": None}] * len(run_ids)
        legs = zip(self.spec["legs"], run_ids, earned, strict=True)
        return [
            {**leg, "run_id": run_id, **self._of_run(run_id), **of_leg}
            for leg, run_id, of_leg in legs
        ]

    def _of_run(self, run_id: str | None) -> Json:
        """Return the state of a leg's run; of a ranked leg, which has none, that of the portfolio."""
        if run_id is None:
            return {"status": self.status, "rule_id": None, "error_message": None}
        run = self.runs.get(run_id)
        if run is None:
            return {"status": "deleted", "rule_id": None, "error_message": None}
        status = RunStatus(run["status"]).public
        error = run["error_message"]
        return {"status": status, "rule_id": run["rule_id"], "error_message": error}

    @property
    def fault(self) -> tuple[str | None, str | None]:
        """error_type and error_message: of the first leg that failed, or of the Job."""
        if self.plan.status is PortfolioStatus.CANCELLED:
            return ErrorType.CANCELLED, "cancelled on request"
        if self.plan.status is PortfolioStatus.FAILED:
            runs = filter(None, map(self.runs.get, self.plan.legs))
            failed = (run["error_type"] for run in runs if run["status"] == RunStatus.FAILED)
            return next(failed, ErrorType.SYSTEM_ERROR), self.row["sentence"]
        return self.job.get("error_type"), self.job.get("error_message")


def _end_of(status: PortfolioStatus, job_status: str | None) -> RunStatus | None:
    """Return the state in which it ended, or None."""
    if status in _NOT_TRADED:
        return RunStatus.FAILED
    return RunStatus(job_status) if job_status and RunStatus(job_status).is_terminal else None


def listed_portfolio(row: RowMapping) -> Json:
    """Return a portfolio for lists."""
    summary = json.loads(row["summary"])
    return {
        "portfolio_id": row["plan_id"],
        "title": portfolio_title(row["title"], summary),
        **picked(summary, ("name", "mode", "tickers")),
        **picked(row, _LISTED),
        "status": (_end_of(row["status"], row["job_status"]) or RunStatus.RUNNING).public,
        "legs": summary["count"],
        "created_at": utc_text(row["created_at"]),
        "completed_at": utc_text(row["job_completed_at"] or row["completed_at"]),
    }


def describe_portfolio(view: PortfolioView) -> Json:
    """Return a portfolio for the API."""
    row, job, measured = view.row, view.job, view.measured
    error_type, error_message = view.fault
    return {
        "portfolio_id": row["plan_id"],
        "title": view.title,
        "name": view.summary["name"],
        "status": view.status,
        "error_type": error_type,
        "error_message": error_message,
        "request": view.spec,
        "batch_id": row["name"],
        "legs": view.legs,
        "created_at": utc_text(row["created_at"]),
        "completed_at": utc_text(row["completed_at"] or job.get("completed_at")),
        **{name: job.get(name) for name in RECEIPT},
        "metrics": measured["values"],
        "metrics_notes": measured["notes"],
        "notes": view.notes,
        **(_of_series(view.series) if view.series else {}),
    }


def _of_series(series: PortfolioSeries) -> Json:
    account, results = series.account, series.result
    weights = results["weights"]
    return {
        "money_decimals": account.money_decimals,
        "equity_curve": points(account.dates, "equity", account.equity),
        "drawdown_curve": points(account.dates, "drawdown_pct", account.drawdown_pct),
        "trades": series.trades,
        "left_out": series.left_out(),
        "weights": {"dates": series.dates_of(weights["bars"]), "money": weights["money"]},
        **picked(results, ("interest", "borrow_fees", "correlations")),
    }
