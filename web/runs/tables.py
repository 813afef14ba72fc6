"""What belongs to a run's page beside its tabs: its trades and its bars, as tables and files."""

from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from adapters.metrics.curves import trade_rows as dated_trades
from adapters.runs.run_bars import RunBars
from adapters.runs.series import run_series
from contracts.run_result import TradeRow
from web.answers import csv_file
from web.arguments import read_argument
from web.charts.bars import bars_of, completed_row, known
from web.parsers import whole_number
from web.runs.trade_table import chosen_trades, trade_rows

blueprint = Blueprint("tables", __name__)

ROWS_PER_PAGE = 100
PRICES = frozenset({"open", "high", "low", "close"})  # columns


def _trades(run_id: str) -> list[TradeRow]:
    """Those that the address asks for; Conflict before there is a result, and after its series were deleted."""
    run = run_series(completed_row(run_id))
    return chosen_trades(dated_trades(run.trades, run.times, run.timeframe), request.args)


@blueprint.get("/result/<uuid:run_id>/trades.csv")
def trades_file(run_id: str) -> Response:
    """The trades as CSV, filtered and sorted as on the page."""
    return csv_file(trade_rows(_trades(run_id)), f"trades-{run_id}.csv")


@blueprint.get("/result/<uuid:run_id>/trades.json")
def trades_json(run_id: str) -> ResponseReturnValue:
    """The trades as JSON, filtered and sorted as on the page."""
    return {"run_id": run_id, "trades": _trades(run_id)}


@blueprint.get("/result/<uuid:run_id>/bars.csv")
def bars_file(run_id: str) -> Response:
    """Prices, equity and drawdown bar by bar as CSV: the numbers behind the charts."""
    table = _bar_table(bars_of(run_id))
    return csv_file([[*table], *zip(*table.values(), strict=True)], f"bars-{run_id}.csv")


@blueprint.get("/result/<uuid:run_id>/bars")
def bar_page(run_id: str) -> ResponseReturnValue:
    """The same, a page at a time; the last bars first, which are the latest."""
    found = bars_of(run_id)
    table = _bar_table(found)
    pages = -(-len(found.bars) // ROWS_PER_PAGE)
    page = read_argument("page", whole_number(1, pages), 1)
    latest_first = list(zip(*table.values(), strict=True))[::-1]
    return render_template(
        "runs/table.html",
        run_id=run_id,
        columns=[*table],
        decimals=[
            found.bars.decimals if column in PRICES else 2 * (column != "volume")
            for column in table
        ],
        rows=latest_first[(page - 1) * ROWS_PER_PAGE : page * ROWS_PER_PAGE],
        count=len(found.bars),
        page=page,
        pages=pages,
    )


def _bar_table(found: RunBars) -> dict[str, list[Any]]:
    """Columns by their title; prices as they are stored, money to the cent."""
    run = found.run
    prices = {name.lower(): column.tolist() for name, column in found.bars.columns.items()}
    held = {"buy and hold": "holding", f"{run.request.get('benchmark')} held": "benchmark_equity"}
    return {
        "date": run.dates,
        **prices,
        "equity": run.equity.tolist(),
        "cash": known(run.cash, 2),
        "position": known(run.equity - run.cash, 2),
        "drawdown %": known(run.drawdown_pct),
        **{
            title: known(found.columns[name], 2)
            for title, name in held.items()
            if name in found.columns
        },
    }
