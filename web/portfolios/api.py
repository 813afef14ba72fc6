"""The HTTP API of portfolios: submission, progress, results, and the curves of its chart."""

import json
from collections.abc import Sequence

import numpy as np
from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, RowMapping

from adapters.plans.portfolio import (
    MAY_SERVE,
    Portfolio,
    batch_name,
    insert_portfolio,
    list_portfolios,
    move_portfolio,
)
from adapters.runs.changes import NewRun
from adapters.runs.queries import runs_alike
from adapters.runs.series import benchmark_equity
from adapters.tables import RUN
from contracts.errors import Conflict
from contracts.portfolio_request import PortfolioRequest, PortfolioStatus
from contracts.status import PlanKind, RunStatus
from contracts.values import Json
from web.api import (
    DRY_RUN,
    ENDED,
    KEY,
    REFUSED,
    UNFINISHED,
    Argument,
    arguments,
    conditional,
    json_body,
    operation,
    typed_body,
)
from web.app import ask_database, change_database, platform, submit_plan
from web.batches.api import accept_sweep, sweep_operation
from web.charts.bars import POINTS, Window, cache_for_hour, json_numbers
from web.formats import day
from web.plans import PlanResource, Row, cancel_runs, retry_runs
from web.portfolios.ranked import ranked_job
from web.portfolios.validation import checked_portfolio, checked_ranked, checked_rotations
from web.portfolios.view import PortfolioView, describe_portfolio, listed_portfolio
from web.runs.operations import (
    cancel_among,
    new_run,
    retry_among,
    start_runs,
)
from web.runs.validation import ValidRequest, validate_request
from web.studies.views import ACCEPTED, ESTIMATE, submit_study
from web.titles import portfolio_title

AT = Argument("at", day, "the last rebalancing up to this day; of all by default")


def _state(portfolio_id: str) -> Json:
    return {"portfolio_id": portfolio_id, "status": PortfolioView(portfolio_id).status}


PORTFOLIO = PlanResource(PlanKind.PORTFOLIO, "portfolios", state=_state)
blueprint = PORTFOLIO.api


@blueprint.post("/api/portfolios")
@operation(
    "200 a dry run, or this key has its portfolio already",
    "202 PortfolioAccepted: recorded; it runs by itself",
    "409 the key was used for another request",
    *REFUSED,
    asks=(KEY, DRY_RUN),
    json="PortfolioRequest|PortfolioOfBatch|SweepSpec",
    body_setting="max_body_mb",
)
def submit() -> ResponseReturnValue:
    """Record a portfolio and the runs of its legs, which a Job trades in one account; ?dry_run=true only checks it."""
    portfolio_request, runs = checked_portfolio(typed_body("application/json"))
    if arguments()["dry_run"]:
        return {"legs": len(runs)}
    portfolio_id, is_new = _submit_portfolio(portfolio_request, runs)
    return PORTFOLIO.accepted(portfolio_id, is_new, legs=len(runs))


@blueprint.post("/api/portfolios/batch")
@sweep_operation
def sweep() -> ResponseReturnValue:
    """Record and enqueue a ranked portfolio for each combination of a sweep over its fields, as a batch."""
    portfolios, expansion = checked_ranked(json_body())
    return accept_sweep(
        expansion, lambda batch_id: [ranked_job(*each, batch_id) for each in portfolios]
    )


@blueprint.post("/api/portfolios/study")
@operation(
    *ACCEPTED,
    *REFUSED,
    asks=(KEY, ESTIMATE),
    json="SweepSpec",
    body_setting="max_body_mb",
)
def study() -> ResponseReturnValue:
    """Record a study of ranked portfolios, the combinations of a sweep; with ?dry_run=true only estimate its cost."""
    return submit_study(checked_rotations(json_body()))


def _submit_portfolio(
    portfolio_request: PortfolioRequest, runs: Sequence[ValidRequest]
) -> tuple[str, bool]:
    """Return the portfolio's id and whether it is new.

    It is recorded with the runs of its legs; existing runs are linked. Conflict when the key was used for another one,
    QueueFull, BudgetSpent.
    """
    hashes = [valid.request_hash for valid in runs]
    whole = portfolio_request.request_hash(hashes)

    def insert_ranked(portfolio_id: str, columns: Json) -> None:
        job = new_run(ranked_job(portfolio_request, runs), run_id=portfolio_id)

        def record_plan(connection: Connection) -> None:
            insert_portfolio(connection, portfolio_id, portfolio_request, [], **columns)

        start_runs([job], record_plan)

    def insert(portfolio_id: str, columns: Json) -> None:
        served = ask_database(runs_alike, hashes, MAY_SERVE)
        missing = (valid for valid in runs if valid.request_hash not in served)
        batch_id = batch_name(portfolio_id)
        new = {valid.request_hash: new_run(valid, batch_id=batch_id) for valid in missing}
        legs = [new[each].run_id if each in new else served[each]["run_id"] for each in hashes]

        def record_plan(connection: Connection) -> str:
            insert_portfolio(connection, portfolio_id, portfolio_request, legs, **columns)
            return portfolio_id

        start_runs(list(new.values()), record_plan, len(new) + 1)

    is_ranked = portfolio_request.sharing.mode == "ranked"
    return submit_plan(PlanKind.PORTFOLIO, whole, insert_ranked if is_ranked else insert)


