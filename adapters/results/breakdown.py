"""A result taken apart: its worst drawdowns, its returns by size, its trades by kind. Standard library only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import floor

from contracts.run_result import TradeRow

WORST = 5  # drawdowns that are listed
LEAST_PCT = 0.005  # a shallower one would be shown as 0.00
BINS = 20  # of the histogram, between the lowest and the highest return that are not extreme
EXTREME_SHARE = 0.005  # of the returns on either side go into the outermost bins


@dataclass(frozen=True, slots=True)
class DrawdownSpan:
    """From a peak of the equity to the day on which it was reached again; `end` is None while it is not."""

    depth_pct: float
    start: str
    bottom: str
    end: str | None
    days: int  # from the peak to the end, or to the last day


def worst_drawdowns(dates: Sequence[str], equity: Sequence[float], capital: float) -> list[DrawdownSpan]:
    """The deepest drawdowns, deepest first; the initial capital is the first peak, on the first day."""
    spans, peak, start, low, bottom = list[DrawdownSpan](), capital, dates[0], capital, dates[0]
    for day, value in zip(dates, equity, strict=True):
        if value >= peak:
            if low < peak:
                spans.append(_span(peak, low, start, bottom, day, day))
            peak, start, low = value, day, value
        elif value < low:
            low, bottom = value, day
    if low < peak:
        spans.append(_span(peak, low, start, bottom, None, dates[-1]))
    deep = (span for span in spans if span.depth_pct >= LEAST_PCT)
    return sorted(deep, key=lambda span: -span.depth_pct)[:WORST]


def _span(peak: float, low: float, start: str, bottom: str, end: str | None, last: str) -> DrawdownSpan:
    days = (date.fromisoformat(last[:10]) - date.fromisoformat(start[:10])).days
    return DrawdownSpan((peak - low) / peak * 100, start, bottom, end, days)


@dataclass(frozen=True, slots=True)
class Bin:
    """How many bars returned from `low` to below `high` percent; the outermost bins hold all that lies beyond them."""

    low: float
    high: float
    bars: int


def returns_histogram(equity: Sequence[float], capital: float) -> list[Bin]:
    """Bars by their return, those without any left out; [] where nothing was ever held. Zero is a bin's edge."""
    returns = sorted((after / before - 1) * 100 for before, after in pairwise([capital, *equity]) if before != after)
    if not returns:
        return []
    cut = floor(len(returns) * EXTREME_SHARE)
    low, high = min(returns[cut], 0.0), max(returns[-1 - cut], 0.0)
    width = (high - low) / BINS
    first, last = floor(low / width), floor(high / width)
    counts = dict.fromkeys(range(first, last + 1), 0)
    for value in returns:
        counts[min(max(floor(value / width), first), last)] += 1
    return [Bin(place * width, (place + 1) * width, bars) for place, bars in counts.items()]


@dataclass(frozen=True, slots=True)
class TradeGroup:
    """Trades of one kind."""

    name: str
    trades: int
    won: int
    pnl_abs: float
    best_pct: float
    worst_pct: float


def side_of(trade: TradeRow) -> str:
    """BUY or SELL, the side of the entry."""
    return trade["side"]


def ending_of(trade: TradeRow) -> str:
    """Why it ended, or open."""
    return "open" if trade["is_open"] else trade["exit_reason"]


def trades_by(trades: Sequence[TradeRow], kind: Callable[[TradeRow], str]) -> list[TradeGroup]:
    """Trades by kind, the largest group first; an open one counts as what it is worth now."""
    groups: dict[str, list[TradeRow]] = {}
    for trade in trades:
        groups.setdefault(kind(trade), []).append(trade)
    found = [_group(name, members) for name, members in groups.items()]
    return sorted(found, key=lambda group: -group.trades)


def _group(name: str, trades: Sequence[TradeRow]) -> TradeGroup:
    returns = [trade["pnl_pct"] for trade in trades]
    won = sum(trade["pnl_abs"] > 0 for trade in trades)
    return TradeGroup(name, len(trades), won, sum(trade["pnl_abs"] for trade in trades), max(returns), min(returns))
