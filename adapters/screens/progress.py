"""What a Job writes of its screen, beside the row of its run; loaded by every Job, so without numpy."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from adapters.declarations import update_by
from adapters.tables import screens


def tell_done(connection: Connection, run_id: str, done: int) -> None:
    """How many combinations a Job has behind it; its lease was extended in the same transaction."""
    connection.execute(update_by(screens.c.run_id).filter_by(run_id=run_id).values(done=done))


def keep_found(
    connection: Connection, run_id: str, metrics: bytes, best: Mapping[str, Any] | None
) -> None:
    """Record what all combinations came to; its run was finished in the same transaction."""
    found = update_by(screens.c.run_id).filter_by(run_id=run_id)
    best_json = json.dumps(best, allow_nan=False)
    connection.execute(
        found.values(metrics=metrics, best_json=best_json, done=screens.c.combinations)
    )
