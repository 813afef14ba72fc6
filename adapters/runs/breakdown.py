"""A result taken apart: its worst drawdowns, its returns by size, its trades by kind."""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from math import floor

import numpy as np

from adapters.prices.bars import Column
from adapters.runs.series import RunSeries
from contracts.run_result import TradeRow
from contracts.values import frozen

WORST = 5  # drawdowns that are listed
LEAST_PCT = 0.005  # a shallower one would be shown as 0.00
BINS = 20  # of the histogram, between the lowest and the highest return that are not extreme
EXTREME_SHARE = 0.005  # of the returns on either side go into the outermost bins


@frozen
class DrawdownSpan:
    """From a peak of the equity to the day on which it was reached again; `end` is None while it is not."""

    depth_pct: float
    start: str
    bottom: str
    end: str | None
    days: int  # from the peak to the end, or to the last day


def worst_drawdowns(run: RunSeries) -> list[DrawdownSpan]:
    """The deepest drawdowns, deepest first; the initial capital is the first peak, on the first day."""
    path = run.path
    # of falls, the last of them of a fall without an end
    tops = np.flatnonzero(path == np.maximum.accumulate(path))
    ends = pairwise([*tops.tolist(), len(path)])
    spans = (_span(run, start, end) for start, end in ends if end - start > 1)
    deep = (span for span in spans if span.depth_pct >= LEAST_PCT)
    return sorted(deep, key=lambda span: -span.depth_pct)[:WORST]


def _span(run: RunSeries, start: int, end: int) -> DrawdownSpan:
    """The fall between two points of the path; the first one is dated as the first bar."""
    lowest = start + int(run.path[start:end].argmin())
    peak, bottom, last = (
        run.dates[max(point - 1, 0)] for point in (start, lowest, min(end, len(run.equity)))
    )
    days = (date.fromisoformat(last[:10]) - date.fromisoformat(peak[:10])).days
    depth_pct = float((run.path[start] - run.path[lowest]) / run.path[start]) * 100
    return DrawdownSpan(depth_pct, peak, bottom, last if end <= len(run.equity) else None, days)


@frozen
class Bin:
    """How many bars returned from `low` to below `high` percent; the outermost bins hold all that lies beyond them."""

    low: float
    high: float
    bars: int


def returns_histogram(path: Column) -> list[Bin]:
    """Bars by their return, those without any left out; [] where nothing was ever held. Zero is a bin's edge."""
    before, after = path[:-1], path[1:]
    moved = after != before
    returns = np.sort(after[moved] / before[moved] - 1) * 100
    if not len(returns):
        return []
    cut = floor(len(returns) * EXTREME_SHARE)
    low, high = min(float(returns[cut]), 0.0), max(float(returns[-1 - cut]), 0.0)
    width = (high - low) / BINS
    edges = np.arange(floor(low / width), floor(high / width) + 2) * width
    counts, _ = np.histogram(returns.clip(edges[0], edges[-1]), edges)
    sides = edges.tolist()
    return [Bin(*each) for each in zip(sides, sides[1:], counts.tolist(), strict=False)]


@frozen
class TradeGroup:
    """Trades of one kind."""

    name: str
    trades: int
    won: int
    pnl_abs: float
    best_pct: float
    worst_pct: float


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
    earned = [trade["pnl_abs"] for trade in trades]
    won = sum(each > 0 for each in earned)
    return TradeGroup(name, len(trades), won, sum(earned), max(returns), min(returns))