@blueprint.get("/api/portfolios/<uuid:portfolio_id>")
@operation("200 Portfolio: its progress and results", PORTFOLIO.missing)
def portfolio(portfolio_id: str) -> Response:
    """Everything about a portfolio: its legs with their runs and contributions, metrics, equity, trades."""
    return conditional(describe_portfolio(PortfolioView(portfolio_id)))


@blueprint.get("/api/portfolios/<uuid:portfolio_id>/curves")
@operation("200 PortfolioCurves: a column of each", PORTFOLIO.missing, UNFINISHED, asks=(POINTS,))
def curves(portfolio_id: str) -> Response:
    """Equity, equal-weight buy-and-hold, drawdown, invested share and positions: ?max=4000."""
    series = PortfolioView(portfolio_id).completed()
    account, benchmark = series.account, series.account.request["benchmark"]
    window = Window(0, len(account.times), arguments()["max"])
    lasts = window.lasts
    gross, held_equally, positions = (
        np.array(series.result[name])[lasts] for name in ("gross", "held_equally", "positions")
    )
    equity = account.equity[lasts]
    invested = np.divide(gross * 100, equity, out=np.full(len(lasts), np.nan), where=equity > 0)
    benchmark_curve = None
    if benchmark:
        every = benchmark_equity(account, platform().prices.bars, account.capital)
        benchmark_curve = {
            "name": benchmark,
            "equity": json_numbers(every[lasts], account.money_decimals),
        }
    body = {
        "money_decimals": account.money_decimals,
        "time": account.times[lasts].tolist(),
        "equity": equity.tolist(),
        "held_equally": held_equally.tolist(),
        "benchmark": benchmark_curve,
        "drawdown_pct": np.maximum.reduceat(account.drawdown_pct, window.starts).tolist(),
        "invested_pct": json_numbers(invested, 2),
        "positions": positions.tolist(),
    }
    return cache_for_hour(jsonify(body))


@blueprint.get("/api/portfolios/<uuid:portfolio_id>/ranks")
@operation(
    "200 PortfolioRanks: why assets were bought and sold",
    PORTFOLIO.missing,
    UNFINISHED,
    asks=(AT,),
)
def ranks(portfolio_id: str) -> Response:
    """Rebalancings of a ranked portfolio, and the ranks at the last one up to a date: ?at=2012-06-29."""
    series = PortfolioView(portfolio_id).completed()
    at = arguments()["at"]
    body = {"rebalancings": series.rebalancings(), "last": series.ranks_at(at and str(at))}
    return cache_for_hour(jsonify(body))


def _cancel(row: RowMapping) -> int:
    """End a portfolio and the runs that were made for its legs, or its Job; linked runs continue."""
    states = PortfolioStatus.LEGS, PortfolioStatus.CANCELLED
    if change_database(move_portfolio, row["plan_id"], *states):
        return 1 + cancel_runs(row)
    return len(cancel_among(RUN.run_id == row["plan_id"]))


def _retry(row: RowMapping) -> int:
    """Retry the Job that has failed, or the failed legs; replace the legs that it cannot retry itself."""
    portfolio_id, view = row["plan_id"], PortfolioView(row["plan_id"])
    if view.plan.status is PortfolioStatus.TRADING:
        return len(retry_among(RUN.run_id == portfolio_id))
    if view.plan.status is PortfolioStatus.LEGS:
        raise Conflict(f"portfolio {portfolio_id} has not ended, so there is nothing to retry")
    retried = retry_runs(row)
    runs = map(view.runs.get, view.plan.legs)
    # deleted, or failed and made for something else
    lost = (
        run is None or (run["status"] == RunStatus.FAILED and run["plan_id"] != portfolio_id)
        for run in runs
    )
    renew_legs(view.plan, [number for number, is_lost in enumerate(lost) if is_lost])
    return retried + 1


def renew_legs(plan: Portfolio, numbers: Sequence[int]) -> None:
    """Restart an ended portfolio at its legs, with new runs for the legs of these numbers.

    Conflict when somebody else restarted it meanwhile.
    """
    legs, new = list(plan.legs), list[NewRun]()
    for number in numbers:
        valid = validate_request(plan.request.run_of(number), platform().prices)
        new.append(new_run(valid, batch_id=plan.batch_id))
        legs[number] = new[-1].run_id

    def change(connection: Connection) -> str:
        states = (plan.status, PortfolioStatus.LEGS)
        if not move_portfolio(connection, plan.portfolio_id, *states, step=json.dumps(legs)):
            raise Conflict(f"portfolio {plan.portfolio_id} was retried a moment ago")
        return plan.portfolio_id

    start_runs(new, change, combinations=0)  # they were counted once


def _title(row: Row) -> str:
    return portfolio_title(row["title"], json.loads(row["summary"]))


PORTFOLIO.add_list(
    lambda rows: [(row, listed_portfolio(row)) for row in rows],
    query=list_portfolios,
)
PORTFOLIO.add_title(
    "Set the title of a portfolio; an empty one restores its label, or its rules and tickers.",
    _title,
)
PORTFOLIO.add_note()
PORTFOLIO.add_delete()
PORTFOLIO.add_cancel(
    "Cancel a portfolio and the runs that were made for its legs; runs that it was linked to continue.",
    "200 ended as failed (cancelled)",
    ENDED,
    cancel=_cancel,
)
PORTFOLIO.add_retry(
    "Retry the failed legs of a portfolio, or its failed Job; 409 when nothing has failed.",
    "202 waits again",
    "409 nothing of it has failed",
    retry=_retry,
)
