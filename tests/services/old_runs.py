"""Runs that ended long ago, with all rows of a completed run, made without the engine."""

from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.engine import Engine

from adapters.database import database_now
from adapters.runs.states import save_charts
from adapters.tables import run_lines, runs
from tests.services.finished_runs import succeed
from tests.services.runs import Submitter, plan_of

SERIES = {"equity_curve_json": "e" * 100, "trades_json": "t" * 100, "signals_json": "s" * 100}


def ended(submitter: Submitter, days: float, columns: dict[str, Any] | None = None) -> str:
    """The run_id of a run that succeeded so many days ago, with series, lines and charts, and these columns."""
    (run_id,) = submitter.record()
    engine: Engine = submitter.engine
    succeed(engine, run_id, {})
    with engine.begin() as connection:
        save_charts(connection, run_id, {"equity_curve": b"png" * 10, "candlestick": b"png" * 10})
        connection.execute(insert(run_lines).values(run_id=run_id, part=0, packed=b"lines"))
        changes = dict(columns or {})
        changes["plan_id"] = plan_of(connection, changes.pop("batch_id", None))
        values = {"completed_at": database_now(-days * 86_400)} | SERIES | changes
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(values))
    return run_id
