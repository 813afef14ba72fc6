"""Comparison of two to five completed runs: equity, metrics, and differences of their settings.

Also the curves of several runs, and the comparison of a reproduced run with its origin, bit for bit.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from flask import Blueprint, Response, jsonify, render_template, request
from sqlalchemy import Connection, RowMapping, select

from adapters.metrics.measured import Metric
from adapters.metrics.table import METRICS
from adapters.plans.ranking import is_ruined
from adapters.runs.queries import all_rows
from adapters.runs.series import RunSeries, benchmark_equity, decode_signals, run_series, short
from adapters.tables import RUN, runs
from contracts.errors import InvalidRequest
from contracts.run_request import LABEL_FIELDS
from contracts.status import RunStatus
from contracts.values import Json, frozen, without
from web.api import NO_RUN, Argument, arguments, operation
from web.app import ask_database, platform
from web.charts.bars import POINTS, Window, cache_for_hour, json_numbers
from web.documents.run_answers import BenchmarkCurve, Curves, GrowthCurve
from web.formats import run_id
from web.titles import differing_values, full_params, run_title

curves_api = Blueprint("curves_api", __name__)

MOST_RUNS = 10
RUNS = Argument("run", run_id, "run_id, once for each", many=(1, MOST_RUNS))


@curves_api.get("/api/curves")
@operation("200 Curves: the curves", "400 not 1 to 10 completed", NO_RUN, asks=(RUNS, POINTS))
def curves() -> Response:
    """Equity in percent of the initial capital, and drawdown, of completed runs: ?run=<run_id>&run=…&max=4000."""
    most, rows = arguments()["max"], read_runs(1, MOST_RUNS)
    named = [(row, run_series(row)) for row in rows]
    # one benchmark curve per version of prices and span of time
    benchmarks: dict[tuple[str, int, int], RunSeries] = {}
    for _, run in named:
        if run.request.get("benchmark"):
            benchmarks.setdefault(
                (run.request["benchmark_hash"], *run.times[[0, -1]].tolist()), run
            )
    body: Curves = {
        "curves": [_curve(row, run, most) for row, run in named],
        "benchmarks": [_benchmark(run, most) for run in benchmarks.values()],
    }
    return cache_for_hour(jsonify(body))


def _curve(row: RowMapping, run: RunSeries, most: int) -> GrowthCurve:
    window = Window(0, len(run.times), most)
    return {
        "run_id": row["run_id"],
        "name": run_title(row),
        "bars_per_point": window.group,
        "time": run.times[window.lasts].tolist(),
        "growth_pct": json_numbers(run.equity[window.lasts] / run.capital * 100, 4),
        "drawdown_pct": np.maximum.reduceat(run.drawdown_pct, window.starts).tolist(),
    }


def _benchmark(run: RunSeries, most: int) -> BenchmarkCurve:
    lasts = Window(0, len(run.times), most).lasts
    growth_pct = benchmark_equity(run, platform().prices.bars, 100.0)[lasts]
    return {
        "name": run.request["benchmark"],
        "time": run.times[lasts].tolist(),
        "growth_pct": json_numbers(growth_pct, 4),
    }


def read_runs(least: int, most: int) -> list[RowMapping]:
    """Return the completed runs named by ?run=<run_id>&run=<run_id>…; InvalidRequest, or UnknownRun, for others."""
    run_ids = list(dict.fromkeys(request.args.getlist("run")))
    if not least <= len(run_ids) <= most:
        raise InvalidRequest(
            {"run": f"{len(run_ids)} runs are chosen; choose {least} to {most} runs to compare"}
        )
    for each in run_ids:
        try:
            run_id(each)
        except ValueError:
            raise InvalidRequest({"run": f"{each[:60]!r} is not the id of a run"}) from None
    rows = ask_database(all_rows, select(runs), run_ids)
    for each in run_ids:
        status = RunStatus(rows[each]["status"])
        if status is not RunStatus.SUCCEEDED:
            fault = f"{each} is {status.public}; only completed runs can be compared"
            raise InvalidRequest({"run": fault})
    return [rows[each] for each in run_ids]


blueprint = Blueprint("comparison", __name__)

LEAST, MOST = 2, 5
# the receipt tells versions of prices apart
NOT_COMPARED = LABEL_FIELDS | {"params", "data_hash", "benchmark_hash", "others"}
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
    """Return the tickers of which the runs read different versions of the prices."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        others = json.loads(row["request_json"]).get("others") or {}
        for ticker, data_hash in [(row["ticker"], row["data_hash"]), *others.items()]:
            hashes.setdefault((ticker, row["timeframe"]), set()).add(data_hash)
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
    python = _python_versions(origin, again)
    if not differing:
        return Reproduction(other, "identical", only_one=only_one, causes=python)
    causes = [words for column, words in CAUSES.items() if origin[column] != again[column]]
    return Reproduction(other, "different", differing, only_one, causes + python)


def _python_versions(origin: RowMapping, again: RowMapping) -> list[str]:
    """Name the modules that a strategy in Python had in other versions, in a list of one or of none."""
    if not (origin["python_json"] and again["python_json"]):
        return []
    one, two = (json.loads(each["python_json"])["versions"] for each in (origin, again))
    changes = [
        f"{name} {one.get(name, 'none')} and {two.get(name, 'none')}"
        for name in {**one, **two}
        if one.get(name) != two.get(name)
    ]
    return [f"the versions of {', '.join(changes)}"] if changes else []


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
