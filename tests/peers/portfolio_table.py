"""Final equity of portfolios compared with vectorbt and bt on the same legs: a table of docs/differences.md."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from vectorbt.portfolio.enums import SizeType

from engine.engine import BacktestEngine
from portfolio.legs import Leg
from tests.peers.portfolios import (
    BOOKS,
    NO_COSTS,
    Book,
    by_bt,
    by_signals,
    by_targets,
    of_money,
    of_months,
    of_percent,
)
from tests.portfolios.books import together

Peer = Callable[[BacktestEngine, list[Leg]], float]  # final equity
EQUAL = 1e-9
COSTS = {"fee_rate": 0.001, "slippage_bps": 5}
FEES = {"fee_rate": 0.001}


def portfolio_table() -> str:
    """A row for each way to ask the tool, over the same random books."""
    return "\n".join([HEAD, "|---|---|---|---|---|", *(_row(*row) for row in ROWS)])


def _row(
    tool: str, words: str, sharing: dict[str, str], draw: Callable[[int], Book], peer: Peer
) -> str:
    off = np.abs(np.fromiter(_off(sharing, draw, peer), float))
    others = off[off > EQUAL] * 100
    numbers = (f"{np.median(others):.4f} %", f"{others.max():.4f} %") if len(others) else ("", "")
    return f"| {tool} | {words} | {len(off) - len(others)} | {' | '.join(numbers)} |"


def _off(sharing: dict[str, str], draw: Callable[[int], Book], peer: Peer) -> Iterator[float]:
    """By how much of the capital the tool's final equity is larger."""
    for seed in BOOKS:
        terms, legs = draw(seed)
        yield (
            peer(terms, legs) - together(legs, terms, **sharing).equity_curve[-1]
        ) / terms.initial_capital


def signals(terms: BacktestEngine, legs: list[Leg], **changed: object) -> float:
    """By vectorbt's from_signals."""
    return by_signals(terms, legs, **changed).final_value()


def free_cash(terms: BacktestEngine, legs: list[Leg]) -> float:
    """By vectorbt's from_signals, with its percent sizes."""
    return signals(terms, legs, size=terms.position_size / 100, size_type=SizeType.Percent)


def targets(terms: BacktestEngine, legs: list[Leg]) -> float:
    """By vectorbt's from_orders."""
    return by_targets(terms, legs).final_value()


def months(terms: BacktestEngine, legs: list[Leg]) -> float:
    """By bt."""
    return by_bt(terms, legs)[-1]


HEAD = "| tool | how it is asked | of 300 end alike | median of the others | largest |"
LONGS = {"direction": "longonly"}
BOTH = {"direction": "longshort"}
MONTHLY = {"mode": "sleeves", "rebalance": "monthly"}
SMALL = {"initial_capital": 100_000.0, "position_size": 20_000}
ROWS: tuple[tuple[str, str, dict[str, str], Callable[[int], Book], Peer], ...] = (
    (
        "vectorbt",
        "money in each trade, `call_seq` with exits first",
        {},
        partial(of_money, **LONGS, **COSTS),
        signals,
    ),
    (
        "",
        'the same, `call_seq="auto"`',
        {},
        partial(of_money, **LONGS, **COSTS),
        partial(signals, call_seq="auto"),
    ),
    (
        "",
        "the same, its default `call_seq`",
        {},
        partial(of_money, **LONGS, **COSTS),
        partial(signals, call_seq="default"),
    ),
    (
        "",
        "money in each trade, longs and shorts",
        {},
        partial(of_money, **BOTH, **COSTS),
        signals,
    ),
    (
        "",
        "the same, 20 % of the capital in each trade",
        {},
        partial(of_money, **BOTH, **COSTS, **SMALL),
        signals,
    ),
    (
        "",
        "percent of equity by `from_orders`, no costs",
        {},
        partial(of_percent, **LONGS, **NO_COSTS),
        targets,
    ),
    (
        "",
        "the same, 0.1 % fees and 5 basis points",
        {},
        partial(of_percent, **LONGS, **COSTS),
        targets,
    ),
    (
        "",
        "percent by `from_signals`, no costs",
        {},
        partial(of_percent, **LONGS, **NO_COSTS),
        free_cash,
    ),
    (
        "bt",
        "sleeves rebalanced monthly, no costs",
        MONTHLY,
        partial(of_months, **NO_COSTS),
        months,
    ),
    ("", "the same, 0.1 % fees", MONTHLY, partial(of_months, **FEES), months),
    (
        "",
        "the same, whole shares, no costs",
        MONTHLY,
        partial(of_months, **NO_COSTS, fractional_shares=False),
        months,
    ),
)
