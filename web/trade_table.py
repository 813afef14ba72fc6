"""A run's trades as a table: filtered, sorted by any column, a page at a time, or whole as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from contracts.errors import InvalidRequest
from contracts.run_result import TradeRow

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
OUTCOMES = ("won", "lost", "open")
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class TradePage:
    """One page of trades, and what the filter left of them."""

    trades: Sequence[TradeRow]
    matching: int
    page: int
    pages: int
    pnl_abs: float  # of all matching trades


def chosen_trades(trades: Sequence[TradeRow], arguments: Mapping[str, str]) -> list[TradeRow]:
    """The trades that the arguments ask for, in their order: side, outcome, reason, sort, order."""
    side, outcome = _word(arguments, "side", ("BUY", "SELL")), _word(arguments, "outcome", OUTCOMES)
    reason = _word(arguments, "reason", tuple({trade["exit_reason"] for trade in trades}))
    sort = _word(arguments, "sort", tuple(COLUMNS)) or "trade_no"
    descending = _word(arguments, "order", ("asc", "desc")) == "desc"
    chosen = [
        trade
        for trade in trades
        if side in (None, trade["side"])
        and outcome in (None, outcome_of(trade))
        and (reason is None or trade["exit_reason"] == reason)
    ]
    return sorted(chosen, key=lambda trade: _sort_value(trade, sort), reverse=descending)


def outcome_of(trade: TradeRow) -> str:
    """won, lost, or open while it has not ended."""
    return "open" if trade["is_open"] else "won" if trade["pnl_abs"] > 0 else "lost"


def _word(arguments: Mapping[str, str], name: str, accepted: Sequence[str]) -> str | None:
    given = arguments.get(name) or None
    if given is not None and given not in accepted:
        raise InvalidRequest({name: f"{given[:40]!r} is not one of {', '.join(sorted(accepted)) or 'none'}"})
    return given


def trade_page(trades: Sequence[TradeRow], arguments: Mapping[str, str]) -> TradePage:
    """The page of the chosen trades that `page` names, from 1; InvalidRequest when there is none."""
    chosen = chosen_trades(trades, arguments)
    pages = max(ceil(len(chosen) / PAGE_SIZE), 1)
    text = arguments.get("page") or "1"
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= pages:
        raise InvalidRequest({"page": f"{text[:40]!r} is not a page from 1 to {pages}"})
    page = int(text)
    shown = chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return TradePage(shown, len(chosen), page, pages, sum(trade["pnl_abs"] for trade in chosen))


def trades_csv(trades: Sequence[TradeRow]) -> str:
    """All columns of the trades, the contract's names in the first line."""
    names = [*COLUMNS, "is_open"]
    return rows_csv(names, [[trade.get(name) for name in names] for trade in trades])


def _sort_value(trade: TradeRow, name: str) -> Any:
    """One column of a trade; an older run, whose trades have no excursions, keeps its order."""
    return trade.get(name, 0.0)


def rows_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
