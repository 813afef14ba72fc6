"""What belongs to a run's page beside its tabs: its trades and the numbers behind its charts, as tables and files."""

from uuid import UUID

from flask import Blueprint, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from adapters.results.run_result import run_result
from adapters.results.stored_series import PRUNED
from contracts.errors import Conflict
from contracts.run_result import RunResult
from web.answers import csv_file
from web.arguments import read_argument, whole_number
from web.platform import platform
from web.runs.bars import completed_row, run_bars
from web.runs.chart_tables import CHARTS, ChartTable
from web.runs.trade_table import chosen_trades, trade_rows

blueprint = Blueprint("tables", __name__)

ROWS_PER_PAGE = 100
PRICES = frozenset({"price", "open", "high", "low", "close"})  # columns


def completed_result(run_id: UUID) -> RunResult:
    """A completed run's result without its pictures; Conflict while it has none."""
    result = run_result(completed_row(str(run_id)), {}, platform().prices.candles)
    if result.equity_curve is None:
        raise Conflict(PRUNED)
    return result


@blueprint.get("/result/<uuid:run_id>/trades.csv")
def trades_file(run_id: UUID) -> Response:
    """The trades as CSV, filtered and sorted as on the page."""
    chosen = chosen_trades(completed_result(run_id).trades or [], request.args)
    return csv_file(trade_rows(chosen), f"trades-{run_id}.csv")


@blueprint.get("/result/<uuid:run_id>/trades.json")
def trades_json(run_id: UUID) -> Response:
    """The trades as JSON, filtered and sorted as on the page."""
    return jsonify(
        {"run_id": str(run_id), "trades": chosen_trades(completed_result(run_id).trades or [], request.args)}
    )


@blueprint.get("/result/<uuid:run_id>/tables/<name>.csv")
def table_file(run_id: UUID, name: str) -> Response:
    """The numbers behind a chart as CSV."""
    table = _table(completed_result(run_id), name)
    return csv_file([table.columns, *table.rows], f"{name}-{run_id}.csv")


@blueprint.get("/result/<uuid:run_id>/tables/<name>")
def table(run_id: UUID, name: str) -> ResponseReturnValue:
    """The numbers behind a chart, a page at a time; the last rows first, which are the latest."""
    result = completed_result(run_id)
    numbers = _table(result, name)
    price_decimals = platform().prices.decimals(result.data_hash)
    pages = max(-(-len(numbers.rows) // ROWS_PER_PAGE), 1)
    page = read_argument("page", whole_number(1, pages), 1)
    latest_first = numbers.rows[::-1]
    return render_template(
        "runs/table.html",
        run_id=run_id,
        name=name,
        title=CHARTS[name].title,
        columns=numbers.columns,
        decimals=[price_decimals if column in PRICES else 2 for column in numbers.columns],
        rows=latest_first[(page - 1) * ROWS_PER_PAGE : page * ROWS_PER_PAGE],
        count=len(numbers.rows),
        page=page,
        pages=pages,
    )


def _table(result: RunResult, name: str) -> ChartTable:
    if name not in CHARTS:
        abort(404, f"no chart is called {name[:40]!r}; there are {', '.join(CHARTS)}")
    return _with_benchmark(result, name, CHARTS[name].table(result))


def _with_benchmark(result: RunResult, name: str, table: ChartTable) -> ChartTable:
    """The table with the benchmark's column, where the run has one and the chart shows equity."""
    if result.request.get("benchmark") is None or name not in ("equity_curve", "cumulative_return"):
        return table
    run, capital = run_bars(result.run_id), result.request["initial_capital"]
    held = run.benchmark_equity or []
    if name == "equity_curve":
        return table.beside(f"{run.benchmark} held", held)
    returns = [None if money is None else (money / capital - 1) * 100 for money in held]
    return table.beside(f"{run.benchmark} held %", returns)
