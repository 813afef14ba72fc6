"""Data of a run's chart and tables: its bars and what the account did on them, its trades, a window at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from math import ceil
from typing import Any

import numpy as np
from flask import Blueprint, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import RowMapping

from adapters.metrics.curves import FILLED_BARS
from adapters.metrics.curves import trade_rows as dated_trades
from adapters.prices.bars import Column, Whole, candle_columns, joined
from adapters.prices.vault import list_vaults
from adapters.runs.queries import run_row
from adapters.runs.series import RunBars, RunSeries, run_bars, run_series, significant
from contracts.errors import Conflict, InvalidRequest
from contracts.run_result import TradeRow
from contracts.status import RunStatus
from contracts.values import Json, Values, frozen, picked
from web.api import (
    UNFINISHED,
    Argument,
    arguments,
    csv_file,
    operation,
    read_argument,
    read_arguments,
)
from web.app import ask_database, platform
from web.formats import one_of, whole_number

blueprint = Blueprint("bars_api", __name__)

# in one answer; with more, markers overlap
MOST_TRADES = 1000
CACHED_RUNS = (
    4  # decoded; a million bars are 48 MB in addition to their prices, 3,270 bars 160 KB
)
SHARPE_DECIMALS = 4
BENCHMARK_DECIMALS = 2  # more than other money has
DEFAULT_POINTS, MOST_POINTS = 4_000, 20_000
FROM = Argument("from", whole_number(0), "number of the first bar, from 0", 0)
TO = Argument(
    "to", whole_number(1), "number of the bar after the last; the number of bars by default"
)
POINTS = Argument(
    "max", whole_number(1, MOST_POINTS), f"points; {DEFAULT_POINTS} by default", DEFAULT_POINTS
)
WINDOW = (FROM, TO, POINTS)


@frozen
class Window:
    """Bars `first` to `stop`, exclusive, in at most `most` groups: a point begins at each bar of `starts`."""

    first: int
    stop: int
    most: int

    @property
    def group(self) -> int:
        """Number of bars per point."""
        return max(1, -(-(self.stop - self.first) // self.most))

    @property
    def starts(self) -> Whole:
        """The first bar of each group."""
        return np.arange(self.first, self.stop, self.group)

    @property
    def lasts(self) -> Whole:
        """The last bar of each group."""
        return np.minimum(self.starts + self.group, self.stop) - 1


def read_window(bars: int) -> Window:
    """Read the WINDOW of the query among so many bars; InvalidRequest when it is empty."""
    query = arguments(
        replace(FROM, parse=whole_number(0, bars - 1)),
        replace(TO, parse=whole_number(1, bars), default=bars),
    )
    first, stop = query["from"], query["to"]
    if stop <= first:
        raise InvalidRequest({"to": f"{stop} is not after from, which is {first}"})
    return Window(first, stop, query.get("max", MOST_POINTS))


@blueprint.get("/api/runs/<uuid:run_id>/bars")
@operation(
    "200 RunBars: the bars", "404 no such run, or its prices are gone", UNFINISHED, asks=WINDOW
)
def bars(run_id: str) -> Response:
    """Bars of a completed run as columns: ?from=0&to=3270&max=4000, bar numbers and the most points."""
    run_bars = bars_of(run_id)
    window = read_window(len(run_bars.bars))
    trades = _open_on(run_bars.run, window)
    body = {
        "total": len(run_bars.bars),
        "first": window.first,
        "bars_per_point": window.group,
        "price_decimals": run_bars.bars.decimals,
        "money_decimals": run_bars.run.money_decimals,
        **columns(run_bars, window),
        "benchmark": run_bars.run.request.get("benchmark"),
        "trade_count": len(trades),
        "trades": _trade_rows(run_bars.run, trades) if len(trades) <= MOST_TRADES else [],
    }
    return cache_for_hour(jsonify(body))


def cache_for_hour(response: Response) -> Response:
    """Let the browser cache a response for an hour; the data of a completed run never changes."""
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


def bars_of(run_id: str) -> RunBars:
    """Decode a completed run; UnknownRun, Conflict while it has no result, UnknownTicker without its prices."""
    reserved = tuple((each["ticker"], each["from_date"]) for each in ask_database(list_vaults))
    return _bars_of(run_id, reserved)


@lru_cache(maxsize=CACHED_RUNS)
def _bars_of(run_id: str, _reserved: tuple[tuple[str, str], ...]) -> RunBars:
    return run_bars(completed_row(run_id), platform().prices.bars)


def completed_row(run_id: str) -> RowMapping:
    """Return the row of a completed run; UnknownRun, or Conflict while it has no result."""
    row = ask_database(run_row, run_id)
    if row["status"] != RunStatus.SUCCEEDED:
        raise Conflict(f"run {run_id} is {RunStatus(row['status']).public}, so it has no result")
    return row


def columns(run_bars: RunBars, window: Window) -> Json:
    """Return one value per point: candles joined, the deepest drawdown, of everything else the last value."""
    bars_of_window = slice(window.first, window.stop)
    starts = window.starts - window.first
    money = run_bars.run.money_decimals
    # equity and position are rounded or whole as they are
    decimals = {
        "holding": money,
        "rolling_sharpe": SHARPE_DECIMALS,
        "benchmark_equity": money + BENCHMARK_DECIMALS,
    }
    last = {
        name: json_numbers(column[window.lasts], decimals.get(name))
        for name, column in run_bars.columns.items()
    }
    if "trailing_stop" in last:
        last["trailing_stop"] = [level and significant(level) for level in last["trailing_stop"]]
    return {
        **candle_columns(joined(run_bars.bars[bars_of_window], starts)),
        "benchmark_equity": None,
        **last,
        "drawdown_pct": np.maximum.reduceat(
            run_bars.run.drawdown_pct[bars_of_window], starts
        ).tolist(),
    }


def json_numbers(values: Column, decimals: int | None = None) -> list[float | None]:
    """Round values to so many decimals, or none, for JSON: no negative zero, None for NaN."""
    rounded = (values if decimals is None else np.round(values, decimals)) + 0.0
    return [value if value == value else None for value in rounded.tolist()]


def _open_on(run: RunSeries, window: Window) -> list[Values]:
    """Return the trades that were open on a bar of the window."""
    return [
        trade
        for trade in run.trades
        if trade["entry_bar"] < window.stop and trade["exit_bar"] >= window.first
    ]


def _trade_rows(run: RunSeries, trades: Sequence[Values]) -> list[Json]:
    """Return trades with the numbers of the bars that they filled on."""
    rows = dated_trades(trades, run.times, run.timeframe, run.money_decimals)
    return [
        {**row, **picked(trade, FILLED_BARS)} for row, trade in zip(rows, trades, strict=True)
    ]


tables = Blueprint("tables", __name__)

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


def filter_trades(trades: Sequence[TradeRow], run: RunSeries) -> list[TradeRow]:
    """Filter and sort trades of a run by the query: side, outcome, reason, sort, order."""
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
        if all(
            query[name] in (None, fact)
            for name, fact in _facts(trade, _profit(trade, run)).items()
        )
    ]
    # an older run, whose trades have no excursions, keeps its order
    return sorted(
        chosen, key=lambda trade: trade.get(query["sort"], 0.0), reverse=query["order"] == "desc"
    )


def _profit(trade: TradeRow, run: RunSeries) -> float:
    """Return the unrounded profit of a trade: one of half a cent is won, though it is displayed as 0.00."""
    return float(run.trades[trade["trade_no"]]["pnl_abs"])


def _facts(trade: TradeRow, profit: float) -> dict[str, str]:
    outcome = "open" if trade["is_open"] else "won" if profit > 0 else "lost"
    return {"side": trade["side"], "outcome": outcome, "reason": trade["exit_reason"]}


def trade_page(trades: Sequence[TradeRow], run: RunSeries) -> Json:
    """Return the requested page of trades, counted from 1, with the number of matches and their total profit."""
    chosen = filter_trades(trades, run)
    pnl_abs = sum(_profit(trade, run) for trade in chosen)
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
    rows = dated_trades(run.trades, run.times, run.timeframe, run.money_decimals)
    return filter_trades(rows, run)


@tables.get("/result/<uuid:run_id>/trades.csv")
def trades_file(run_id: str) -> Response:
    """The trades as CSV, filtered and sorted as on the page."""
    return csv_file(trade_rows(_trades(run_id)), f"trades-{run_id}.csv")


@tables.get("/result/<uuid:run_id>/trades.json")
def trades_json(run_id: str) -> ResponseReturnValue:
    """The trades as JSON, filtered and sorted as on the page."""
    return {"run_id": run_id, "trades": _trades(run_id)}


@tables.get("/result/<uuid:run_id>/bars.csv")
def bars_file(run_id: str) -> Response:
    """Prices, equity and drawdown bar by bar as CSV: the numbers behind the charts."""
    table = _bar_table(bars_of(run_id))
    return csv_file([[*table], *zip(*table.values(), strict=True)], f"bars-{run_id}.csv")


@tables.get("/result/<uuid:run_id>/bars")
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
        f"{run.request.get('benchmark')} buy and hold": "benchmark_equity",
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
