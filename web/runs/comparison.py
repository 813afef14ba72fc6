"""Two to five completed runs side by side: equity, metrics, and what they were asked for differently."""

import json
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import RowMapping

from adapters.batches.leaderboard import is_ruined
from adapters.metrics.entry import Metric
from adapters.metrics.table import METRICS
from contracts.run_request import LABEL_FIELDS
from contracts.values import Json, frozen, without
from web.charts.curves import asked_rows
from web.titles import full_params

blueprint = Blueprint("comparison", __name__)

LEAST, MOST = 2, 5
# the receipt tells versions of prices apart
NOT_COMPARED = LABEL_FIELDS | {"params", "data_hash", "benchmark_hash"}
# What a run says of how it came about; shown where it is not the same in all runs.
RECEIPT = {"data_hash": "prices", "engine_version": "engine", "result_hash": "result"}


@frozen
class MetricRow:
    """One metric of all runs, and which of them has the best value; None when none is better."""

    metric: Metric
    values: list[float | int | None]
    best: float | int | None


@blueprint.get("/compare")
def page() -> str:
    """The runs named by ?run=<run_id>&run=<run_id>…"""
    rows = asked_rows(LEAST, MOST)
    requests = [json.loads(row["request_json"]) for row in rows]
    metrics = [json.loads(row["metrics_json"])["values"] for row in rows]
    return render_template(
        "runs/compare.html",
        runs=rows,
        requests=requests,
        metrics=_metric_rows(metrics),
        differences=_unequal([_flat(asked) for asked in requests]),
        receipts=_unequal(
            [{words: each[name] for name, words in RECEIPT.items()} for each in rows]
        ),
        prices_differ=_prices_differ(rows),
    )


def _metric_rows(runs: Sequence[Json]) -> list[MetricRow]:
    """Each metric that one of the runs has. The best is one that traded and was not ruined."""
    rivals = [each for each in runs if each.get("num_trades") and not is_ruined(each)]
    rows = [
        MetricRow(
            metric,
            [each.get(metric.name) for each in runs],
            _best(metric, [each.get(metric.name) for each in rivals]),
        )
        for metric in METRICS
    ]
    return [row for row in rows if any(value is not None for value in row.values)]


def _best(metric: Metric, values: Sequence[float | int | None]) -> float | int | None:
    known = {value for value in values if value is not None}
    if metric.better is None or len(known) < 2:
        return None
    return max(known) if metric.better == "high" else min(known)


def _flat(asked: Json) -> Json:
    """What is compared of a request: its fields, and its params with their defaults."""
    params = full_params(asked["rule_type"], asked["params"])
    return without(asked, NOT_COMPARED) | {
        f"params.{name}": value for name, value in params.items()
    }


def _unequal(runs: Sequence[Json]) -> list[tuple[str, list[Any]]]:
    """The names whose values are not the same in all runs, with those values."""
    names = dict.fromkeys(name for each in runs for name in each)
    rows = [(name, [each.get(name) for each in runs]) for name in names]
    return [
        (name, values) for name, values in rows if any(value != values[0] for value in values)
    ]


def _prices_differ(rows: Sequence[RowMapping]) -> list[str]:
    """Tickers whose runs saw different versions of the prices."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        hashes.setdefault((row["ticker"], row["timeframe"]), set()).add(row["data_hash"])
    return [ticker for (ticker, _), seen in hashes.items() if len(seen) > 1]
