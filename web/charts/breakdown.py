"""Breakdown of a result: drawdowns, the distribution of returns, trades by side and by exit reason."""

from collections.abc import Callable, Sequence
from datetime import date
from math import floor
from operator import itemgetter

import numpy as np
from markupsafe import Markup

from adapters.metrics.curves import falls
from adapters.prices.bars import Column
from adapters.runs.series import RunSeries
from contracts.values import Json, Values
from web.formats import bar, number, picture, scale, text

WORST = 5  # drawdowns that are listed
LEAST_PCT = 0.005  # a shallower one is displayed as 0.00
BINS = 20  # of the histogram, between the lowest and the highest return that are not extreme
EXTREME_SHARE = 0.005  # of the returns on either side go into the outermost bins
# no wider than a phone, so that letters are never drawn smaller
WIDTH, HEIGHT, TOP, BOTTOM = 320, 150, 8, 26
LABEL_EVERY = 5  # bins


def breakdown(run: RunSeries) -> Json:
    """Return the variables of charts/_breakdown.html; a trade is won by its unrounded profit."""
    trades = run.trades
    closed = [each for each in trades if not each["is_open"]]
    return {
        "drawdowns": worst_drawdowns(run),
        "histogram": histogram_svg(returns_histogram(run.path)),
        "groups": [*trades_by(closed, itemgetter("side")), *trades_by(trades, ending_of)],
    }


def worst_drawdowns(run: RunSeries) -> list[Json]:
    """Return the deepest drawdowns, deepest first; the initial capital is the first peak, on the first day."""
    drawdowns = (_drawdown(run, *fall) for fall in falls(run.path))
    deep = (each for each in drawdowns if each["depth_pct"] >= LEAST_PCT)
    return sorted(deep, key=lambda each: -each["depth_pct"])[:WORST]


def _drawdown(run: RunSeries, start: int, end: int) -> Json:
    """Return a drawdown from its peak to its recovery, or to the last day with `end` None, with its length in days."""
    path = run.path
    lowest = start + int(path[start : end + 1].argmin())
    peak, bottom, last = (run.dates[max(point - 1, 0)] for point in (start, lowest, end))
    return {
        "depth_pct": float((path[start] - path[lowest]) / path[start]) * 100,
        "start": peak,
        "bottom": bottom,
        "end": last if path[end] >= path[start] else None,
        "days": (date.fromisoformat(last[:10]) - date.fromisoformat(peak[:10])).days,
    }


def returns_histogram(path: Column) -> list[tuple[float, int]]:
    """Count bar returns by bins, each with its lower edge in percent; [] without any position.

    The outermost bins include all returns beyond them. Zero is an edge. Bars without a return, and bars that began with
    no money left, are not counted.
    """
    before, after = path[:-1], path[1:]
    has_money = before > 0
    returns = np.sort(after[has_money] / before[has_money] - 1) * 100
    returns = returns[returns != 0]
    if not len(returns):
        return []
    cut = floor(len(returns) * EXTREME_SHARE)
    low, high = min(float(returns[cut]), 0.0), max(float(returns[-1 - cut]), 0.0)
    width = (high - low) / BINS
    edges = np.arange(floor(low / width), floor(high / width) + 2) * width
    counts, _ = np.histogram(returns.clip(edges[0], edges[-1]), edges)
    return [*zip(edges.tolist(), counts.tolist(), strict=False)]


def histogram_svg(bins: Sequence[tuple[float, int]]) -> Markup | None:
    """Draw one bar per bin, losses and gains in their colours; None without bins."""
    if not bins:
        return None
    step, floor_y = WIDTH / len(bins), HEIGHT - BOTTOM
    y = scale(0, max(bars for _, bars in bins), floor_y, TOP)
    parts = [
        bar("f-down" if low < 0 else "f-up", place * step + 1, step - 2, y(bars), floor_y)
        for place, (low, bars) in enumerate(bins)
    ]
    zero = next(place for place, (low, _) in enumerate(bins) if low >= 0)
    for place in range(zero % LABEL_EVERY, len(bins), LABEL_EVERY):
        parts.append(text(place * step, HEIGHT - 6, f"{number(bins[place][0], 1)}%"))
    return picture(parts, f'viewBox="-30 0 {WIDTH + 60} {HEIGHT}"')


def ending_of(trade: Values) -> str:
    """Return the exit reason of a trade, or `open`."""
    return "open" if trade["is_open"] else str(trade["exit_reason"])


def trades_by(trades: Sequence[Values], kind: Callable[[Values], str]) -> list[Json]:
    """Group trades by kind, the largest group first; an open one counts at its current value."""
    groups: dict[str, list[Values]] = {}
    for trade in trades:
        groups.setdefault(kind(trade), []).append(trade)
    rows = [_group(name, members) for name, members in groups.items()]
    return sorted(rows, key=lambda group: -group["trades"])


def _group(name: str, trades: Sequence[Values]) -> Json:
    returns = [trade["pnl_pct"] for trade in trades]
    earned = [trade["pnl_abs"] for trade in trades]
    return {
        "name": name,
        "trades": len(trades),
        "won": sum(each > 0 for each in earned),
        "pnl_abs": sum(earned),
        "best_pct": max(returns),
        "worst_pct": min(returns),
    }
