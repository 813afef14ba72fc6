"""A run's trades and bars as tables and files; trades can be filtered and sorted by any column."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from adapters.metrics.curves import trade_rows as dated_trades
from adapters.runs.run_bars import RunBars
from adapters.runs.series import run_series
from contracts.run_result import TradeRow
from contracts.values import Json
from web.api import Argument, csv_file, read_argument, read_arguments
from web.charts.bars import bars_of, completed_row, json_numbers
from web.formats import one_of, whole_number

blueprint = Blueprint("tables", __name__)

COLUMNS = {
    "trade_no": "#",
    "side": "Side",
    "size": "Size",
    "entry_timestamp": "Entry",
    "entry_price": "Price",
    "entry_fees": "Fee",
    "exit_timestamp": "Exit",
    "exit_price": "Price",
    "exit_fees": "Fee",
    "pnl_abs": "Profit",
    "pnl_pct": "Return",
    "mae_pct": "Worst",
    "mfe_pct": "Best",
    "holding_period": "Days",
    "exit_reason": "Closed by",
}
# the position that an entry opens
POSITION_WORDS = {"BUY": "long", "SELL": "short"}
PAGE_SIZE = 50  # of trades
ROWS_PER_PAGE = 100  # of bars


def filter_trades(trades: Sequence[TradeRow]) -> list[TradeRow]:
    """Filter and sort trades by the query: side, outcome, reason, sort, order."""
    reasons = sorted({trade["exit_reason"] for trade in trades})
    query = read_arguments(
        request.args,
        Argument("side", one_of(*POSITION_WORDS), "of the entry"),
        Argument("outcome", one_of("won", "lost", "open"), "of the trade"),
        Argument("reason", one_of(*reasons), "why it ended"),
        Argument("sort", one_of(*COLUMNS), "a column", "trade_no"),
        Argument("order", one_of("asc", "desc"), "asc by default", "asc"),
    )
    chosen: list[Any] = [
        trade
        for trade in trades
        if all(query[name] in (None, fact) for name, fact in _facts(trade).items())
    ]
    # an older run, whose trades have no excursions, keeps its order
    return sorted(
        chosen, key=lambda trade: trade.get(query["sort"], 0.0), reverse=query["order"] == "desc"
    )


def _facts(trade: TradeRow) -> dict[str, str]:
    outcome = "open" if trade["is_open"] else "won" if trade["pnl_abs"] > 0 else "lost"
    return {"side": trade["side"], "outcome": outcome, "reason": trade["exit_reason"]}


def trade_page(trades: Sequence[TradeRow]) -> Json:
    """Return the requested page of trades, counted from 1, with the number of matches and their total profit."""
    chosen = filter_trades(trades)
    pnl_abs = sum(trade["pnl_abs"] for trade in chosen)
    return _page_of(chosen, PAGE_SIZE) | {"matching": len(chosen), "pnl_abs": pnl_abs}


def _page_of(rows: Sequence[Any], size: int) -> Json:
    """Return the `rows` of the requested page, its number `page` and the number of `pages`; InvalidRequest."""
    pages = max(ceil(len(rows) / size), 1)
    page = read_argument("page", whole_number(1, pages), 1)
    return {"rows": rows[(page - 1) * size : page * size], "page": page, "pages": pages}


def trade_rows(
    trades: Sequence[TradeRow], names: Sequence[str] = (*COLUMNS, "is_open")
) -> Iterator[Sequence[object]]:
    """Yield the trades as rows of a file, the contract's names first; numbers and positions as on the page."""
    yield names
    for trade in trades:
        words = {"trade_no": trade["trade_no"] + 1, "side": POSITION_WORDS[trade["side"]]}
        yield [({**trade, **words}).get(name) for name in names]


def _trades(run_id: str) -> list[TradeRow]:
    """Return the requested trades; Conflict before there is a result, and after its series were deleted."""
    run = run_series(completed_row(run_id))
    return filter_trades(dated_trades(run.trades, run.times, run.timeframe, run.money_decimals))


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
    """The same as a page, the latest bars first."""
    bars = bars_of(run_id)
    table = _bar_table(bars)
    latest_first = list(zip(*table.values(), strict=True))[::-1]
    return render_template(
        "runs/table.html",
        run_id=run_id,
        columns=[*table],
        price_decimals=bars.bars.decimals,
        money_decimals=bars.run.money_decimals,
        count=len(bars.bars),
        **_page_of(latest_first, ROWS_PER_PAGE),
    )


def _bar_table(run_bars: RunBars) -> dict[str, list[Any]]:
    """Return columns by title; prices as they are stored, money to the decimals of the account."""
    run = run_bars.run
    decimals = run.money_decimals
    prices = {name.lower(): column.tolist() for name, column in run_bars.bars.columns.items()}
    benchmarks = {
        "buy and hold": "holding",
        f"{run.request.get('benchmark')} held": "benchmark_equity",
    }
    return {
        "date": run.dates,
        **prices,
        "equity": run.equity.tolist(),
        "cash": json_numbers(run.cash, decimals),
        "position": json_numbers(run.equity - run.cash, decimals),
        "drawdown %": json_numbers(run.drawdown_pct),
        **{
            title: json_numbers(run_bars.columns[name], decimals)
            for title, name in benchmarks.items()
            if name in run_bars.columns
        },
    }
