"""A run's trades as a table: filtered, sorted by any column, a page at a time, or whole as CSV."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any, cast

from flask import request

from contracts.run_result import TradeRow
from contracts.values import frozen
from web.arguments import read_argument, reading_arguments
from web.parsers import one_of, whole_number

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
OUTCOMES = ("won", "lost", "open")
PAGE_SIZE = 50


@frozen
class TradePage:
    """One page of trades, and what the filter left of them."""

    trades: Sequence[TradeRow]
    matching: int
    page: int
    pages: int
    pnl_abs: float  # of all matching trades


def chosen_trades(trades: Sequence[TradeRow], arguments: Mapping[str, str]) -> list[TradeRow]:
    """The trades that the arguments ask for, in their order: side, outcome, reason, sort, order."""
    accepted = {
        "side": POSITION_WORDS,
        "outcome": OUTCOMES,
        "reason": sorted({trade["exit_reason"] for trade in trades}),
    }
    with reading_arguments(arguments) as read:
        wanted = [read(name, one_of(*words), None) for name, words in accepted.items()]
        sort = read("sort", one_of(*COLUMNS), "trade_no")
        descending = read("order", one_of("asc", "desc"), "asc") == "desc"
    chosen = [
        trade
        for trade in trades
        if all(word in (None, fact) for word, fact in zip(wanted, _facts(trade), strict=True))
    ]
    # an older run, whose trades have no excursions, keeps its order
    return sorted(chosen, key=lambda trade: cast(Any, trade.get(sort, 0.0)), reverse=descending)


def _facts(trade: TradeRow) -> tuple[str, str, str]:
    """Its side, its outcome, and why it ended."""
    outcome = "open" if trade["is_open"] else "won" if trade["pnl_abs"] > 0 else "lost"
    return trade["side"], outcome, trade["exit_reason"]


def trade_page(trades: Sequence[TradeRow]) -> TradePage:
    """The page of the trades that the address asks for, from 1; InvalidRequest when there is none."""
    chosen = chosen_trades(trades, request.args)
    pages = max(ceil(len(chosen) / PAGE_SIZE), 1)
    page = read_argument("page", whole_number(1, pages), 1)
    shown = chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return TradePage(shown, len(chosen), page, pages, sum(trade["pnl_abs"] for trade in chosen))


def trade_rows(
    trades: Sequence[TradeRow], names: Sequence[str] = (*COLUMNS, "is_open")
) -> Iterator[Sequence[object]]:
    """The trades as rows of a file, the contract's names in the first; counted and called as on the page."""
    yield names
    for trade in trades:
        said = {"trade_no": trade["trade_no"] + 1, "side": POSITION_WORDS[trade["side"]]}
        yield [({**trade, **said}).get(name) for name in names]
