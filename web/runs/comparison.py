"""Comparison of two to five completed runs: equity, metrics, and differences of their settings.

Also the comparison of a reproduced run with its origin, bit for bit.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import Connection, RowMapping, select

from adapters.metrics.entry import Metric
from adapters.metrics.table import METRICS
from adapters.plans.ranking import is_ruined
from adapters.runs.stored_series import decode_signals, short
from adapters.tables import RUN, runs
from contracts.run_request import LABEL_FIELDS
from contracts.status import RunStatus
from contracts.values import Json, frozen, without
from web.charts.curves import read_runs
from web.titles import differing_values, full_params

blueprint = Blueprint("comparison", __name__)

LEAST, MOST = 2, 5
# the receipt tells versions of prices apart
NOT_COMPARED = LABEL_FIELDS | {"params", "data_hash", "benchmark_hash"}
# versions that decided a result; shown where they differ between runs
RECEIPT = {"data_hash": "prices", "engine_version": "engine", "result_hash": "result"}
CAUSES = {
    "data_hash": "the prices",
    "engine_version": "the engine",
    "analysis_version": "the warm-up of rules and the derived metrics",
    "image_tag": "the image",
}
MAX_SHOWN = 20


@blueprint.get("/compare")
def page() -> str:
    """The runs named by ?run=<run_id>&run=<run_id>…"""
    rows = read_runs(LEAST, MOST)
    requests = [json.loads(row["request_json"]) for row in rows]
    metrics = [json.loads(row["metrics_json"])["values"] for row in rows]
    return render_template(
        "runs/compare.html",
        runs=rows,
        requests=requests,
        metrics=_metric_rows(metrics),
        differences=differing_values([_flat(run_request) for run_request in requests]),
        receipts=differing_values(
            [{words: each[name] for name, words in RECEIPT.items()} for each in rows]
        ),
        prices_differ=_prices_differ(rows),
    )


def _metric_rows(runs: Sequence[Json]) -> list[tuple[Metric, list[Any], float | None]]:
    """Return each metric that a run has, its values, and the best one among runs that traded and were not ruined."""
    rivals = [each for each in runs if each.get("num_trades") and not is_ruined(each)]
    rows = [
        (metric, [each.get(metric.name) for each in runs], _best(metric, rivals))
        for metric in METRICS
    ]
    return [row for row in rows if {*row[1]} != {None}]


def _best(metric: Metric, rivals: Sequence[Json]) -> float | None:
    candidates: Iterable[float | None] = (each.get(metric.name) for each in rivals)
    values = {value for value in candidates if value is not None}
    if metric.better is None or len(values) < 2:
        return None
    return max(values) if metric.better == "high" else min(values)


def _flat(run_request: Json) -> Json:
    """Return the fields of a request that are compared, and its params with their defaults."""
    params = full_params(run_request["rule_type"], run_request["params"])
    return without(run_request, NOT_COMPARED) | {
        f"params.{name}": value for name, value in params.items()
    }


def _prices_differ(rows: Sequence[RowMapping]) -> list[str]:
    """Return the tickers whose runs read different versions of the prices."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        hashes.setdefault((row["ticker"], row["timeframe"]), set()).add(row["data_hash"])
    return [ticker for (ticker, _), seen in hashes.items() if len(seen) > 1]


@frozen
class Reproduction:
    """A repetition compared with its origin.

    other: the run that it is compared with. differing: names of results that differ. only_one: of results that only one
    has. causes: inputs that differ.
    """

    other: RowMapping
    verdict: str  # identical, different, waiting, failed
    differing: Sequence[str] = ()
    only_one: Sequence[str] = ()
    causes: Sequence[str] = ()


def compare_reproductions(connection: Connection, row: RowMapping) -> Json:
    """Compare a run with its origin, if that still exists, and with its latest repetitions."""
    mine = select(runs).filter_by(reproduces=row["run_id"])
    latest = mine.order_by(RUN.id.desc()).limit(MAX_SHOWN)
    origin = None
    if row["reproduces"]:
        repeated = select(runs).filter_by(run_id=row["reproduces"])
        origin = connection.execute(repeated).mappings().one_or_none()
    return {
        "origin": origin and _judge(origin, row, origin),
        "repetitions": [
            _judge(row, each, each) for each in connection.execute(latest).mappings()
        ],
    }


def _judge(origin: RowMapping, again: RowMapping, other: RowMapping) -> Reproduction:
    states = {origin["status"], again["status"]}
    if states != {RunStatus.SUCCEEDED}:
        return Reproduction(other, "failed" if RunStatus.FAILED in states else "waiting")
    one, two = _stored_results(origin), _stored_results(again)
    differing = [name for name in one if name in two and one[name] != two[name]]
    only_one = sorted(one.keys() ^ two.keys())
    if not differing:
        return Reproduction(other, "identical", only_one=only_one)
    causes = [words for column, words in CAUSES.items() if origin[column] != again[column]]
    if _python_versions(origin) != _python_versions(again):
        causes.append("the versions of Python and its modules")
    return Reproduction(other, "different", differing, only_one, causes)


def _python_versions(row: RowMapping) -> Json | None:
    """Return the versions under which a strategy in Python ran; None for other rules."""
    return row["python_json"] and json.loads(row["python_json"])["versions"]


def _stored_results(row: RowMapping) -> Json:
    """Return the stored results of a run by name; metrics and columns of trades separately, since later runs have more.

    Prices are compared as older runs have them: of trades to ten digits, of signals by their bar alone.
    """
    metrics: Json = json.loads(row["metrics_json"])["values"]
    if row["trades_json"] is None:  # pruned
        return metrics
    trades = json.loads(row["trades_json"])
    return {
        "equity": row["equity_curve_json"],
        "signals": [signal[:2] for signal in decode_signals(row["signals_json"])],
        "rejected orders": trades["rejected"],
        **{
            f"{name} of trades": [short(each[place]) for each in trades["rows"]]
            for place, name in enumerate(trades["columns"])
        },
        **metrics,
    }
