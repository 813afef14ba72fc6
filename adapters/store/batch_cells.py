"""Which run of a batch stands behind each pair of two parameters' values."""

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from adapters.results.leaderboard import Goal, flat_params
from adapters.store.batches import ranked
from adapters.store.tables import runs

Cell = tuple[Any, Any]


def best_cells(
    connection: Connection, batch_id: str, metric: str, goal: Goal, axes: tuple[str, str], ticker: str | None = None
) -> dict[Cell, str]:
    """The run_id of the best completed run by (x, y), of `ticker` alone or of all tickers.

    Runs without a value of the metric stand behind no cell.
    """
    columns = select(runs.c.run_id, runs.c.params_json, runs.c.metrics_json)
    best: dict[Cell, tuple[float, str]] = {}
    for row in connection.execute(columns.where(*ranked(batch_id, ticker))):
        params, value = flat_params(json.loads(row.params_json)), json.loads(row.metrics_json)["values"].get(metric)
        if value is None or not set(axes) <= set(params):
            continue
        cell, rank = (params[axes[0]], params[axes[1]]), value if goal == "max" else -value
        if cell not in best or rank > best[cell][0]:
            best[cell] = (rank, row.run_id)
    return {cell: run_id for cell, (_, run_id) in best.items()}
