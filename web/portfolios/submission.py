"""A portfolio on its way in: it is recorded with the runs of its legs, of which those that exist already are linked."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import uuid4

from sqlalchemy import Connection, RowMapping

from adapters.logs import current_actor
from adapters.plan_tables import PORTFOLIO
from adapters.portfolios.store import MAY_SERVE, Portfolio, batch_of, insert_portfolio, move
from adapters.runs.new_runs import NewRun, insert_runs
from adapters.runs.queries import runs_alike
from contracts.errors import Conflict
from contracts.portfolio_request import PortfolioStatus
from web.ownership import join_batch
from web.platform import ask_database, change_database, platform
from web.portfolios.validation import ValidPortfolio
from web.recorded import recorded_once
from web.runs.validation import ValidRequest, validate_request


def submit_portfolio(asked: ValidPortfolio) -> tuple[str, bool]:
    """The portfolio's id, and whether it is new; Conflict when the key was used for another one, QueueFull."""
    hashes = [valid.request_hash for valid in asked.runs]

    def is_same(row: RowMapping) -> bool:
        return bool(row["request_hash"] == asked.request_hash)

    def record(portfolio_id: str, key: str | None, actor: str | None) -> None:
        served = ask_database(runs_alike, hashes, MAY_SERVE)
        missing = {v.request_hash: v for v in asked.runs if v.request_hash not in served}
        new = [_run(valid, portfolio_id) for valid in missing.values()]
        platform().submission.refuse_when_full(len(new) + 1)
        run_ids = {request_hash: row["run_id"] for request_hash, row in served.items()}
        run_ids |= {run.request_hash: run.run_id for run in new}
        legs = [run_ids[each] for each in hashes]
        _start(
            portfolio_id,
            new,
            lambda connection: insert_portfolio(
                connection, asked.request, asked.request_hash, legs, portfolio_id, key, actor
            ),
        )

    return recorded_once("portfolio", PORTFOLIO.run_id, is_same, record)


def renew_legs(plan: Portfolio, numbers: Sequence[int]) -> None:
    """Let an ended portfolio wait for its legs again, these with runs of its own in place of those that they had.

    Conflict when somebody else has let it since.
    """
    valid = [
        validate_request(plan.request.run_of(number), platform().prices) for number in numbers
    ]
    new = [_run(each, plan.portfolio_id) for each in valid]
    legs = list(plan.legs)
    for number, run in zip(numbers, new, strict=True):
        legs[number] = run.run_id
    states = (plan.status, PortfolioStatus.LEGS)

    def change(connection: Connection) -> None:
        if not move(connection, plan.portfolio_id, *states, legs_json=json.dumps(legs)):
            raise Conflict(f"portfolio {plan.portfolio_id} was retried a moment ago")

    _start(plan.portfolio_id, new, change)


def _start(
    portfolio_id: str, new: Sequence[NewRun], change: Callable[[Connection], None]
) -> None:
    """Record a change of a portfolio with new runs of its legs, and send their messages."""

    def record(connection: Connection) -> None:
        change(connection)
        if new:
            join_batch(connection, batch_of(portfolio_id))
            insert_runs(connection, new)

    change_database(record)
    platform().submission.enqueue([run.message for run in new])


def _run(valid: ValidRequest, portfolio_id: str) -> NewRun:
    request = replace(valid.request, run_id=str(uuid4()), batch_id=batch_of(portfolio_id))
    return NewRun(request, valid.request_hash, submitted_by=current_actor())
