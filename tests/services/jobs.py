"""Jobs of every kind, worked on inside the test process."""

from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.portfolios.store import keep_together
from adapters.runs.states import Attempt, claim, finish
from adapters.screens.progress import keep_found
from adapters.screens.store import asked_of
from adapters.tables import runs
from consumer.backtest import backtest
from consumer.permutation import permute
from consumer.portfolio import portfolio
from consumer.screen import screen, train
from contracts.status import Kind, RunStatus
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
        if held.kind is Kind.RUN:
            outcome = backtest(held.request, prices, "test")
        elif held.kind is Kind.PORTFOLIO:
            outcome = portfolio(connection, run_id, "test")
        else:
            tried, ranking, permuted = asked_of(connection, run_id)
            if permuted:
                outcome = permute(
                    held.request, prices, tried, ranking, permuted, "test", lambda done: None
                )
            elif held.kind is Kind.SCREEN:
                outcome = screen(held.request, prices, tried, "test", lambda done: None)
            else:
                outcome = train(held.request, prices, tried, ranking, "test", lambda done: None)
        finish(connection, held, outcome.columns, outcome.lines)
        if outcome.screened:
            keep_found(connection, run_id, *outcome.screened)
        if outcome.together:
            keep_together(connection, run_id, outcome.together)
