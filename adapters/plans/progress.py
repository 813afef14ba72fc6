"""Record progress and results of a Job outside its run's row; loaded by every Job, so without numpy."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from adapters.declarations import update_by
from adapters.plan_tables import plans
from adapters.tables import screens


def save_progress(connection: Connection, run_id: str, done: int) -> None:
    """Record how many combinations a Job has tried; its lease was extended in the same transaction."""
    connection.execute(update_by(screens.c.run_id).filter_by(run_id=run_id).values(done=done))


def save_screen_result(
    connection: Connection, run_id: str, metrics: bytes, best: Mapping[str, Any] | None
) -> None:
    """Record the metrics of all combinations; the run was finished in the same transaction."""
    best_json = json.dumps(best, allow_nan=False)
    values = {"metrics": metrics, "best_json": best_json, "done": screens.c.combinations}
    connection.execute(update_by(screens.c.run_id).filter_by(run_id=run_id).values(values))


def save_portfolio_result(connection: Connection, portfolio_id: str, result: bytes) -> None:
    """Record the packed series of a portfolio; its Job was finished in the same transaction."""
    connection.execute(
        update_by(plans.c.plan_id).filter_by(plan_id=portfolio_id).values(result=result)
    )
