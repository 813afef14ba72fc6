"""A portfolio on its way in: it is recorded with the runs of its legs, of which those that exist already are linked."""

import json
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from adapters.database import committed, reading
from adapters.database_errors import is_duplicate_key
from adapters.logs import current_actor
from adapters.portfolio_tables import portfolios
from adapters.portfolios.store import MAY_SERVE, Portfolio, batch_of, insert_portfolio, move
from adapters.queue.messages import RunMessage
from adapters.runs.idempotency import row_with_key
from adapters.runs.new_runs import NewRun, insert_runs
from adapters.runs.queries import runs_alike
from contracts.errors import Conflict
from contracts.portfolio_request import PortfolioStatus
from web.ownership import join_batch
from web.platform import Platform
from web.portfolios.validation import ValidPortfolio
from web.runs.validation import ValidRequest, validate_request


def submit_portfolio(on: Platform, asked: ValidPortfolio, key: str | None) -> tuple[str, bool]:
    """The portfolio's id, and whether it is new; Conflict when the key was used for another one, QueueFull."""
    if known := _with_key(on, asked, key):
        return known, False
    portfolio_id = str(uuid4())
    with reading(on.engine) as connection:
        served = runs_alike(connection, [valid.request_hash for valid in asked.runs], MAY_SERVE)
    new = {
        v.request_hash: _run(v, portfolio_id) for v in asked.runs if v.request_hash not in served
    }
    on.submission.refuse_when_full(len(new) + 1)
    run_ids = {run.request_hash: str(run.request.run_id) for run in new.values()}
    run_ids |= {request_hash: row["run_id"] for request_hash, row in served.items()}
    legs = [run_ids[valid.request_hash] for valid in asked.runs]

    def record(connection: Connection) -> None:
        _insert(connection, portfolio_id, list(new.values()))
        insert_portfolio(
            connection,
            portfolio_id,
            asked.request,
            asked.request_hash,
            legs,
            key,
            current_actor(),
        )

    try:
        committed(on.engine, record)
    except IntegrityError as error:  # the same call has come twice at the same time
        if not is_duplicate_key(error) or not (known := _with_key(on, asked, key)):
            raise
        return known, False
    _enqueue(on, list(new.values()))
    return portfolio_id, True


def renew_legs(on: Platform, plan: Portfolio, numbers: Sequence[int]) -> None:
    """Let an ended portfolio wait for its legs again, these with runs of its own in place of those that they had.

    Conflict when somebody else has let it since.
    """
    valid = [validate_request(plan.request.run_of(number), on.prices) for number in numbers]
    new = [_run(each, plan.portfolio_id) for each in valid]
    legs = list(plan.legs)
    for number, run in zip(numbers, new, strict=True):
        legs[number] = str(run.request.run_id)

    def record(connection: Connection) -> None:
        if not move(
            connection,
            plan.portfolio_id,
            plan.status,
            PortfolioStatus.LEGS,
            legs_json=json.dumps(legs),
        ):
            raise Conflict(f"portfolio {plan.portfolio_id} was retried a moment ago")
        _insert(connection, plan.portfolio_id, new)

    committed(on.engine, record)
    _enqueue(on, new)


def _insert(connection: Connection, portfolio_id: str, new: Sequence[NewRun]) -> None:
    if new:
        join_batch(connection, batch_of(portfolio_id))
        insert_runs(connection, new)


def _enqueue(on: Platform, new: Sequence[NewRun]) -> None:
    on.submission.enqueue(
        [
            RunMessage(str(run.request.run_id), 1, run.request.to_json(), is_bulk=True)
            for run in new
        ]
    )


def _run(valid: ValidRequest, portfolio_id: str) -> NewRun:
    request = replace(valid.request, run_id=str(uuid4()), batch_id=batch_of(portfolio_id))
    return NewRun(request, valid.request_hash, submitted_by=current_actor())


def _with_key(on: Platform, asked: ValidPortfolio, key: str | None) -> str | None:
    if key is None:
        return None
    with reading(on.engine) as connection:
        known = row_with_key(connection, portfolios, key, current_actor())
    if known and known["request_hash"] != asked.request_hash:
        raise Conflict("this Idempotency-Key was used for a different portfolio")
    return known["run_id"] if known else None
