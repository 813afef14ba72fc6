"""Export all runs of a batch as a table, in portions: a slow client occupies neither memory nor a connection."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Engine, select

from adapters.database import reading
from adapters.metrics.table import METRIC_NAMES
from adapters.plans.batch import RUN_COLUMNS, batch_run
from adapters.plans.flat_params import flat_params
from adapters.tables import RUN
from contracts.values import Json, Values

PORTION = 1000  # runs per query
_FIXED = (
    "run_id",
    "ticker",
    "rule_type",
    "rule_id",
    "label",
    "title",
    "status",
    "error_type",
    "queue_wait_s",
    "run_s",
)


def export_rows(
    engine: Engine, plan_id: str, title_of: Callable[[Values], str]
) -> Iterator[list[Any]]:
    """Yield a header and one row per run, in the order of submission; cells without a value are None."""
    with reading(engine) as connection:
        params = _param_names(connection, plan_id)
    yield [*_FIXED, *(f"params.{name}" for name in params), *METRIC_NAMES]
    query = (
        select(RUN.id, *RUN_COLUMNS).filter_by(plan_id=plan_id).order_by(RUN.id).limit(PORTION)
    )
    last_id = 0
    while True:
        with reading(engine) as connection:
            rows = connection.execute(query.where(RUN.id > last_id)).mappings().all()
        if not rows:
            return
        listed = map(batch_run, rows)
        yield from (_row(run | {"title": title_of(run)}, params) for run in listed)
        last_id = rows[-1]["id"]


def _param_names(connection: Connection, plan_id: str) -> list[str]:
    query = select(RUN.params_json).filter_by(plan_id=plan_id).order_by(RUN.id)
    flat = (flat_params(json.loads(text)) for text in dict.fromkeys(connection.scalars(query)))
    return list(dict.fromkeys(chain.from_iterable(flat)))


def _row(run: Json, params: Sequence[str]) -> list[Any]:
    metrics, run_params = run["metrics"] or {}, flat_params(run["params"])
    values = [run[name] for name in _FIXED]
    values += [run_params.get(name) for name in params] + [
        metrics.get(name) for name in METRIC_NAMES
    ]
    return [json.dumps(value) if isinstance(value, list | dict) else value for value in values]
