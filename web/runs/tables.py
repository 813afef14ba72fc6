"""A run's trades and its bars as tables and files: trades filtered, sorted by any column, a page at a time or whole."""

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
from web.charts.bars import bars_of, completed_row, known
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
# what a page calls the position that an entry opens
POSITION_WORDS = {"BUY": "long", "SELL": "short"}
PAGE_SIZE = 50  # of trades
ROWS_PER_PAGE = 100  # of bars


def chosen_trades(trades: Sequence[TradeRow]) -> list[TradeRow]:
    """The trades that the address asks for, in their order: side, outcome, reason, sort, order."""
    reasons = sorted({trade["exit_reason"] for trade in trades})
    asked = read_arguments(
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
        if all(asked[name] in (None, fact) for name, fact in _facts(trade).items())
    ]
    # an older run, whose trades have no excursions, keeps its order
    return sorted(
        chosen, key=lambda trade: trade.get(asked["sort"], 0.0), reverse=asked["order"] == "desc"
    )


def _facts(trade: TradeRow) -> dict[str, str]:
    outcome = "open" if trade["is_open"] else "won" if trade["pnl_abs"] > 0 else "lost"
    return {"side": trade["side"], "outcome": outcome, "reason": trade["exit_reason"]}


def trade_page(trades: Sequence[TradeRow]) -> Json:
    """The page of the trades that the address asks for, from 1; how many match, and what they gained together."""
    chosen = chosen_trades(trades)
    pnl_abs = sum(trade["pnl_abs"] for trade in chosen)
    return _asked_page(chosen, PAGE_SIZE) | {"matching": len(chosen), "pnl_abs": pnl_abs}


def _asked_page(rows: Sequence[Any], size: int) -> Json:
    """`rows` of the page that the address asks for, the number of that `page`, and of all `pages`; InvalidRequest."""
    pages = max(ceil(len(rows) / size), 1)
    page = read_argument("page", whole_number(1, pages), 1)
    return {"rows": rows[(page - 1) * size : page * size], "page": page, "pages": pages}


def trade_rows(
    trades: Sequence[TradeRow], names: Sequence[str] = (*COLUMNS, "is_open")
) -> Iterator[Sequence[object]]:
    """The trades as rows of a file, the contract's names in the first; counted and called as on the page."""
    yield names
    for trade in trades:
        said = {"trade_no": trade["trade_no"] + 1, "side": POSITION_WORDS[trade["side"]]}
        yield [({**trade, **said}).get(name) for name in names]


def _trades(run_id: str) -> list[TradeRow]:
    """Those that the address asks for; Conflict before there is a result, and after its series were deleted."""
    run = run_series(completed_row(run_id))
    return chosen_trades(dated_trades(run.trades, run.times, run.timeframe, run.money_decimals))


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
    latest_first = list(zip(*table.values(), strict=True))[::-1]
    return render_template(
        "runs/table.html",
        run_id=run_id,
        columns=[*table],
        price_decimals=found.bars.decimals,
        money_decimals=found.run.money_decimals,
        count=len(found.bars),
        **_asked_page(latest_first, ROWS_PER_PAGE),
    )


def _bar_table(found: RunBars) -> dict[str, list[Any]]:
    """Columns by their title; prices as they are stored, money to the decimals of the account."""
    run = found.run
    decimals = run.money_decimals
    prices = {name.lower(): column.tolist() for name, column in found.bars.columns.items()}
    held = {"buy and hold": "holding", f"{run.request.get('benchmark')} held": "benchmark_equity"}
    return {
        "date": run.dates,
        **prices,
        "equity": run.equity.tolist(),
        "cash": known(run.cash, decimals),
        "position": known(run.equity - run.cash, decimals),
        "drawdown %": known(run.drawdown_pct),
        **{
            title: known(found.columns[name], decimals)
            for title, name in held.items()
            if name in found.columns
        },
    }
