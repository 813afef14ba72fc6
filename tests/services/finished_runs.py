"""Runs that have ended, recorded through the platform's own transitions but without the engine."""

import json
from collections.abc import Mapping
from uuid import uuid4

from sqlalchemy.engine import Engine

from adapters.metrics.table import HEADLINE_NAMES
from adapters.queue.messages import Attempt
from adapters.runs.states import claim, fail, finish
from contracts.status import ErrorType


def succeed(engine: Engine, run_id: str, metrics: Mapping[str, float | None]) -> None:
    """Let a waiting first attempt succeed with these metrics."""
    result = {name: metrics.get(name) for name in HEADLINE_NAMES}
    stored = json.dumps({"values": dict(metrics), "notes": {}})
    with engine.begin() as connection:
        claimed = claim(connection, Attempt(run_id, 1), str(uuid4()), 60, "test")
        finish(connection, claimed, {**result, "metrics_json": stored})


def break_down(engine: Engine, run_id: str, message: str = "no prices") -> None:
    """Let a waiting first attempt fail."""
    with engine.begin() as connection:
        claimed = claim(connection, Attempt(run_id, 1), str(uuid4()), 60, "test")
        fail(connection, claimed, ErrorType.NO_PRICES, message)
