"""A result taken apart, the last part of its stats: drawdowns, returns by size, trades by side and by their end."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from adapters.runs.breakdown import Bin, ending_of, returns_histogram, side_of, trades_by, worst_drawdowns
from adapters.runs.series import RunSeries
from contracts.run_result import TradeRow
from web.formats import number

WIDTH, HEIGHT, BOTTOM = 320, 150, 26  # no wider than a phone, so that letters are never drawn smaller
LABEL_EVERY = 5  # bins


def breakdown(run: RunSeries, trades: Sequence[TradeRow]) -> dict[str, Any]:
    """What runs/_breakdown.html shows of a completed run."""
    return {
        "drawdowns": worst_drawdowns(run),
        "histogram": histogram_svg(returns_histogram(run.path)),
        "groups": [*trades_by(trades, side_of), *trades_by(trades, ending_of)],
    }


def histogram_svg(bins: Sequence[Bin]) -> Markup | None:
    """One bar per bin, falls and rises in their colours; None without bins."""
    if not bins:
        return None
    most, step = max(each.bars for each in bins), WIDTH / len(bins)
    parts = [
        f'<rect class="f-{"down" if each.low < 0 else "up"}" x="{place * step + 1:.1f}" width="{step - 2:.1f}" '
        f'y="{_y(each.bars, most):.1f}" height="{HEIGHT - BOTTOM - _y(each.bars, most):.1f}"/>'
        for place, each in enumerate(bins)
    ]
    zero = next(place for place, each in enumerate(bins) if each.low >= 0)
    for place in range(zero % LABEL_EVERY, len(bins), LABEL_EVERY):
        x, text = place * step, number(bins[place].low, 1)
        parts.append(f'<text class="axis" text-anchor="middle" x="{x:.1f}" y="{HEIGHT - 6}">{text}%</text>')
    return Markup(f'<svg viewBox="-30 0 {WIDTH + 60} {HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>')


def _y(bars: int, most: int) -> float:
    return 8 + (HEIGHT - BOTTOM - 8) * (1 - bars / most)
