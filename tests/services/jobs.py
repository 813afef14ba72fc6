"""Jobs of every kind, worked on inside the test process."""

from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.plans.progress import save_portfolio_result, save_screen_result
from adapters.queue.messages import Attempt
from adapters.runs.states import claim, finish
from adapters.tables import runs
from consumer.job.task import compute
from contracts.status import RunStatus
from tests.services.prices import run_prices


def run_all(engine: Engine) -> int:
    """Do what every Job that waits is to do; how many there were."""
    with reading(engine) as connection:
        waiting = (
            connection.execute(select(runs.c.run_id).where(runs.c.status == RunStatus.PENDING))
            .scalars()
            .all()
        )
    for run_id in waiting:
        run_one(engine, run_id)
    return len(waiting)


def run_one(engine: Engine, run_id: str) -> None:
    """Claim the first attempt of a Job, do its work and record what it found."""
    with engine.begin() as connection:
        held = claim(connection, Attempt(run_id, 1), "token", 60.0, "test")
        prices = run_prices(connection, held.request)
        outcome = compute(held, prices, engine, lambda done: None)
        finish(connection, held, outcome.columns, outcome.lines, outcome.failed_metrics)
        if outcome.screened:
            save_screen_result(connection, run_id, *outcome.screened)
        if outcome.portfolio:
            save_portfolio_result(connection, run_id, outcome.portfolio)
