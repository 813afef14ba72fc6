"""A result taken apart, the last part of its stats: drawdowns, returns by size, trades by side and by their end."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from markupsafe import Markup

from adapters.runs.breakdown import (
    Bin,
    ending_of,
    returns_histogram,
    trades_by,
    worst_drawdowns,
)
from adapters.runs.series import RunSeries
from contracts.run_result import TradeRow
from web.formats import number
from web.svg import bar, picture, scale, text

# no wider than a phone, so that letters are never drawn smaller
WIDTH, HEIGHT, TOP, BOTTOM = 320, 150, 8, 26
LABEL_EVERY = 5  # bins


def breakdown(run: RunSeries, trades: Sequence[TradeRow]) -> dict[str, Any]:
    """What runs/_breakdown.html shows of a completed run."""
    return {
        "drawdowns": worst_drawdowns(run),
        "histogram": histogram_svg(returns_histogram(run.path)),
        "groups": [
            *trades_by([each for each in trades if not each["is_open"]], itemgetter("side")),
            *trades_by(trades, ending_of),
        ],
    }


def histogram_svg(bins: Sequence[Bin]) -> Markup | None:
    """One bar per bin, falls and rises in their colours; None without bins."""
    if not bins:
        return None
    step, floor = WIDTH / len(bins), HEIGHT - BOTTOM
    y = scale(0, max(each.bars for each in bins), floor, TOP)
    parts = [
        bar("f-down" if each.low < 0 else "f-up", place * step + 1, step - 2, y(each.bars), floor)
        for place, each in enumerate(bins)
    ]
    zero = next(place for place, each in enumerate(bins) if each.low >= 0)
    for place in range(zero % LABEL_EVERY, len(bins), LABEL_EVERY):
        parts.append(text(place * step, HEIGHT - 6, f"{number(bins[place].low, 1)}%"))
    return picture(parts, f'viewBox="-30 0 {WIDTH + 60} {HEIGHT}"')
