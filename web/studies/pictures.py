"""Small pictures of a verdict as SVG; colours are CSS classes, since styles may not be inline."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

from markupsafe import Markup, escape

from adapters.metrics.sharpe_evidence import luck_sharpe

WIDTH, HEIGHT, EDGE = 720, 240, 36  # EDGE: room above, and below for words
STEPS = 120  # points of a curve
_NORMAL = NormalDist()


def _svg(shapes: Sequence[str], alt: str) -> Markup:
    head = f'<svg class="study-picture" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(alt)}">'
    return Markup(f"{head}{''.join(shapes)}</svg>")


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _height(value: float, low: float, high: float) -> float:
    return EDGE + (high - value) / (high - low) * (HEIGHT - 2 * EDGE)


def folds_picture(ratios: Sequence[tuple[float | None, float | None]]) -> Markup:
    """A pair of bars for each fold: its Sharpe ratio in sample and out of sample."""
    known = [ratio for pair in ratios for ratio in pair if ratio is not None]
    low, high = min([0.0, *known]), max([0.1, *known])
    zero, room = _height(0.0, low, high), WIDTH / max(len(ratios), 1)
    width = min(room * 0.35, 48)
    shapes = [f'<line class="s-rule" x1="0" x2="{WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}"/>']
    for number, pair in enumerate(ratios):
        middle = (number + 0.5) * room
        for ratio, css, left in zip(pair, ("f-done", "f-strategy"), (middle - width, middle), strict=True):
            if ratio is not None:
                y = _height(ratio, low, high)
                place = f'x="{left:.1f}" width="{width:.1f}" y="{min(y, zero):.1f}" height="{abs(y - zero):.1f}"'
                shapes.append(f'<rect class="{css}" {place}><title>{ratio:.2f}</title></rect>')
        shapes.append(_text(middle, HEIGHT - 6, f"{number + 1}"))
    words = "; ".join(f"fold {number}: {_said(a)} to {_said(b)}" for number, (a, b) in enumerate(ratios, start=1))
    return _svg(shapes, f"Sharpe ratio in sample and out of sample. {words}")


def _said(ratio: float | None) -> str:
    return "none" if ratio is None else f"{ratio:.2f}"


def equity_picture(dates: Sequence[str], equity: Sequence[float]) -> Markup:
    """Equity as a line, with its first and last day and its highest and lowest value."""
    low, high = min(equity), max(equity)
    if low == high:
        low, high = low * 0.99, high * 1.01
    every = max(1, len(equity) // WIDTH)
    last = len(equity) - 1
    shown = [*range(0, last, every), last]
    points = " ".join(f"{at / max(last, 1) * WIDTH:.1f},{_height(equity[at], low, high):.1f}" for at in shown)
    words = [
        _text(2, HEIGHT - 6, dates[0][:10], "start"),
        _text(WIDTH - 2, HEIGHT - 6, dates[-1][:10], "end"),
        _text(2, 27, f"{low:,.0f} to {high:,.0f}", "start"),
    ]
    alt = f"Equity from {equity[0]:,.0f} on {dates[0][:10]} to {equity[-1]:,.0f} on {dates[-1][:10]}"
    return _svg([f'<polyline class="s-strategy" points="{points}"/>', *words], alt)


def luck_of_best(evidence: dict[str, Any]) -> Markup | None:
    """The best of the trials without skill against the best that was observed; None where the trials do not spread."""
    luck, trials = evidence["luck_sharpe_ratio"], evidence["trials"]
    return luck_picture(evidence["sharpe_ratio"], luck, luck / luck_sharpe(1.0, trials), trials) if luck else None


def luck_of_one(evidence: dict[str, Any]) -> Markup | None:
    """One path without skill against the one that was observed; None where its probability says nothing."""
    share, observed = evidence["probabilistic"], evidence["sharpe_ratio"]
    if share is None or not 0 < share < 1 or share == 0.5:
        return None
    return luck_picture(observed, 0.0, observed / _NORMAL.inv_cdf(share), 1)


def luck_picture(observed: float, luck: float, one: float, trials: int) -> Markup:
    """How likely luck alone gives each Sharpe ratio as the best of the trials, and the one that was observed.

    one: standard deviation of the ratio of one trial.
    """
    low, high = min(observed, luck - 3 * one, 0.0), max(observed, luck + 3 * one)
    ratios = [low + (high - low) * step / STEPS for step in range(STEPS + 1)]
    densities = [_best_density(ratio / one, trials) for ratio in ratios]
    across = [(ratio - low) / (high - low) * (WIDTH - 2 * EDGE) + EDGE for ratio in ratios]
    points = " ".join(
        f"{x:.1f},{_height(density, 0.0, max(densities)):.1f}" for x, density in zip(across, densities, strict=True)
    )
    mark = EDGE + (observed - low) / (high - low) * (WIDTH - 2 * EDGE)
    shapes = [
        f'<polyline class="s-luck" points="{points}"/>',
        f'<line class="s-strategy" x1="{mark:.1f}" x2="{mark:.1f}" y1="{EDGE}" y2="{HEIGHT - EDGE}"/>',
        _text(min(max(mark, 120), WIDTH - 120), 27, f"observed {observed:.2f}"),
        _text(EDGE + (luck - low) / (high - low) * (WIDTH - 2 * EDGE), HEIGHT - 6, f"luck gives {luck:.2f}"),
    ]
    return _svg(
        shapes, f"The best of {trials} without skill has a Sharpe ratio of about {luck:.2f}; seen: {observed:.2f}"
    )


def _best_density(value: float, trials: int) -> float:
    """Density of the highest of so many standard normal draws."""
    below: float = _NORMAL.cdf(value) ** (trials - 1)
    return trials * _NORMAL.pdf(value) * below
