"""Jobs of every kind, worked on inside the test process."""

from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.plans.store import save_plan_result, save_screen_result
from adapters.queue.messages import Attempt
from adapters.runs.states import claim, finish
from adapters.settings import Settings
from adapters.studies.ledger import record_trials
from adapters.tables import runs
from consumer.job.task import compute, evaluator_of
from contracts.status import RunStatus
from tests.services.prices import run_prices


def run_all(engine: Engine) -> int:
    """Work on every waiting Job; return their number."""
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
    """Claim the first attempt of a Job, do its work and record its result."""
    with engine.begin() as connection:
        claimed = claim(connection, Attempt(run_id, 1), "token", 60.0, "test")
        prices = run_prices(connection, claimed.request, claimed.study_id)
        with evaluator_of(claimed, Settings()) as evaluator:
            result = compute(claimed, prices, engine, lambda done: None, evaluator)
        finish(connection, claimed, result.columns, result.lines, result.failed_metrics)
        if result.screened:
            save_screen_result(connection, run_id, *result.screened)
        if result.of_plan:
            save_plan_result(connection, run_id, *result.of_plan)
        if result.trials:
            record_trials(connection, result.trials, claimed.submitted_by, claimed.study_id)
