"""Equity curves of several runs: the data of the charts of a comparison and of a batch."""

import numpy as np
from flask import Blueprint, Response, jsonify, request
from sqlalchemy import RowMapping, select

from adapters.runs.queries import all_rows
from adapters.runs.run_bars import benchmark_equity
from adapters.runs.series import RunSeries, run_series
from adapters.tables import runs
from contracts.errors import InvalidRequest
from contracts.status import RunStatus
from contracts.values import Json
from web.api import NO_RUN, Argument, arguments, operation
from web.app import ask_database, platform
from web.charts.bars import POINTS, Window, cache_for_hour, json_numbers
from web.formats import run_id
from web.titles import run_title

blueprint = Blueprint("curves_api", __name__)

MOST_RUNS = 10
RUNS = Argument("run", run_id, "run_id, once for each", many=(1, MOST_RUNS))


@blueprint.get("/api/curves")
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
    body = {
        "curves": [_curve(row, run, most) for row, run in named],
        "benchmarks": [_benchmark(run, most) for run in benchmarks.values()],
    }
    return cache_for_hour(jsonify(body))


def _curve(row: RowMapping, run: RunSeries, most: int) -> Json:
    window = Window(0, len(run.times), most)
    return {
        "run_id": row["run_id"],
        "name": run_title(row),
        "bars_per_point": window.group,
        "time": run.times[window.lasts].tolist(),
        "growth_pct": json_numbers(run.equity[window.lasts] / run.capital * 100, 4),
        "drawdown_pct": np.maximum.reduceat(run.drawdown_pct, window.starts).tolist(),
    }


def _benchmark(run: RunSeries, most: int) -> Json:
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
